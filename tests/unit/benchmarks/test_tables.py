"""Tables as Markdown."""

from tables import markdown_table


def test_figures_stand_to_the_right_and_a_missing_one_is_a_dash() -> None:
    assert markdown_table(["what", "n"], [["a", 1.25], ["bc", None]], digits=1).splitlines() == [
        "| what |   n |",
        "| ---- | --: |",
        "| a    | 1.2 |",
        "| bc   |   – |",
    ]
