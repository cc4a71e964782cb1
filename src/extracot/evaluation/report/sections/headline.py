"""The first thing to read: the policy against the base model."""

from extracot.evaluation.metrics import Interval
from extracot.evaluation.report.results import Results, Row
from extracot.evaluation.report.sections.parts import PERCENT, short_seconds, signed_points
from extracot.evaluation.table import NOTHING as NO_NUMBER
from extracot.evaluation.table import percent, percent_interval
from extracot.text.markup import Markup, element, escape, join, text_element


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
        text_element("strong", f"{percent(ours.accuracy)}{PERCENT}"),
        escape(
            f" of {ours.n_problems} problems; the base model solves {percent(theirs.accuracy)}{PERCENT}."
        ),
    )
    if ours.act_ratio is not None:
        sentence = join(
            sentence,
            escape(" It thinks in "),
            text_element("strong", f"{percent(ours.act_ratio, 0)}{PERCENT}"),
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
            f"base {percent(theirs.accuracy)}{PERCENT} ({percent_interval(theirs.accuracy_interval)})",
        ),
        _difference_card(policy),
        _number(
            "Median latency",
            short_seconds(ours.latency.p50_s),
            "s",
            f"base {short_seconds(theirs.latency.p50_s)} s; p95 {short_seconds(ours.latency.p95_s)} s "
            f"against {short_seconds(theirs.latency.p95_s)} s, decoded in batches",
        ),
    ]
    return join(element("p", sentence, class_="lead"), element("dl", *cards, class_="numbers"))


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
        signed_points(paired.difference),
        "points",
        f"95{PERCENT}: {signed_points(paired.interval.low)} to {signed_points(paired.interval.high)}; "
        f"{verdict} "
        f"(sign test p = {paired.p_value:.2g})",
    )


def _interval_words(interval: str) -> str:
    return "" if interval == NO_NUMBER else f"95{PERCENT}: {interval}; "
