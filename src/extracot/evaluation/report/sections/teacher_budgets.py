"""The smallest ratio that reliably solves each training problem."""

from collections import Counter
from collections.abc import Sequence

from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.sections.choices import ratio_key, stacked_bars
from extracot.evaluation.report.sections.parts import describe_level
from extracot.records.budget import TeacherBudget
from extracot.text.markup import NOTHING, Markup, element, join, text_element


def budgets_section(runs: Sequence[StageRun]) -> Markup:
    """The smallest ratio that reliably solves each problem, by difficulty; nothing without any."""
    budgets = [budget for run in runs for budget in run.budgets]
    if not budgets:
        return NOTHING
    rows = [("all", _count_budgets(budgets))]
    levels = sorted({budget.level for budget in budgets if budget.level is not None})
    if len(levels) > 1:
        rows += [
            (describe_level(level), _count_budgets([one for one in budgets if one.level == level]))
            for level in levels
        ]
    ratios = sorted(ratio for ratio in rows[0][1] if ratio is not None)
    caption = (
        "Teacher budget of each training problem: the smallest ratio from which on the fine-tuned model "
        "solves it reliably. The policy is trained towards these."
    )
    return join(
        text_element("h3", "Teacher budgets"),
        element(
            "figure",
            ratio_key(ratios, "unsolved" if None in rows[0][1] else None),
            stacked_bars(rows, ratios, {}, "unsolved"),
            text_element("figcaption", caption),
        ),
    )


def _count_budgets(budgets: Sequence[TeacherBudget]) -> Counter[float | None]:
    return Counter(budget.teacher_ratio for budget in budgets)
