"""Ways to tell which units matter, behind one protocol (`scorer.py`), and the generic baseline
(`generic.py`)."""
