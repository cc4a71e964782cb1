"""From kept units back to text."""

from collections.abc import Sequence
from typing import Final

from extracot.compressor.alignment import Span

_OPENING: Final = frozenset("([{<\"'“‘«*_`#-–/\\^=+~&")
"""What stands before a word without a blank."""
_MARKS_BEHIND: Final = ")]\"'”’»*_`"
_SENTENCE_ENDS: Final = frozenset(".!?…。！？")
_PAUSES: Final = _SENTENCE_ENDS | frozenset(":;：；")


def kept_spans(units: Sequence[Span], kept: Sequence[bool]) -> list[Span]:
    """The kept stretches of the text, ascending; neighbouring units are merged into one span.

    Args:
        units: [U] ascending, without overlap; empty ones are passed over.
        kept: [U] one flag per unit.
    """
    spans: list[Span] = []
    for (start, end), is_kept in zip(units, kept, strict=True):
        if not is_kept or start == end:
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def join_spans(text: str, spans: Sequence[Span], *, adds_line_ends: bool = True) -> str:
    """The spans of a text one after the other, each as it stands with the white space it begins with.

    Only white space is ever touched, at both ends of the result, where it is stripped, and at a seam, where
    something was dropped between two pieces:

    - Pieces without white space at the seam get some where the dropped stretch held some, or where a word or a
      formula would touch what stands before it: dropping `x` from `3x4` or from `3 x4` gives `3 4` and not `34`.
      Brackets and signs stay glued, as in `(`…`$x$`.
    - It is a line end where the piece before ends no sentence and the dropped stretch ended one, or held a line end,
      so that the lines of a calculation do not run together; else a blank, or what the second piece begins with.

    Args:
        text: the whole text.
        spans: ascending, not touching (see `kept_spans`).
        adds_line_ends: False leaves out the second of these rules but for pieces without white space at the seam.
    """
    pieces: list[str] = []
    previous_end = 0
    for start, end in spans:
        piece = text[start:end]
        if pieces and not pieces[-1][-1].isspace():
            dropped = text[previous_end:start]
            body = piece.lstrip()
            lead = piece[: len(piece) - len(body)]
            if "\n" not in lead and body:
                is_apart = bool(lead) or any(character.isspace() for character in dropped)
                if adds_line_ends and is_apart and _needs_line_end(pieces[-1], dropped):
                    piece = "\n" + body
                elif not lead and (is_apart or _needs_blank(pieces[-1][-1], body[0])):
                    piece = ("\n" if "\n" in dropped else " ") + body
        pieces.append(piece)
        previous_end = end
    return "".join(pieces).strip()


def _needs_line_end(left: str, dropped: str) -> bool:
    """Whether what stands before a seam would run into a sentence or line that it does not belong to."""
    if left[-8:].rstrip(_MARKS_BEHIND)[-1:] in _PAUSES:
        return False
    return "\n" in dropped or dropped.rstrip()[-8:].rstrip(_MARKS_BEHIND)[-1:] in _SENTENCE_ENDS


def _needs_blank(left: str, right: str) -> bool:
    """Whether two characters that were apart in the text would read as one word or formula."""
    return left not in _OPENING and (right.isalnum() or right in "$\\")
