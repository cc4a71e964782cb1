"""From the importance of units to labels of tokens."""

from collections.abc import Sequence

from extracot.compressor.alignment import Span, token_owners
from extracot.compressor.training.focal import IGNORED


def nearest_tier(importance: float, tiers: Sequence[float]) -> int:
    """Index of the tier nearest to an importance; of two equally near ones the lower."""
    return min(range(len(tiers)), key=lambda tier: (abs(tiers[tier] - importance), tier))


def token_labels(
    offsets: Sequence[Span], spans: Sequence[Span], importance: Sequence[float], tiers: Sequence[float]
) -> list[int]:
    """The tier of the unit that each token starts in.

    Args:
        offsets: [T] character offsets of the tokens of the whole chain of thought.
        spans: [U] annotated units, ascending, without overlap.
        importance: [U] in [0, 1].
        tiers: [C] ascending.

    Returns:
        [T] index of a tier; IGNORED for a token that starts in no unit.
    """
    labels = [nearest_tier(value, tiers) for value in importance]
    return [IGNORED if owner < 0 else labels[owner] for owner in token_owners(offsets, spans)]
