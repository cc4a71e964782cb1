"""The sections of one data set: headline, table, curve, control, choices, examples."""

from collections import Counter
from collections.abc import Mapping, Sequence

from extracot.evaluation.metrics import Interval, accuracy_by_level, choices_by_level, control_quality
from extracot.evaluation.report.charts import ChartPoint, ChartSeries, accuracy_curve, control_chart
from extracot.evaluation.report.results import Results, Row, compare_curves
from extracot.evaluation.table import NOTHING as NO_NUMBER
from extracot.evaluation.table import describe_mode, percent, percent_interval
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element
from extracot.text.think import split_response

WIDE, NARROW = 1040, 380
"""Widths in px at which charts are drawn for a desk and for a phone."""

_PERCENT = "\N{NO-BREAK SPACE}%"

_MAX_SHOWN_CHARACTERS = 20_000
"""Longer texts are cut in the examples, so that one run-away cannot fill the page."""

_OUTCOME_WORDS = {
    Outcome.CORRECT: "correct",
    Outcome.WRONG: "wrong",
    Outcome.NO_ANSWER: "no answer",
    Outcome.TRUNCATED: "truncated",
    Outcome.UNGRADED: "ungraded",
}


def headline(results: Results) -> Markup:
    """One sentence and four numbers: the policy against the base model."""
    base, policy = results.base, results.headline
    if base is None or policy is None:
        missing = "base model" if base is None else "policy"
        return text_element("p", f"This evaluation has no {missing} row, so there is no headline to give.")
    ours, theirs = policy.metrics, base.metrics
    saved = ours.saving
    sentence = join(
        escape("Choosing its own budget, "),
        text_element("strong", policy.key.arm),
        escape(" solves "),
        text_element("strong", f"{percent(ours.accuracy)}{_PERCENT}"),
        escape(
            f" of {ours.n_problems} problems; the base model solves {percent(theirs.accuracy)}{_PERCENT}."
        ),
    )
    if ours.act_ratio is not None:
        sentence = join(
            sentence,
            escape(" It thinks in "),
            text_element("strong", f"{percent(ours.act_ratio, 0)}{_PERCENT}"),
            escape(" of the tokens."),
        )
    ratio_interval = ours.act_ratio_interval
    saving_interval = Interval(1 - ratio_interval.high, 1 - ratio_interval.low) if ratio_interval else None
    cards = [
        _number(
            "Think tokens saved",
            percent(saved),
            "%",
            f"{_interval_words(percent_interval(saving_interval))}"
            f"{ours.mean_think_tokens:.0f} instead of {theirs.mean_think_tokens:.0f} per question",
            is_main=True,
        ),
        _number(
            "Accuracy (Acc@all)",
            percent(ours.accuracy),
            "%",
            f"{_interval_words(percent_interval(ours.accuracy_interval))}"
            f"base {percent(theirs.accuracy)}{_PERCENT} ({percent_interval(theirs.accuracy_interval)})",
        ),
        _difference_card(policy),
        _number(
            "Median latency",
            _short_seconds(ours.latency.p50_s),
            "s",
            f"base {_short_seconds(theirs.latency.p50_s)} s; p95 {_short_seconds(ours.latency.p95_s)} s "
            f"against {_short_seconds(theirs.latency.p95_s)} s, decoded in batches",
        ),
    ]
    return join(element("p", sentence, class_="lead"), element("dl", *cards, class_="numbers"))


def results_table(results: Results) -> Markup:
    """Every row, arm by arm."""
    headings = (
        "asked for",
        "Acc@all, %",
        "vs base, points",
        "think tokens",
        "all tokens",
        "ActRatio",
        "control error",
        "truncated, %",
        "no answer, %",
        "unclosed, %",
        "latency p50, s",
        "p95, s",
    )
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    bodies = []
    for arm, style in results.styles.items():
        swatch = element("span", class_=f"swatch {style}")
        label = element("th", swatch, escape(arm), colspan=len(headings), scope="rowgroup")
        rows = [_table_row(row, style) for row in results.rows_of(arm)]
        bodies.append(element("tbody", element("tr", label, class_="arm"), *rows))
    counts = sorted({(row.metrics.n_problems, row.metrics.n_completions) for row in results.rows})
    if len(counts) == 1:
        samples = counts[0][1] // counts[0][0]
        asked = f"{counts[0][0]} problems, {samples} sample{'s' if samples > 1 else ''} each."
    else:
        asked = "The rows were not asked equally often: " + ", ".join(
            f"{row.key.arm} {describe_mode(row.key)} {row.metrics.n_problems}/{row.metrics.n_completions}"
            for row in results.rows
        )
    note = (
        f"{asked} Small print: 95 % intervals. Acc@all counts truncated and unparseable answers as wrong. "
        "ActRatio: mean think tokens ÷ the base model's mean on the same questions. Control error: "
        "|ActRatio − target|. An unclosed think block counts in full."
    )
    table = element("table", head, *bodies)
    return join(element("div", table, class_="scroll"), text_element("p", note, class_="note"))


