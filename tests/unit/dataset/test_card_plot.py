"""The card's picture is one that a browser opens, that needs nothing else, and that the card alone decides."""

from xml.etree import ElementTree

from extracot.dataset.card import RowTally, build_card
from extracot.dataset.card_plot import draw_card
from extracot.dataset.compression_filters import CompressionFilter
from extracot.dataset.trace_filters import TraceFilter
from extracot.records.sft_example import SftExample


def make_card(n_rows: int) -> dict[str, object]:
    rows = RowTally((0.2, 1.0), "p-0")
    for i in range(n_rows):
        example = SftExample(
            id=f"s-{i}",
            problem_id=f"p-{i}",
            queue="fixed",
            target_ratio=0.2,
            prompt="?",
            completion="!",
            n_prompt_tokens=3,
            n_completion_tokens=10 + i,
        )
        rows.add(example, 0.2 + 0.05 * i, 30 + i, None)
    return build_card(
        grid=(0.2, 1.0),
        n_traces=n_rows + 1,
        n_kept_traces=n_rows,
        trace_counts={TraceFilter.TOO_LONG: 1},
        compression_counts={(CompressionFilter.CHAIN_CUT, 0.2): 2},
        n_usable={0.2: n_rows},
        only_counted=frozenset({CompressionFilter.CHAIN_CUT}),
        leaks=["t-9: the question of exam: 3"],
        chat_renders_alike=True,
        rows=rows,
    )


def test_the_tally_gives_histograms_and_means() -> None:
    card = make_card(3)
    assert card["fixed"] == {
        "0.20": {"n": 3, "actual_ratio": 0.25, "ratio_error": 0.05, "completion_tokens": 11, "difficulty": None},
        "1.00": {"n": 0, "actual_ratio": None, "ratio_error": None, "completion_tokens": None, "difficulty": None},
    }
    assert card["actual_ratio_histogram"] == {
        "bin_width": 0.05,
        "counts": {"0.20": {"0.20": 1, "0.25": 1, "0.30": 1}, "1.00": {}},
    }
    histogram = card["think_tokens_histogram"]
    assert isinstance(histogram, dict) and histogram["counts"]["0.20"] == {"0": 2, "32": 1}  # 30, 31 and 32 tokens
    assert (card["n_questions"], card["n_prompt_tokens"], card["longest_row_tokens"]) == (3, 9, 15)


def test_the_picture_stands_alone_and_is_the_same_every_time() -> None:
    svg = draw_card(make_card(4))
    assert draw_card(make_card(4)) == svg
    root = ElementTree.fromstring(svg)
    links = [
        value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")
    ]
    assert links and all(link.startswith("#") for link in links)
    assert not any(node.tag.endswith("image") for node in root.iter())


def test_an_empty_set_can_be_drawn() -> None:
    ElementTree.fromstring(draw_card(make_card(0)))
