"""The whole page: one HTML file that needs nothing else, not even a network."""

from collections.abc import Sequence
from importlib.resources import files

from extracot.evaluation.report.collect import DataSet, StageRun
from extracot.evaluation.report.results import Results, arrange_results, pick_examples
from extracot.evaluation.report.sections.choices import choices_figure
from extracot.evaluation.report.sections.control import control_figure
from extracot.evaluation.report.sections.curve import curve_figure
from extracot.evaluation.report.sections.examples import examples
from extracot.evaluation.report.sections.headline import headline
from extracot.evaluation.report.sections.provenance import provenance_section
from extracot.evaluation.report.sections.stages import stages_section
from extracot.evaluation.report.sections.tables import level_table, results_table
from extracot.evaluation.report.sections.teacher_budgets import budgets_section
from extracot.evaluation.report.sections.training import training_section
from extracot.records.score import Score
from extracot.text.markup import NOTHING, Markup, document, element, text_element


def render_page(
    title: str,
    data_sets: Sequence[DataSet],
    evaluation_runs: Sequence[StageRun],
    pipeline_runs: Sequence[StageRun],
    n_examples: int,
) -> str:
    """The report as one self-contained HTML document.

    Args:
        title: heading of the page.
        data_sets: at least one, each with at least one score.
        evaluation_runs: the runs the scores come from, for provenance.
        pipeline_runs: runs of the other stages, oldest first; may be empty.
        n_examples: problems shown side by side, per data set.
    """
    known = {run.path.resolve() for run in pipeline_runs}
    all_runs = [*pipeline_runs, *(run for run in evaluation_runs if run.path.resolve() not in known)]
    body = element(
        "main",
        text_element("h1", title),
        *[_data_set_section(data_set, n_examples) for data_set in data_sets],
        stages_section(pipeline_runs),
        budgets_section(pipeline_runs),
        training_section(pipeline_runs),
        provenance_section(all_runs),
        text_element(
            "footer",
            "Written by extracot report. The same numbers, unrounded, are in table.csv beside this page.",
        ),
    )
    style = files("extracot.evaluation.report").joinpath("style.css").read_text(encoding="utf-8")
    return document(title, Markup(style), body)


def _data_set_section(data_set: DataSet, n_examples: int) -> Markup:
    results = arrange_results(data_set.scores)
    return element(
        "section",
        text_element("p", _describe_protocol(data_set, results), class_="byline"),
        headline(results),
        text_element("h2", "All arms"),
        results_table(results),
        text_element("h2", "Accuracy against tokens"),
        curve_figure(results),
        text_element("h2", "Budgets"),
        element("div", choices_figure(results), control_figure(results), class_="pair"),
        level_table(results),
        text_element("h2", "Examples") if n_examples else NOTHING,
        examples(results, pick_examples(_main_scores(results), n_examples)),
        class_="data-set",
    )


def _main_scores(results: Results) -> list[Score]:
    """Scores that examples are picked from: the headline row, else every row."""
    rows = [results.headline] if results.headline else results.rows
    return [score for row in rows for score in row.scores]


def _describe_protocol(data_set: DataSet, results: Results) -> str:
    config = data_set.config
    sampling = config.sampling
    greedy = "greedy decoding"
    decoding = f"T {sampling.temperature:g}, top-p {sampling.top_p:g}" if sampling.temperature > 0 else greedy
    n_problems = max(row.metrics.n_problems for row in results.rows)
    return (
        f"{config.problems} · {n_problems} problems · base model {config.base_model} · {decoding} · "
        f"at most {sampling.max_new_tokens} new tokens"
    )
