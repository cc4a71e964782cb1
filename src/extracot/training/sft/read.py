"""Read an SFT set, and tell what else was given in its place."""

from collections.abc import Iterator

from extracot.errors import DataError
from extracot.io.jsonl import read_jsonl, read_records
from extracot.records.sft_example import SftExample


def read_examples(path: str) -> Iterator[SftExample]:
    """The rows of an SFT set.

    Raises:
        DataError: an empty file, traces or compressions in place of examples, or a row that does not parse.
    """
    first = next((row for _, row in read_jsonl(path)), None)
    if first is None:
        raise DataError(f"{path}: holds no examples")
    if "prompt" not in first and first.get("format") != SftExample.model_fields["format"].default:
        found = _what_it_is(first)
        if found is not None:
            raise DataError(
                f"{path}: holds {found}, no SFT examples; make them with: "
                "extracot build-sft --set traces=... compressions=... model=<prepared model>"
            )
    return read_records(path, SftExample)


def _what_it_is(row: dict[str, object]) -> str | None:
    """What a row of another kind is called; None for one that we do not know."""
    kind = str(row.get("format", "")).removeprefix("extracot.").partition("/")[0]
    if kind in ("trace", "compression", "annotation", "problem", "score"):
        return f"{kind}s"
    if "question" in row and ("cot" in row or "response" in row):
        return "raw traces"
    return "problems" if "question" in row else None
