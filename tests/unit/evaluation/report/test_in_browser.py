"""The page in a real browser: it loads in silence, asks for nothing, filters, steps, strikes out, and fits a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.evaluation.report.config import ReportConfig
from extracot.evaluation.report.run import run
from extracot.io.run_directory import RunDirectory
from extracot.records.outcome import Outcome
from extracot.records.score import Score

Browser = Any  # of conftest.py, which cannot be imported from here
MakeScore = Callable[..., Score]

BASE = "First, Ola has 4. So Ola holds 4. Then $ 4 + 5 = 9 $."
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'><!-- & \u202e\ud800"


def write_page(folder: Path, *evaluations: Path, pipeline: tuple[str, ...] = (), **settings: Any) -> Path:
    config = ReportConfig(evaluations=tuple(map(str, evaluations)), pipeline=pipeline, **settings)
    run(config, RunDirectory.open(folder, config, "report"))
    return folder / "report.html"


def think(cot: str) -> str:
    return f"<think>\n{cot}\n</think>\n\nThe answer is \\boxed{{9}}."


def choose(browser: Browser, label: str, value: str) -> None:
    """Set a filter of the first browser of examples as a person would."""
    browser.run(
        f"""(() => {{
            const labels = [...document.querySelectorAll('.browser form label')];
            const field = labels.find((one) => one.firstChild.textContent === {label!r}).lastChild;
            field.value = {value!r};
            field.dispatchEvent(new Event('input', {{ bubbles: true }}));
        }})()"""
    )


def where(browser: Browser) -> str:
    said: str = browser.run("document.querySelector('.browser .where').textContent")
    return said


def texts(browser: Browser, selector: str) -> list[str]:
    found: list[str] = browser.run(f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent)")
    return found


@pytest.fixture
def small(tmp_path: Path, score: MakeScore, save_evaluation: Callable[..., Path]) -> Path:
    """Three questions of two levels: ours is right on a and c, cuts the first sentence, and is wrong on b."""
    scores = []
    for name, level in (("a", 1), ("b", 2), ("c", 2)):
        asked = {"problem_id": name, "level": level, "question": f"Question {name}?"}
        scores.append(score(completion=think(BASE), **asked))
        scores.append(
            score(
                arm="ours",
                mode="policy",
                chosen_ratio=0.2 if name == "a" else 0.5,
                outcome=Outcome.WRONG if name == "b" else Outcome.CORRECT,
                completion=think("So Ola holds 4. Thus $ 4 + 5 = 9 $."),
                **asked,
            )
        )
    return write_page(tmp_path / "report", save_evaluation(tmp_path / "evaluate", scores))


def test_the_whole_page_loads_in_silence_and_asks_for_nothing(
    tmp_path: Path, browser: Browser, evaluation: Path, pipeline: Path
) -> None:
    page = write_page(tmp_path / "report", evaluation, pipeline=(str(pipeline),))
    browser.open(page)
    assert browser.complaints == []
    assert browser.requests == [page.resolve().as_uri()]
    assert where(browser) == "1 of 60"


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_never_scrolls_sideways(
    tmp_path: Path, browser: Browser, evaluation: Path, pipeline: Path, width: int
) -> None:
    browser.open(write_page(tmp_path / "report", evaluation, pipeline=(str(pipeline),)), width=width)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_filters_leave_the_questions_that_pass_them(browser: Browser, small: Path) -> None:
    browser.open(small)
    assert where(browser) == "1 of 3"
    choose(browser, "Outcome", "wrong")
    assert (where(browser), texts(browser, ".question")) == ("1 of 1", ["Question b?"])
    choose(browser, "Outcome", "lost")  # wrong where base is right
    assert texts(browser, ".question") == ["Question b?"]
    choose(browser, "Outcome", "")
    choose(browser, "Difficulty", "1")
    assert (where(browser), texts(browser, ".question")) == ("1 of 1", ["Question a?"])
    choose(browser, "Difficulty", "")
    choose(browser, "Ratio", "policy → 0.50")
    assert where(browser).endswith("of 2")
    choose(browser, "Arm", "base")
    assert where(browser) == "none"
    assert texts(browser, ".stage .note") == ["No question passes these filters."]
    choose(browser, "Arm", "")
    choose(browser, "Ratio", "")
    choose(browser, "Find", "question C")
    assert texts(browser, ".question") == ["Question c?"]


def test_another_arm_without_control_tokens_is_not_taken_for_the_base_model(
    tmp_path: Path, browser: Browser, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    scores = [score(), score(arm="plain"), score(arm="ours", mode="policy", chosen_ratio=0.2)]
    browser.open(write_page(tmp_path / "report", save_evaluation(tmp_path / "evaluation", scores)))
    named = {"": ["base", "plain base", "ours policy → 0.20"], "ours": ["base", "ours policy → 0.20"]}
    for arm, shown in {**named, "plain": ["base", "plain base"]}.items():
        choose(browser, "Arm", arm)
        assert sorted(texts(browser, ".completion strong")) == sorted(shown), arm


def test_buttons_and_arrow_keys_step_through_every_question(browser: Browser, small: Path) -> None:
    browser.open(small)
    seen = texts(browser, ".question")
    browser.run("document.querySelectorAll('.stepper button')[1].click()")
    seen += texts(browser, ".question")
    arrow = "new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true})"
    browser.run(f"document.querySelector('.stage').dispatchEvent({arrow})")
    seen += texts(browser, ".question")
    assert sorted(seen) == ["Question a?", "Question b?", "Question c?"]
    assert where(browser) == "3 of 3"
    assert browser.run("document.querySelectorAll('.stepper button')[1].disabled")


def test_dropped_units_are_struck_out_and_new_ones_marked(browser: Browser, small: Path) -> None:
    browser.open(small)
    cards = "article.completion:nth-child(2) .cot"
    # BASE without its first four words; "Then" has become "Thus"
    assert texts(browser, f"{cards} del") == ["First, Ola has 4.", " Then"]
    assert texts(browser, f"{cards} ins") == [" Thus"]
    choose(browser, "Thinking", "written")
    assert texts(browser, cards) == ["So Ola holds 4. Thus $ 4 + 5 = 9 $."]
    assert texts(browser, f"{cards} del") == []


def test_hostile_text_is_shown_and_never_run(
    tmp_path: Path, browser: Browser, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    said = HOSTILE.replace("\ud800", "\\ud800")  # JSON lines carry no half pair; the escape stays text
    fields = {"question": said, "completion": f"<think>\n{said}\n</think>\n{said}"}
    scores = [score(**fields), score(arm=said, mode="policy", chosen_ratio=0.2, **fields)]
    browser.open(write_page(tmp_path / "report", save_evaluation(tmp_path / "evaluate", scores), title=said))
    assert browser.run("typeof window.broken") == "undefined"
    assert browser.complaints == []
    assert texts(browser, ".question") == [said]
    assert texts(browser, ".cot") == [said, said]
    assert browser.run("document.images.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_switch_turns_light_and_dark_round(browser: Browser, small: Path, scheme: str) -> None:
    browser.open(small, scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    before = browser.run(paper)
    browser.run("document.querySelector('button.theme').click()")
    turned = browser.run(paper)
    browser.run("document.querySelector('button.theme').click()")
    assert turned != before == browser.run(paper)
    assert (before == "rgb(251, 251, 249)") == (scheme == "light")


def test_several_runs_can_be_looked_at_one_by_one(
    tmp_path: Path, browser: Browser, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    folders = [
        save_evaluation(
            tmp_path / f"seed-{seed}" / "evaluate",
            [score(completion=think(BASE)), score(arm="ours", mode="policy", completion=think(f"Seed {seed}."))],
        )
        for seed in (1, 2)
    ]
    browser.open(write_page(tmp_path / "report", *folders))
    choose(browser, "Thinking", "written")
    assert texts(browser, ".completion .cot") == [BASE, "Seed 1."]
    choose(browser, "Sample", "1")
    assert texts(browser, ".completion .cot") == [BASE, "Seed 2."]
    choose(browser, "Sample", "")
    assert texts(browser, ".completion .cot") == [BASE, BASE, "Seed 1.", "Seed 2."]
