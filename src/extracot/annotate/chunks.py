"""Cut a long list of units into chunks that a teacher reads one at a time. Pure."""

from collections.abc import Sequence


def chunk_units(sizes: Sequence[int], sentences: Sequence[int], max_units: int, max_chars: int) -> list[range]:
    """Chunks of whole sentences, each as long as the limits allow.

    A sentence that alone is over a limit is cut between units; a unit over `max_chars` is a chunk of its own.

    Args:
        sizes: characters per unit.
        sentences: number of each unit's sentence, never decreasing, as `sentence_numbers` gives them.
        max_units: per chunk, at least 1.
        max_chars: per chunk, at least 1.

    Returns:
        Ranges of unit indices, none empty, that tile all units in order.
    """
    chunks: list[range] = []
    start = 0  # of the chunk
    border = 0  # the last sentence border behind `start`, or `start` itself
    n_chars = 0  # of units start..i
    for i, size in enumerate(sizes):
        if i > start and sentences[i] != sentences[i - 1]:
            border = i
        if i > start and (i - start >= max_units or n_chars + size > max_chars):
            cut = border if border > start else i
            chunks.append(range(start, cut))
            start = border = cut
            n_chars = sum(sizes[start:i])
            if i > start and n_chars + size > max_chars:
                # What was carried over is the head of one long sentence: it stands alone.
                chunks.append(range(start, i))
                start = border = i
                n_chars = 0
        n_chars += size
    if start < len(sizes):
        chunks.append(range(start, len(sizes)))
    return chunks
