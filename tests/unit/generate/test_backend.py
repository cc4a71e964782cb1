import pytest

from extracot.errors import UsageError
from extracot.generate.backend import Sampling, request_seed, request_seeds
from extracot.generate.scripted import ScriptedBackend

GREEDY = Sampling(max_new_tokens=3, temperature=0)


def test_a_seed_depends_on_the_prompt_and_its_copy_number_but_not_on_its_place() -> None:
    a0, b0, a1 = request_seeds(["a", "b", "a"], seed=7)
    assert len({a0, b0, a1}) == 3
    assert request_seeds(["b", "a", "a"], seed=7) == [b0, a0, a1]
    assert request_seed("a", seed=7, sample=1) == a1
    assert request_seed("a", seed=8, sample=1) != a1


def test_a_seed_is_the_same_on_every_machine() -> None:
    # The first 8 bytes of sha256(b"0\x1f0\x1fhello"), big endian, shifted right by one.
    assert request_seed("hello", seed=0, sample=0) == 3651571019117215786


def test_the_script_answers_in_order_and_reports_each_answer() -> None:
    told: list[tuple[int, str]] = []
    backend = ScriptedBackend({"p": "one two", "q": "three"})
    generations = backend.generate(["q", "p", "q"], GREEDY, on_done=lambda i, g: told.append((i, g.text)))
    assert [generation.text for generation in generations] == ["three", "one two", "three"]
    assert told == [(0, "three"), (1, "one two"), (2, "three")]
    assert [len(generation.token_ids) for generation in generations] == [1, 2, 1]


def test_the_script_is_cut_at_the_token_limit() -> None:
    # Words: "a", " b", "\n\nc", " d": three of them are kept.
    [generation] = ScriptedBackend(lambda prompt: "a b\n\nc d").generate(["p"], GREEDY)
    assert (generation.text, generation.is_truncated) == ("a b\n\nc", True)


def test_a_prompt_without_a_scripted_answer_is_an_error() -> None:
    with pytest.raises(UsageError, match="no answer for the prompt 'p'"):
        ScriptedBackend({}).generate(["p"], GREEDY)
