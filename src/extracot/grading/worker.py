"""What runs inside a grading process: math-verify on one pair of answers, with bounded memory and no clock
of its own.

math-verify bounds its time with `signal.alarm`, which fails outside the main thread, so its clock is
switched off here and the pool's hard kill bounds the time instead. Start-up imports nothing heavy besides
math-verify.
"""

import contextlib
import logging
import sys
import warnings

N_SPARE_BYTES = 1 << 30
"""Memory that a comparison may take beyond what the warm process holds; more is a MemoryError, so
undecided."""


def warm_up() -> None:
    """Pay the imports and the first, slow comparisons before any task's clock starts; bound the memory."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # else it warns that its clock is off
    warnings.simplefilter("ignore")
    compare_symbolically(r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}")
    compare_symbolically("(1, x + 1]", "(1, 1 + x]")
    _bound_memory()


def compare_symbolically(gold: str, predicted: str) -> bool | None:
    """Whether math-verify finds two answers equal; None where it cannot read the gold, or runs out of memory.

    Args:
        gold: plain text or bare LaTeX, without delimiters: they are added, since it reads only delimited
            LaTeX whole (bare, `3\\sqrt{2}` is 3 to it).
        predicted: the same. One that cannot be read is not equal. The order matters for equations: gold
            first.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    config = [LatexExtractionConfig()]
    try:
        gold_parsed, predicted_parsed = (
            parse(f"${text.replace('$', '')}$", config, fallback_mode="no_fallback", parsing_timeout=None)
            for text in (gold, predicted)
        )
        if not gold_parsed:
            return None
        return bool(predicted_parsed) and verify(gold_parsed, predicted_parsed, timeout_seconds=None)
    except (MemoryError, RecursionError):
        return None


def _bound_memory() -> None:
    """Allow `N_SPARE_BYTES` beyond the present size; where the platform cannot, only the time is bounded."""
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:
        present = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (present + N_SPARE_BYTES, hard))
