"""Which examples of an optimiser step share a pass when they are laid end to end.

Packing by tokens alone, as TRL's own does, changes which examples make a step; here a step keeps its examples, so
the loss is that of the padded run and so are the learning rate and the number of steps. TRL's packed collator and
its block mask do the rest.
"""

from collections.abc import Sequence


def pack_steps(lengths: Sequence[int], batch_size: int, micro_batch_size: int, n_processes: int = 1) -> list[list[int]]:
    """Spread the examples of every step evenly over its passes.

    Longest first, each goes to the pass with the fewest tokens so far; the passes of a step differ by at most its
    longest example.

    Args:
        lengths: tokens of each example, in the order in which they are learnt.
        batch_size: examples per optimiser step; the last step may have fewer.
        micro_batch_size: mean examples per pass; `batch_size` is a multiple of it times `n_processes`.
        n_processes: of a short last step too, each gets as many passes as the others, where there are examples enough.

    Returns:
        Places in `lengths` per pass, every place once, none of the passes empty; ascending within a pass.
    """
    packs: list[list[int]] = []
    for start in range(0, len(lengths), batch_size):
        step = range(start, min(start + batch_size, len(lengths)))
        n_even = -(-len(step) // (micro_batch_size * n_processes)) * n_processes
        n_packs = min(len(step), n_even)
        members: list[list[int]] = [[] for _ in range(n_packs)]
        n_tokens = [0] * n_packs
        for place in sorted(step, key=lambda place: -lengths[place]):
            # Fewest tokens, then fewest members: so no pass stays empty.
            lightest = min(range(n_packs), key=lambda pack: (n_tokens[pack], len(members[pack])))
            members[lightest].append(place)
            n_tokens[lightest] += lengths[place]
        packs += [sorted(pack) for pack in members]
    return packs
