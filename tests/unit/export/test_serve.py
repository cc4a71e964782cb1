"""An exported model behind real servers: the OpenAI client turns the knob and gets shorter thinking."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from extracot.export.config import ExportConfig
from extracot.export.run import run
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.models.prompts import count_tokens

pytestmark = pytest.mark.slow

QUESTION = "How many shells does Ola have?"
Serve = Callable[[Path, Path], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def exported_dir(trained_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    config = ExportConfig(model=str(trained_dir))
    run(config, RunDirectory.open(out / "run", config, "export"))
    return out / "run/model"


class Reply(NamedTuple):
    """What a server says of one answer."""

    n_prompt_tokens: int
    n_tokens: int
    ended: str
    text: str


class Client:
    """Asks one question of a server, greedily."""

    def __init__(self, base_url: str, model: Path) -> None:
        from openai import OpenAI

        self._client = OpenAI(base_url=base_url, api_key="none", timeout=300)
        self._model = str(model)

    def ask(self, content: Any = QUESTION, max_tokens: int = 200, **body: Any) -> Reply:
        """The reply to a user turn; `body` is what the OpenAI API does not know."""
        response = self._client.chat.completions.create(
            model=self._model,
            messages=[{"role": "user", "content": content}],
            max_tokens=max_tokens,
            temperature=0,
            extra_body=body,
        )
        assert response.usage is not None
        choice = response.choices[0]
        usage = response.usage
        return Reply(usage.prompt_tokens, usage.completion_tokens, choice.finish_reason, choice.message.content or "")

    def turn(self, **variables: Any) -> Reply:
        """The same with variables of the chat template."""
        return self.ask(chat_template_kwargs=variables)


# The server comes first among the arguments: where it is not installed, nothing is trained before the test skips.
@pytest.fixture(scope="module")
def transformers_client(
    serve_with_transformers: Serve, exported_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    with serve_with_transformers(exported_dir, tmp_path_factory.mktemp("serve")) as base_url:
        yield Client(base_url, exported_dir)


@pytest.fixture(scope="module")
def vllm_client(
    serve_with_vllm: Serve, exported_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    with serve_with_vllm(exported_dir, tmp_path_factory.mktemp("vllm")) as base_url:
        yield Client(base_url, exported_dir)


@pytest.fixture(params=["transformers", "vllm"])
def client(request: pytest.FixtureRequest) -> Client:
    """Of the one server and of the other."""
    client = request.getfixturevalue(f"{request.param}_client")
    assert isinstance(client, Client)
    return client


def test_a_smaller_ratio_thinks_in_fewer_tokens(client: Client) -> None:
    n_tokens = {ratio: client.turn(comp_ratio=ratio).n_tokens for ratio in (20, 60, 100)}
    # The chain of thought has 10 equal lines at 1.0; whatever else a response has is the same at every ratio.
    line = (n_tokens[100] - n_tokens[20]) / 8
    assert n_tokens[20] < n_tokens[60] < n_tokens[100]
    assert n_tokens[60] == pytest.approx(n_tokens[20] + 4 * line, abs=1)


def test_policy_is_asked_by_name_and_by_default_and_chooses_what_it_was_taught(client: Client) -> None:
    assert client.turn(comp_ratio="policy") == client.ask() == client.turn(comp_ratio=20)


def test_an_effort_is_a_ratio_by_another_name(client: Client) -> None:
    assert client.turn(reasoning_effort="low") == client.turn(comp_ratio=20)
    assert client.turn(reasoning_effort="high") == client.turn(comp_ratio=100)


def test_a_token_in_the_question_and_a_list_of_parts_do_the_same(client: Client) -> None:
    assert client.ask(f"{QUESTION} <COMP_100>") == client.turn(comp_ratio=100)
    parts = [{"type": "text", "text": QUESTION}]
    assert client.ask(parts, chat_template_kwargs={"comp_ratio": 100}) == client.turn(comp_ratio=100)


def test_the_prompt_that_reaches_the_model_is_the_one_of_training(client: Client, exported_dir: Path) -> None:
    tokenizer, knob = load_tokenizer(str(exported_dir)), Knob.load(str(exported_dir))
    for ratio, token in ((60, "<COMP_60>"), ("none", None)):
        prompt = knob.prompt_format.render(tokenizer, QUESTION, token)
        assert client.turn(comp_ratio=ratio).n_prompt_tokens == count_tokens(tokenizer, prompt)


def test_a_ratio_that_there_is_not_is_an_error_and_the_server_goes_on(client: Client) -> None:
    from openai import APIStatusError

    with pytest.raises(APIStatusError):
        client.turn(comp_ratio=40)
    assert client.turn(comp_ratio=20).ended == "stop"


def test_max_tokens_is_a_hard_cap(client: Client) -> None:
    reply = client.ask(max_tokens=20, chat_template_kwargs={"comp_ratio": 100})
    assert (reply.n_tokens, reply.ended) == (20, "length")


def test_vllm_takes_the_effort_beside_the_messages_and_says_what_is_wrong(vllm_client: Client) -> None:
    from openai import BadRequestError

    assert vllm_client.ask(reasoning_effort="high") == vllm_client.turn(comp_ratio=100)
    with pytest.raises(BadRequestError, match="use one of: 20, 60, 100, policy, none"):
        vllm_client.turn(comp_ratio=40)


def test_vllm_ends_the_thinking_at_a_budget_of_tokens(vllm_client: Client, exported_dir: Path) -> None:
    tokenizer = load_tokenizer(str(exported_dir))
    asked = {"comp_ratio": 100}
    whole, cut = vllm_client.turn(**asked), vllm_client.ask(thinking_token_budget=20, chat_template_kwargs=asked)
    n_whole, n_cut = (
        count_tokens(tokenizer, reply.text.partition("<think>")[2].partition("</think>")[0]) for reply in (whole, cut)
    )
    assert n_whole > 100 and 18 <= n_cut <= 20
