"""Accuracy against tokens, and the arms at equal cost."""

from collections.abc import Sequence

from extracot.evaluation.report.charts import ChartPoint, ChartSeries, accuracy_curve
from extracot.evaluation.report.results import Results, Row, compare_curves
from extracot.evaluation.report.sections.parts import NARROW, WIDE, cell, legend
from extracot.evaluation.table import describe_mode, percent
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element


def curve_figure(results: Results) -> Markup:
    """The accuracy-against-tokens curve, the policies closer where there are several, and the arms at equal cost."""
    policies = [row for row in results.rows if row.key.mode == "policy"]
    several = len(policies) > 1
    series = [
        ChartSeries(arm, [_curve_point(row, several) for row in results.rows_of(arm)], style)
        for arm, style in results.styles.items()
    ]
    caption = (
        "Up and to the left is better. Lines join the fixed ratios of one arm, labelled with the ratio asked "
        "for; large dots are policies; the dashed line is the base model's accuracy; bars are intervals."
    )
    figure = element(
        "figure",
        legend(results.styles),
        accuracy_curve(series, WIDE, 460, class_="chart wide"),
        accuracy_curve(series, NARROW, 360, class_="chart narrow"),
        text_element("figcaption", caption),
    )
    return join(figure, _closer(results, series) if several else NOTHING, _curve_comparison(results))


def _closer(results: Results, series: Sequence[ChartSeries]) -> Markup:
    """The policies alone, on axes of their own."""
    alone = [
        ChartSeries(one.name, [point for point in one.points if point.is_policy], one.style) for one in series
    ]
    alone = [one for one in alone if one.points]
    reference = None if results.base is None else results.base.metrics.accuracy
    charts = [
        accuracy_curve(alone, width, 340, starts_at_zero=False, reference=reference, class_=f"chart {class_}")
        for width, class_ in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    caption = "The policies alone, closer: neither axis starts at zero."
    return element("figure", *charts, text_element("figcaption", caption))


def _curve_point(row: Row, names_arm: bool) -> ChartPoint:
    metrics, mode = row.metrics, describe_mode(row.key)
    where = f"{percent(metrics.accuracy)} % at {metrics.mean_think_tokens:.0f} think tokens"
    is_policy = row.key.mode == "policy"
    return ChartPoint(
        metrics.mean_think_tokens,
        metrics.accuracy,
        metrics.accuracy_interval,
        row.key.arm if is_policy and names_arm else mode,
        f"{row.key.arm}, {mode}: {where}",
        is_policy=is_policy,
    )


def _curve_comparison(results: Results) -> Markup:
    comparisons = compare_curves(results)
    if not comparisons:
        return NOTHING
    policy = results.headline
    rows = []
    if policy is not None:
        swatch = element("span", class_="swatch main")
        name = element("th", swatch, escape(f"{policy.key.arm} policy"), scope="row")
        accuracy = cell(percent(policy.metrics.accuracy))
        rows.append(element("tr", name, accuracy, cell(None), class_="policy main"))
    for one in comparisons:
        swatch = element("span", class_=f"swatch {results.styles[one.arm]}")
        at_cost = None if one.accuracy_at_policy_cost is None else percent(one.accuracy_at_policy_cost)
        area = None if one.area is None else percent(one.area)
        rows.append(
            element(
                "tr",
                element("th", swatch, escape(f"{one.arm} fixed ratios"), scope="row"),
                cell(at_cost),
                cell(area),
            )
        )
    cost = "" if policy is None else f" at {policy.metrics.mean_think_tokens:.0f} think tokens"
    headings = ("", f"Acc@all, %{cost}", "area under the curve, %")
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    note = (
        "Fixed ratios are read off their line at the policy's mean think tokens; – where the line does not "
        "reach that far. The area is the mean height of the line over the tokens that all lines cover."
    )
    return join(
        text_element("h3", "At equal cost"),
        element("div", element("table", head, element("tbody", *rows)), class_="scroll"),
        text_element("p", note, class_="note"),
    )