def curve_figure(results: Results) -> Markup:
    """The accuracy-against-tokens curve, with the comparison at equal cost below it."""
    series = [
        ChartSeries(arm, [_curve_point(row) for row in results.rows_of(arm)], style)
        for arm, style in results.styles.items()
    ]
    caption = (
        "Up and to the left is better. Lines join the fixed ratios of one arm, labelled with the ratio asked "
        "for; the large dot is the policy; the dashed line is the base model's accuracy; bars are intervals."
    )
    return join(
        element(
            "figure",
            legend(results.styles),
            accuracy_curve(series, WIDE, 460, "chart wide"),
            accuracy_curve(series, NARROW, 360, "chart narrow"),
            text_element("figcaption", caption),
        ),
        _curve_comparison(results),
    )


def control_figure(results: Results) -> Markup:
    """Realised against asked ratio for every arm that was asked fixed ratios; nothing without one."""
    series: list[ChartSeries] = []
    remarks: list[Markup] = []
    for arm, style in results.styles.items():
        fixed = [row for row in results.rows_of(arm) if row.key.mode == "fixed"]
        by_target = {
            row.key.target_ratio: row.metrics.act_ratio
            for row in fixed
            if row.key.target_ratio is not None and row.metrics.act_ratio is not None
        }
        quality = control_quality(by_target)
        if quality is None:
            continue
        points = [
            ChartPoint(
                target,
                actual,
                row.metrics.act_ratio_interval,
                f"{actual:.2f}" if style == "main" else "",
                f"{arm}, target {target:.2f}: ActRatio {actual:.3f}",
            )
            for row, (target, actual) in zip(fixed, by_target.items(), strict=False)
        ]
        series.append(ChartSeries(arm, points, style))
        order = (
            "more is used whenever more is asked for"
            if quality.is_monotone
            else "asking for more does not always use more"
        )
        remarks.append(text_element("li", f"{arm}: mean control error {quality.mean_error:.3f}; {order}"))
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


def choices_figure(results: Results) -> Markup:
    """What ratio the policy chose, overall and by difficulty; nothing without a policy row."""
    policy = results.headline
    if policy is None:
        return NOTHING
    by_level = choices_by_level(policy.scores)
    overall: Counter[float | None] = sum(by_level.values(), Counter())
    levels = [(describe_level(level), counts) for level, counts in by_level.items()]
    if len(levels) == 1:
        levels = []
    accuracies = accuracy_by_level(policy.scores)
    after = {
        describe_level(level): f"{percent(share, 0)}{_PERCENT} right" for level, share in accuracies.items()
    }
    after["all"] = f"{percent(policy.metrics.accuracy, 0)}{_PERCENT} right"
    caption = (
        f"Share of problems for which {policy.key.arm} chose each ratio, read from the first token it wrote; "
        "darker is a larger budget."
    )
    return element(
        "figure",
        text_element("h3", "What budget does the policy choose?"),
        stacked_bars([("all", overall), *levels], after, "no ratio token"),
        text_element("figcaption", caption),
    )


def level_table(results: Results) -> Markup:
    """Acc@all of every row by difficulty; nothing when there is only one level."""
    by_row = [(row, accuracy_by_level(row.scores)) for row in results.rows]
    levels = list(dict.fromkeys(level for _, shares in by_row for level in shares))
    levels.sort(key=lambda level: (level is None, level or 0))
    if len(levels) < 2:
        return NOTHING
    headings = ["", *(describe_level(level) for level in levels)]
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    body = []
    for row, shares in by_row:
        style = results.styles[row.key.arm]
        cells = [_tinted_cell(shares.get(level)) for level in levels]
        label = element("span", class_=f"swatch {style}")
        name = f"{row.key.arm} {describe_mode(row.key)}" if row.key.mode != "base" else row.key.arm
        body.append(element("tr", element("th", label, escape(name), scope="row"), *cells))
    caption = text_element("caption", "Acc@all in % by difficulty level; darker is higher.")
    return join(
        text_element("h3", "Accuracy by difficulty"),
        element("div", element("table", caption, head, element("tbody", *body)), class_="scroll"),
    )


