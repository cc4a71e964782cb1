"""Finding a tokenizer's words in the text they came from."""

import pytest
from llmlingua_peer import BlankMarker, locate_words, word_mark

from extracot.models.load import load_tokenizer


def test_words_are_found_in_order_despite_case_accents_and_gaps() -> None:
    text = "The Café, the cafe."
    places = locate_words(text, ["the", "cafe", ",", "the", "cafe", "."])
    assert [text[place[0] : place[1]] for place in places if place] == ["The", "Café", ",", "the", "cafe", "."]


def test_a_word_that_is_not_there_does_not_stop_the_others() -> None:
    assert locate_words("one two", ["one", "<unk>", "two"]) == [(0, 3), None, (4, 7)]


@pytest.mark.parametrize("text", ["So 3 + 4 = 7.", " x\n\n y  z", "√ 2 is√2, é è", "", "   "])
def test_a_tokenizer_without_blanks_gets_them_back_as_marks(text: str) -> None:
    tokenizer = load_tokenizer("default")
    assert word_mark(tokenizer) == ""
    marker = BlankMarker(tokenizer)
    tokens = marker.tokenize(text)
    ids = marker.convert_tokens_to_ids(tokens)
    assert marker.convert_ids_to_tokens(ids) == tokens
    assert [id_ % len(tokenizer) for id_ in ids] == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert marker.convert_tokens_to_string(tokens).split() == text.split()
