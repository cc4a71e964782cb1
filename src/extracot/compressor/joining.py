"""From kept units back to text."""

from collections.abc import Sequence

from extracot.compressor.alignment import Span


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


def join_spans(text: str, spans: Sequence[Span]) -> str:
    """The spans of a text one after the other, each as it stands with the white space it begins with.

    Only white space is ever touched: it is stripped at both ends of the result, and where something was
    dropped between two pieces that have none at the seam one is put there, so that dropping `x` from `3x4` or
    from `3 x4` gives `3 4` and not `34`. It is a line end where the dropped stretch held one, else a blank.
    Pieces that only brackets or signs would touch are left glued, as in `(`…`$x$`, unless the dropped stretch
    held white space.

    Args:
        text: the whole text.
        spans: ascending, not touching (see `kept_spans`).
    """
    pieces: list[str] = []
    previous_end = 0
    for start, end in spans:
        piece = text[start:end]
        if pieces and not pieces[-1][-1].isspace() and not piece[0].isspace():
            dropped = text[previous_end:start]
            would_fuse = pieces[-1][-1].isalnum() and piece[0].isalnum()
            if would_fuse or any(character.isspace() for character in dropped):
                pieces.append("\n" if "\n" in dropped else " ")
        pieces.append(piece)
        previous_end = end
    return "".join(pieces).strip()