def examples(results: Results, problem_ids: Sequence[str]) -> Markup:
    """Each problem with its completions side by side: base and the main arm, the others behind a fold."""
    cards: list[Markup] = []
    for problem_id in problem_ids:
        found = [
            (row, score)
            for row in results.rows
            for score in row.scores
            if score.problem_id == problem_id and score.sample == 0
        ]
        if found:
            cards.append(_example(results, found, is_open=not cards))
    if not cards:
        return NOTHING
    note = "Picked by a hash of the problem, level by level, not by hand. Greedy or first sample."
    return join(text_element("h3", "Side by side"), text_element("p", note, class_="note"), *cards)


def legend(styles: Mapping[str, str]) -> Markup:
    """Colour and name of each arm."""
    items = [
        element("li", element("span", class_=f"swatch {style}"), escape(arm)) for arm, style in styles.items()
    ]
    return element("ul", *items, class_="legend")


def stacked_bars(
    rows: Sequence[tuple[str, Mapping[float | None, int]]], after: Mapping[str, str], none_label: str
) -> Markup:
    """Horizontal bars of counts per ratio; darker means a larger ratio, hatched means none.

    Args:
        rows: (label, count per ratio); the first row is the total and set apart.
        after: text behind the bar, by label.
        none_label: what a count under None means.
    """
    ratios = sorted({ratio for _, counts in rows for ratio in counts if ratio is not None})
    tints = {ratio: 0.14 + 0.86 * index / max(1, len(ratios) - 1) for index, ratio in enumerate(ratios)}
    has_none = any(counts.get(None) for _, counts in rows)
    keys = [
        element("li", element("span", class_="key", style=f"--tint:{tint:.2f}"), escape(f"{ratio:.2f}"))
        for ratio, tint in tints.items()
    ]
    if has_none:
        keys.append(element("li", element("span", class_="key without"), escape(none_label)))
    cells = []
    for index, (label, counts) in enumerate(rows):
        total = sum(counts.values())
        segments = [
            _segment(f"{ratio:.2f}", counts[ratio], total, tint)
            for ratio, tint in tints.items()
            if counts.get(ratio)
        ]
        if counts.get(None):
            segments.append(_segment(none_label, counts[None], total, None))
        cells += [
            text_element("span", label, class_="total" if index == 0 else None),
            element("span", *segments, class_="stack"),
            text_element("span", after.get(label, f"n = {total}"), class_="after"),
        ]
        if index == 0 and len(rows) > 1:
            cells.append(element("hr"))
    return join(element("ul", *keys, class_="legend"), element("div", *cells, class_="bars"))


def describe_level(level: int | None) -> str:
    """A difficulty level for people."""
    return "no level" if level is None else f"level {level}"


def _segment(name: str, count: int, total: int, tint: float | None) -> Markup:
    share = count / total
    text = f"{100 * share:.0f}%" if share >= 0.07 else ""
    style = f"flex-grow:{count}" + ("" if tint is None else f";--tint:{tint:.2f}")
    class_ = "without" if tint is None else "strong" if tint > 0.5 else None
    return text_element("span", text, class_=class_, style=style, title=f"{name}: {count} of {total}")


def _number(term: str, value: str, unit: str, more: str, is_main: bool = False) -> Markup:
    return element(
        "div",
        text_element("dt", term),
        element("dd", escape(value), text_element("small", unit), class_="value"),
        text_element("dd", more, class_="more"),
        class_="number main" if is_main else "number",
    )


def _difference_card(policy: Row) -> Markup:
    paired = policy.versus_base
    if paired is None:
        return _number("Difference to base", "–", "", "no shared questions")
    if paired.interval.low > 0:
        verdict = "better than the base model"
    elif paired.interval.high < 0:
        verdict = "worse than the base model"
    else:
        verdict = "not distinguishable from the base model"
    return _number(
        "Difference to base, paired",
        _signed_points(paired.difference),
        "points",
        f"95{_PERCENT}: {_signed_points(paired.interval.low)} to {_signed_points(paired.interval.high)}; "
        f"{verdict} "
        f"(sign test p = {paired.p_value:.2g})",
    )


def _table_row(row: Row, style: str) -> Markup:
    metrics = row.metrics
    is_policy = row.key.mode == "policy"
    versus = row.versus_base
    latency = metrics.latency
    cells = [
        text_element("th", describe_mode(row.key), scope="row"),
        _cell(percent(metrics.accuracy), percent_interval(metrics.accuracy_interval)),
        _cell(
            None if versus is None else _signed_points(versus.difference),
            None
            if versus is None
            else f"{_signed_points(versus.interval.low)} to {_signed_points(versus.interval.high)}",
        ),
        _cell(f"{metrics.mean_think_tokens:.1f}"),
        _cell(f"{metrics.mean_tokens:.1f}"),
        _cell(None if metrics.act_ratio is None else f"{metrics.act_ratio:.3f}"),
        _cell(None if metrics.control_error is None else f"{metrics.control_error:.3f}"),
        _cell(percent(metrics.truncated_rate)),
        _cell(percent(metrics.no_answer_rate)),
        _cell(percent(metrics.unclosed_rate)),
        _cell(_short_seconds(latency.p50_s)),
        _cell(_short_seconds(latency.p95_s)),
    ]
    return element("tr", *cells, class_=f"row policy {style}" if is_policy else "row")


