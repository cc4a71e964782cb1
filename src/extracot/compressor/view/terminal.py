"""Kept and dropped text for a terminal."""

from collections.abc import Iterator, Sequence

from extracot.compressor.view.collect import ViewedTrace, describe_outcome, describe_target, stretches
from extracot.text.markup import printable

_BOLD, _DROPPED, _PLAIN = "\x1b[1m", "\x1b[2;9m", "\x1b[0m"


def render_terminal(views: Sequence[ViewedTrace], with_colour: bool) -> Iterator[str]:
    """Blocks of lines, one per trace and compression.

    Args:
        views: what to show.
        with_colour: dropped text dim and struck out by ANSI codes; else it stands in `[-…-]`. Control characters
            of the text itself come out as U+FFFD, so a trace cannot command the terminal.
    """
    for view in views:
        yield _bold(f"trace {printable(view.trace.id)}", with_colour) + f"\n{printable(view.trace.question.strip())}\n"
        for record in view.compressions:
            head = f"{describe_target(record)}: {printable(describe_outcome(record))}"
            yield f"\n{_bold(head, with_colour)}\n"
            if record.outcome == "ok":
                pieces = stretches(len(view.trace.cot), [record.kept])
                yield "".join(_show(view.trace.cot[a:b], is_kept, with_colour) for a, b, (is_kept,) in pieces) + "\n"
        yield "\n"


def _show(text: str, is_kept: bool, with_colour: bool) -> str:
    shown = printable(text)
    if is_kept or not shown.strip():
        return shown
    # Line by line: a pager forgets the style at a line end.
    open_, close = (_DROPPED, _PLAIN) if with_colour else ("[-", "-]")
    return "\n".join(f"{open_}{line}{close}" if line.strip() else line for line in shown.split("\n"))


def _bold(text: str, with_colour: bool) -> str:
    return f"{_BOLD}{text}{_PLAIN}" if with_colour else text
