"""The whole page: one HTML file that needs nothing else, not even a network."""

from collections.abc import Sequence
from importlib.resources import files

from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.report.collect import DataSet, StageRun
from extracot.evaluation.report.comparison import compare_arms, rows_by_run
from extracot.evaluation.report.examples.completions import gather_completions
from extracot.evaluation.report.examples.compressions import gather_compressions
from extracot.evaluation.report.filters import read_filters
from extracot.evaluation.report.learning import learning_by_arm
from extracot.evaluation.report.results import Results
from extracot.evaluation.report.sections.browser import browser_section
from extracot.evaluation.report.sections.choices import choices_figure
from extracot.evaluation.report.sections.comparison import differences_section, runs_section
from extracot.evaluation.report.sections.control import control_figure
from extracot.evaluation.report.sections.curve import curve_figure
from extracot.evaluation.report.sections.filters import filters_section
from extracot.evaluation.report.sections.headline import headline
from extracot.evaluation.report.sections.latency import latency_figure
from extracot.evaluation.report.sections.learning import learning_section
from extracot.evaluation.report.sections.provenance import provenance_section
from extracot.evaluation.report.sections.stages import stages_section
from extracot.evaluation.report.sections.tables import level_table, results_table, samples_section
from extracot.evaluation.report.sections.teacher_budgets import budgets_section
from extracot.evaluation.report.sections.training import training_section
from extracot.text.markup import NOTHING, Markup, document, element, join, text_element

_COMPRESSIONS_BYTES = 500_000
"""Room for the compressor's own examples."""


def render_page(
    title: str,
    data_sets: Sequence[DataSet],
    arranged: Sequence[Results],
    evaluation_runs: Sequence[StageRun],
    evaluation_configs: Sequence[EvaluateConfig],
    pipeline_runs: Sequence[StageRun],
    max_examples: int | None,
    examples_bytes: int,
) -> str:
    """The report as one self-contained HTML document.

    Args:
        title: heading of the page.
        data_sets: at least one, each with at least one score.
        arranged: the results of each.
        evaluation_runs: the runs the scores come from, for provenance.
        evaluation_configs: theirs, which name the models of the arms.
        pipeline_runs: runs of the other stages, oldest first; may be empty.
        max_examples: questions in each browser; None for what fits, 0 for no browser.
        examples_bytes: room for all data sets' questions.
    """
    known = {run.path.resolve() for run in pipeline_runs}
    all_runs = [*pipeline_runs, *(run for run in evaluation_runs if run.path.resolve() not in known)]
    room = examples_bytes // len(data_sets)
    body = element(
        "main",
        text_element("h1", title),
        *[
            _data_set_section(data_set, results, number, max_examples, room)
            for number, (data_set, results) in enumerate(zip(data_sets, arranged, strict=True), start=1)
        ],
        learning_section(learning_by_arm(pipeline_runs, evaluation_configs), arranged[0].styles),
        _making(pipeline_runs, max_examples),
        provenance_section(all_runs),
        text_element(
            "footer",
            "Written by extracot report. The same numbers, unrounded, are in the .csv files beside this page.",
        ),
    )
    return document(title, Markup(_resource("style.css")), body, script=_resource("page.js"))


def _data_set_section(
    data_set: DataSet, results: Results, number: int, max_examples: int | None, room: int
) -> Markup:
    labels = [run.label for run in data_set.runs]
    return element(
        "section",
        text_element("p", _describe_protocol(data_set, results), class_="byline"),
        headline(results),
        text_element("h2", "All arms"),
        results_table(results),
        samples_section(results, len(labels)),
        text_element("h2", "Accuracy against tokens"),
        curve_figure(results),
        _comparison(results, data_set, labels),
        text_element("h2", "Budgets"),
        element("div", choices_figure(results), control_figure(results), class_="stacked"),
        level_table(results),
        text_element("h2", "Latency"),
        latency_figure(results),
        text_element("h2", "Examples") if max_examples != 0 else NOTHING,
        browser_section(gather_completions(results, data_set.samples), f"questions-{number}", room, max_examples),
        class_="data-set",
    )


def _comparison(results: Results, data_set: DataSet, labels: Sequence[str]) -> Markup:
    parts = join(
        differences_section(results, compare_arms(results, data_set.runs), labels),
        runs_section(results, rows_by_run(results, data_set.runs), labels),
    )
    return join(text_element("h2", "Arm against arm"), parts) if parts else NOTHING


def _making(runs: Sequence[StageRun], max_examples: int | None) -> Markup:
    """How the models came to be."""
    filters = [report for report in map(read_filters, runs) if report is not None]
    compressions = gather_compressions(runs)
    return join(
        stages_section(runs),
        filters_section(filters),
        NOTHING
        if compressions is None
        else browser_section(compressions, "compressions", _COMPRESSIONS_BYTES, max_examples),
        budgets_section(runs),
        training_section(runs),
    )


def _describe_protocol(data_set: DataSet, results: Results) -> str:
    config = data_set.config
    sampling = config.sampling
    greedy = "greedy decoding"
    decoding = f"T {sampling.temperature:g}, top-p {sampling.top_p:g}" if sampling.temperature > 0 else greedy
    n_problems = max(row.metrics.n_problems for row in results.rows)
    runs = f" · {len(data_set.runs)} runs" if len(data_set.runs) > 1 else ""
    return (
        f"{config.problems} · {n_problems} problems · base model {config.base_model} · {decoding} · "
        f"at most {sampling.max_new_tokens} new tokens{runs}"
    )


def _resource(name: str) -> str:
    return files("extracot.evaluation.report").joinpath(name).read_text(encoding="utf-8")
