"""What is sent to each kind of server and how its replies are read, without a server."""

import json
import re
from typing import Any

import pytest

from extracot.generate.backend import Sampling
from extracot.generate.servers import PROFILES, join_reasoning, read_reply, request_body
from extracot.generate.tokens import StopTokens

TOKENS = StopTokens(stop_ids=(2, 7), pad_id=0)


def body(kind: str, api: str, prompt: Any, temperature: float = 0.7) -> dict[str, Any]:
    sampling = Sampling(max_new_tokens=9, temperature=temperature, top_p=0.9)
    return request_body(PROFILES[kind], api, "m", prompt, sampling, 2**40 + 3, TOKENS, {})  # type: ignore[index, arg-type]


def reply(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice]}).encode()


def test_seeds_fit_into_31_bits() -> None:
    assert body("generic", "chat", [{"role": "user", "content": "q"}])["seed"] == 3


def test_a_chat_to_a_server_with_template_variables_keeps_the_knob_from_adding_a_token() -> None:
    messages = [{"role": "user", "content": "q <COMP_20>"}]
    for kind in ("vllm", "transformers-serve"):
        assert body(kind, "chat", messages)["chat_template_kwargs"] == {"comp_ratio": "none"}
        assert "chat_template_kwargs" not in body(kind, "completions", "q")
    assert "chat_template_kwargs" not in body("generic", "chat", messages)


def test_greedy_switches_sampling_off_in_a_generation_config() -> None:
    sent = json.loads(body("transformers-serve", "completions", "q", temperature=0)["generation_config"])
    assert sent == {"max_new_tokens": 9, "eos_token_id": [2, 7], "pad_token_id": 0, "do_sample": False}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no completion but empty"),
        (b"[1]", "no completion: it holds no choices"),
        (b'{"choices": []}', "no completion: it holds no choices"),
        (b"\n<!doctype html><title>Chat</title>", "no completion but a web page; server.base_url may end in the wrong"),
        (b'data: {"choices": [{"text": "a"}]}\n\n', "no completion but an event stream"),
        (b'{"choices": [{"text": "a', "no completion: its JSON is cut off"),
        (b"\xff\x00garbage", "no completion: its JSON is cut off or broken"),
        (b'{"choices": [{"text": "a"}]}', "no completion"),
        (reply(text="a", finish_reason="abort"), "broke the completion off .finish_reason 'abort'"),
        (reply(text=["a"], finish_reason="stop"), "other than text"),
    ],
)
def test_what_is_no_whole_completion_is_an_error(content: bytes, reason: str) -> None:
    error = read_reply(content, "completions", opens_think=False).error
    assert error is not None and re.search(reason, error)


def test_an_empty_completion_is_a_completion() -> None:
    served = read_reply(reply(text="", finish_reason="stop"), "completions", opens_think=False)
    assert (served.text, served.error, served.is_truncated) == ("", None, False)
    served = read_reply(reply(message={"content": None}, finish_reason="length"), "chat", opens_think=False)
    assert (served.text, served.error, served.is_truncated) == ("", None, True)


@pytest.mark.parametrize(
    ("reasoning", "content", "is_cut", "opens_think", "whole"),
    [
        ("", "plain", False, False, "plain"),
        ("", "<think>\na\n</think>b", False, True, "<think>\na\n</think>b"),
        ("", "a\n</think>b", False, True, "<think>\na\n</think>b"),
        ("", "a and", True, True, "<think>\na and"),
        ("\na\n", "\n\nb", False, False, "<think>\na\n</think>\n\nb"),
        ("a", "", False, False, "<think>\na\n</think>"),
        ("a and", "", True, False, "<think>\na and"),
        ("a", "b and", True, False, "<think>\na\n</think>\n\nb and"),
        ("<COMP_20>\na", "b", False, False, "<COMP_20>\n<think>\na\n</think>\n\nb"),
        ("<COMP_20>\n<think>\na", "b", False, False, "<COMP_20>\n<think>\na\n</think>\n\nb"),
        ("a", "<COMP_20>\nb", False, False, "<COMP_20>\n<think>\na\n</think>\n\nb"),
    ],
)
def test_two_fields_become_one_text(
    reasoning: str, content: str, is_cut: bool, opens_think: bool, whole: str
) -> None:
    assert join_reasoning(reasoning, content, is_cut, opens_think) == whole