def _cell(text: str | None, small: str | None = None) -> Markup:
    if text is None:
        return element("td", escape("–"), class_="none")
    return element("td", escape(text), NOTHING if small is None else text_element("small", small))


def _tinted_cell(share: float | None) -> Markup:
    if share is None:
        return _cell(None)
    return element("td", escape(percent(share)), class_="tinted", style=f"--tint:{share:.2f}")


def _curve_point(row: Row) -> ChartPoint:
    metrics, mode = row.metrics, describe_mode(row.key)
    where = f"{percent(metrics.accuracy)} % at {metrics.mean_think_tokens:.0f} think tokens"
    hover = f"{row.key.arm}, {mode}: {where}"
    return ChartPoint(
        metrics.mean_think_tokens,
        metrics.accuracy,
        metrics.accuracy_interval,
        mode,
        hover,
        is_policy=row.key.mode == "policy",
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
        accuracy = _cell(percent(policy.metrics.accuracy))
        rows.append(element("tr", name, accuracy, _cell(None), class_="policy main"))
    for one in comparisons:
        swatch = element("span", class_=f"swatch {results.styles[one.arm]}")
        at_cost = None if one.accuracy_at_policy_cost is None else percent(one.accuracy_at_policy_cost)
        area = None if one.area is None else percent(one.area)
        rows.append(
            element(
                "tr",
                element("th", swatch, escape(f"{one.arm} fixed ratios"), scope="row"),
                _cell(at_cost),
                _cell(area),
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


def _example(results: Results, found: Sequence[tuple[Row, Score]], is_open: bool) -> Markup:
    first = found[0][1]
    shown = [item for item in found if results.styles[item[0].key.arm] in ("base", "main")]
    others = [item for item in found if results.styles[item[0].key.arm] not in ("base", "main")]
    n_correct = sum(score.outcome is Outcome.CORRECT for _, score in found)
    brief = first.question if len(first.question) <= 110 else first.question[:107].rstrip() + "…"
    facts = f"{describe_level(first.level)} · {n_correct} of {len(found)} completions correct"
    body = [
        text_element("p", _cut(first.question), class_="question"),
        text_element("p", f"Gold answer: {first.answer}", class_="byline"),
        element("div", *[_completion(row, score) for row, score in shown], class_="completions"),
    ]
    if others:
        more = element("div", *[_completion(row, score) for row, score in others], class_="completions")
        body.append(element("details", text_element("summary", f"Other arms ({len(others)})"), more))
    summary = element(
        "summary", text_element("span", brief, class_="brief"), text_element("span", facts, class_="facts")
    )
    return element(
        "details",
        summary,
        element("div", *body, class_="body"),
        class_="example",
        open="open" if is_open else None,
    )


def _completion(row: Row, score: Score) -> Markup:
    split = split_response(score.completion)
    asked = describe_mode(row.key)
    if row.key.mode == "policy":
        asked = f"policy → {'no ratio' if score.chosen_ratio is None else f'{score.chosen_ratio:.2f}'}"
    tokens = f"{row.key.arm} · {score.n_think_tokens} think tokens"
    if score.n_reference_think_tokens is not None:
        tokens += f" · ratio {score.n_think_tokens / score.n_reference_think_tokens:.2f}"
    if not score.is_closed:
        tokens += " · never closed"
    outcome_class = "outcome" if score.outcome is Outcome.CORRECT else "outcome bad"
    return element(
        "article",
        element(
            "header",
            text_element("strong", asked),
            text_element("span", _OUTCOME_WORDS[score.outcome], class_=outcome_class),
            text_element("span", tokens, class_="facts"),
        ),
        text_element("div", _cut(split.cot), class_="cot"),
        text_element("div", _cut(split.visible.strip()), class_="visible"),
        class_=f"completion {row.key.mode}",
    )


def _cut(text: str) -> str:
    if len(text) <= _MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:_MAX_SHOWN_CHARACTERS]}… ({len(text) - _MAX_SHOWN_CHARACTERS} more characters)"


def _signed_points(share: float) -> str:
    points = round(100 * share, 1)
    return "0.0" if points == 0 else f"{'+' if points > 0 else '−'}{abs(points):.1f}"


def _interval_words(interval: str) -> str:
    return "" if interval == NO_NUMBER else f"95{_PERCENT}: {interval}; "


def _short_seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"
