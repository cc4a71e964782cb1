"""Finding a tokenizer's words in the text they came from."""

from llmlingua_peer import locate_words


def test_words_are_found_in_order_despite_case_accents_and_gaps() -> None:
    text = "The Café, the cafe."
    places = locate_words(text, ["the", "cafe", ",", "the", "cafe", "."])
    assert [text[place[0] : place[1]] for place in places if place] == ["The", "Café", ",", "the", "cafe", "."]


def test_a_word_that_is_not_there_does_not_stop_the_others() -> None:
    assert locate_words("one two", ["one", "<unk>", "two"]) == [(0, 3), None, (4, 7)]
