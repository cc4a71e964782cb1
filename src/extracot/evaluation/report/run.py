"""The report stage: finished runs in; `report.html`, `table.md`, `table.csv` and the table on stdout out."""

from extracot.evaluation.metrics import RowMetrics
from extracot.evaluation.report.collect import merge_data_sets, read_evaluation, read_pipeline
from extracot.evaluation.report.config import ReportConfig
from extracot.evaluation.report.page import render_page
from extracot.evaluation.report.results import arrange_results
from extracot.evaluation.table import render_csv, render_markdown, render_plain
from extracot.io.atomic import write_text_atomic
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory


def run(config: ReportConfig, run_dir: RunDirectory) -> Manifest:
    """Write the report of one or more evaluations.

    Raises:
        MissingFileError: a run that is not there or not finished.
        DataError: a run of another stage, or records this version cannot read.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    evaluations = [read_evaluation(path) for path in config.evaluations]
    own = run_dir.path.resolve()
    pipeline = read_pipeline(config.pipeline) if config.pipeline is not None else []
    pipeline = [one for one in pipeline if one.path.resolve() != own]
    data_sets = merge_data_sets(evaluations)
    page = render_page(
        config.title, data_sets, [evaluation.run for evaluation in evaluations], pipeline, config.examples
    )
    tables: dict[str, list[RowMetrics]] = {
        data_set.name: [row.metrics for row in arrange_results(data_set.scores).rows]
        for data_set in data_sets
    }
    html_path, markdown_path, csv_path = (
        run_dir.path / name for name in ("report.html", "table.md", "table.csv")
    )
    write_text_atomic(html_path, page)
    write_text_atomic(markdown_path, _markdown(config.title, tables))
    write_text_atomic(csv_path, render_csv(tables))
    for name, rows in tables.items():
        print(f"{name}\n\n{render_plain(rows)}")
    run_dir.log(f"report: {html_path}")
    return run_dir.finish(
        inputs=[evaluation.run.path / "manifest.json" for evaluation in evaluations]
        + [one.path / "manifest.json" for one in pipeline],
        outputs=[html_path, markdown_path, csv_path],
        counts={
            "data_sets": len(data_sets),
            "rows": sum(len(rows) for rows in tables.values()),
            "scores": sum(len(data_set.scores) for data_set in data_sets),
            "pipeline_runs": len(pipeline),
        },
        seeds={},
    )


def _markdown(title: str, tables: dict[str, list[RowMetrics]]) -> str:
    parts = [f"# {title}\n", *(f"## {name}\n\n{render_markdown(rows)}" for name, rows in tables.items())]
    return "\n".join(parts)
