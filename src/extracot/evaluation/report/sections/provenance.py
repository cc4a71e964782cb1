"""Where every number comes from."""

from collections.abc import Sequence

from extracot.evaluation.report.collect import StageRun
from extracot.text.durations import format_duration
from extracot.text.markup import NOTHING, Markup, element, join, text_element


def provenance_section(runs: Sequence[StageRun]) -> Markup:
    """Where every number comes from: commits, versions, seeds, digests of configs, inputs and outputs."""
    parts = [text_element("h2", "Provenance", id="provenance")]
    for run in runs:
        manifest = run.manifest
        commit = "not run from a checkout" if manifest.commit is None else manifest.commit[:12]
        if manifest.is_dirty:
            commit += ", with uncommitted changes"
        attempts = "" if manifest.n_attempts == 1 else f", attempt {manifest.n_attempts}"
        facts = {
            "commit": commit,
            "versions": pairs(manifest.versions),
            "seeds": pairs(manifest.seeds),
            "config": f"sha256 {manifest.config_digest}",
            "started": f"{manifest.started_utc:%Y-%m-%d %H:%M} UTC{attempts}",
            "took": format_duration(manifest.duration_s),
        }
        files = [
            element(
                "tr",
                text_element("td", kind),
                text_element("td", digest.path, class_="mono"),
                text_element("td", "" if digest.n_rows is None else str(digest.n_rows)),
                text_element("td", digest.sha256, class_="mono"),
            )
            for kind, digests in (("read", manifest.inputs), ("wrote", manifest.outputs))
            for digest in digests
        ]
        head = element("tr", *[text_element("th", text) for text in ("", "file", "rows", "sha256")])
        table = element("table", element("thead", head), element("tbody", *files), class_="text")
        parts.append(
            element(
                "details",
                element(
                    "summary",
                    text_element("span", manifest.stage, class_="brief"),
                    text_element("span", str(run.path), class_="facts"),
                ),
                element(
                    "dl",
                    *[
                        join(text_element("dt", term), text_element("dd", text or "none"))
                        for term, text in facts.items()
                    ],
                    class_="facts-list",
                ),
                element("div", table, class_="scroll") if files else NOTHING,
            )
        )
    return join(*parts)


def pairs(values: dict[str, float | int | str | None] | dict[str, int] | dict[str, str]) -> str:
    return " · ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
