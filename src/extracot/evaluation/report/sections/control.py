"""Whether a model keeps to the ratio that it is asked for."""

from extracot.evaluation.metrics import control_quality
from extracot.evaluation.report.charts import ChartPoint, ChartSeries, control_chart
from extracot.evaluation.report.results import Results
from extracot.evaluation.report.sections.parts import NARROW, legend
from extracot.text.markup import NOTHING, Markup, element, escape, text_element


def control_figure(results: Results) -> Markup:
    """Realised against asked ratio for every arm that was asked fixed ratios; nothing without one."""
    series: list[ChartSeries] = []
    remarks: list[Markup] = []
    for arm, style in results.styles.items():
        fixed = [row for row in results.rows_of(arm) if row.key.mode == "fixed"]
        measured = [
            (row.key.target_ratio, row.metrics.act_ratio, row.metrics.act_ratio_interval)
            for row in fixed
            if row.key.target_ratio is not None and row.metrics.act_ratio is not None
        ]
        by_target = {target: actual for target, actual, _ in measured}
        quality = control_quality(by_target)
        if quality is None:
            continue
        points = [
            ChartPoint(
                target,
                actual,
                interval,
                f"{actual:.2f}" if style == "main" else "",
                f"{arm}, target {target:.2f}: ActRatio {actual:.3f}",
            )
            for target, actual, interval in measured
        ]
        series.append(ChartSeries(arm, points, style))
        order = (
            "more is used whenever more is asked for"
            if quality.is_monotone
            else "asking for more does not always use more"
        )
        remark = f"{arm}: mean control error {quality.mean_error:.3f}"
        remarks.append(text_element("li", f"{remark}; {order}" if len(by_target) > 1 else remark))
    if not series:
        return NOTHING
    return element(
        "figure",
        text_element("h3", "Does it keep to the budget?"),
        legend({one.name: one.style for one in series}),
        control_chart(series, NARROW + 60, 340),
        element(
            "figcaption",
            escape("The dashed diagonal is perfect control."),
            element("ul", *remarks, class_="remarks"),
        ),
    )
