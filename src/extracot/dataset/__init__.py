"""From traces and their compressions to the mixed-ratio SFT set: filter, rank, mix, and say what was done."""
