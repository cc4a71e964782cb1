"""The report stage: finished runs in; `report.html`, `table.md`, CSV files and the table on stdout out."""

from collections.abc import Sequence

from extracot.evaluation.metrics import RowMetrics
from extracot.evaluation.report.collect import DataSet, merge_data_sets, read_evaluation, read_pipelines
from extracot.evaluation.report.comparison import compare_arms, rows_by_run
from extracot.evaluation.report.comparison_tables import (
    differences_csv,
    differences_markdown,
    runs_csv,
    runs_markdown,
)
from extracot.evaluation.report.config import ReportConfig
from extracot.evaluation.report.page import render_page
from extracot.evaluation.report.results import Results, arrange_results
from extracot.evaluation.table import render_csv, render_markdown, render_plain
from extracot.io.atomic import write_text_atomic
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory


def run(config: ReportConfig, run_dir: RunDirectory) -> Manifest:
    """Write the report of one or more evaluations.

    Raises:
        MissingFileError: a run that is not there or not finished.
        DataError: a run of another stage, records this version cannot read, or one id for two questions.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    evaluations = [read_evaluation(path) for path in config.evaluations]
    own = run_dir.path.resolve()
    pipeline = [one for one in read_pipelines(config.pipeline) if one.path.resolve() != own]
    data_sets = merge_data_sets(evaluations)
    arranged = [arrange_results(data_set.scores) for data_set in data_sets]
    page = render_page(
        config.title,
        data_sets,
        arranged,
        [evaluation.run for evaluation in evaluations],
        [evaluation.config for evaluation in evaluations],
        pipeline,
        config.examples,
        round(1e6 * config.examples_mb),
    )
    tables = {
        data_set.name: [row.metrics for row in results.rows]
        for data_set, results in zip(data_sets, arranged, strict=True)
    }
    texts = {"report.html": page, **_texts(config.title, data_sets, arranged, tables)}
    for name, text in texts.items():
        write_text_atomic(run_dir.path / name, text)
    for name, rows in tables.items():
        print(f"{name}\n\n{render_plain(rows)}")
    run_dir.log(f"report: {run_dir.path / 'report.html'}")
    return run_dir.finish(
        inputs=[evaluation.run.path / "manifest.json" for evaluation in evaluations]
        + [one.path / "manifest.json" for one in pipeline],
        outputs=[run_dir.path / name for name in texts],
        counts={
            "data_sets": len(data_sets),
            "rows": sum(len(rows) for rows in tables.values()),
            "scores": sum(len(data_set.scores) for data_set in data_sets),
            "pipeline_runs": len(pipeline),
        },
        seeds={},
    )


def _texts(
    title: str,
    data_sets: Sequence[DataSet],
    arranged: Sequence[Results],
    tables: dict[str, list[RowMetrics]],
) -> dict[str, str]:
    """The numbers of the page as Markdown and CSV, by file name."""
    parts = [f"# {title}\n"]
    by_run, differences = {}, {}
    for data_set, results in zip(data_sets, arranged, strict=True):
        runs = data_set.runs
        by_run[data_set.name] = (runs, rows_by_run(results, runs))
        differences[data_set.name] = (runs, compare_arms(results, runs))
        parts += [
            f"## {data_set.name}\n\n{render_markdown(tables[data_set.name])}",
            differences_markdown(*differences[data_set.name]),
            runs_markdown(*by_run[data_set.name]),
        ]
    return {
        "table.md": "\n".join(part for part in parts if part),
        "table.csv": render_csv(tables),
        "by_run.csv": runs_csv(by_run),
        "differences.csv": differences_csv(differences),
    }
