"""Tiny random models that several rooms' tests share; everything runs on the CPU, without a network."""

import os

# Before anything of Hugging Face is imported: a test that reaches for the network must fail, not wait.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

settings.register_profile("extracot", deadline=None)  # machines are shared: a slow example is no fault
settings.load_profile("extracot")

SERVER_START_LIMIT_S = 600.0

END, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_CORPUS = (
    "Gus has 4 shells. Compared to Gus, Ola has 5 more shells. How many shells does Ola have?",
    "First, Gus has 4 shells, so $ Gus = 4 $. Next, $ Ola = 4 + 5 = 9 $. The answer is \\boxed{9}.",
    "Please reason step by step, and put your final answer within a box.\n\n",
)


def build_tiny_tokenizer() -> "PreTrainedTokenizerFast":
    """A byte-level BPE of a few hundred tokens with a chat template; think tags are plain added tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AddedToken, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[END, TURN_START, TURN_END],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=END,
        eos_token=TURN_END,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    fast.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    return fast


def build_tiny_model(
    tokenizer: "PreTrainedTokenizerFast", n_spare_rows: int = 0, is_tied: bool = True, seed: int = 0
) -> "Qwen3ForCausalLM":
    """Two layers of 64 dimensions, random weights large enough to make varied text.

    Args:
        n_spare_rows: rows beyond the tokenizer's, as padded vocabularies have them.
        is_tied: one matrix for input and output.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer) + n_spare_rows,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,  # smaller ones do not run everywhere
        intermediate_size=96,
        max_position_embeddings=512,
        tie_word_embeddings=is_tied,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval()


def write_tiny_model(folder: Path, n_spare_rows: int = 0, is_tied: bool = True) -> Path:
    """A model folder as a hub would deliver it."""
    tokenizer = build_tiny_tokenizer()
    build_tiny_model(tokenizer, n_spare_rows, is_tied).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_tokenizer() -> "PreTrainedTokenizerFast":
    """A fresh one, free to be changed."""
    return build_tiny_tokenizer()


@pytest.fixture
def make_tiny_model() -> "Callable[..., Qwen3ForCausalLM]":
    """`build_tiny_model`, for a test that wants its own."""
    return build_tiny_model


@pytest.fixture
def save_tiny_model() -> Callable[..., Path]:
    """`write_tiny_model`, for a test that wants its own folder."""
    return write_tiny_model


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model that was not prepared; read it, never write into it."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@contextlib.contextmanager
def server_running(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Start an OpenAI-compatible server, wait until it is healthy, give its base URL, and end it."""
    with open(log, "wb") as file:
        server = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
    try:
        deadline_s = time.monotonic() + SERVER_START_LIMIT_S
        while not _is_healthy(port):
            said = log.read_text(errors="replace")[-2000:]
            assert server.poll() is None, f"the server ended:\n{said}"
            assert time.monotonic() < deadline_s, f"no server within {SERVER_START_LIMIT_S} s:\n{said}"
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def serve_with_transformers() -> Callable[[Path, Path], contextlib.AbstractContextManager[str]]:
    """Hosts a model folder with `transformers serve`, its log in the other folder; skips where it is not installed."""
    missing = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install '.[serving]'")

    def serve(model: Path, scratch: Path) -> contextlib.AbstractContextManager[str]:
        (scratch / "hub").mkdir()  # it lists what lies there, and fails where there is no such folder
        port = free_port()
        code = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
        options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
        return server_running(
            [sys.executable, "-c", code, "serve", str(model), *options],
            port,
            scratch / "serve.log",
            {"HF_HUB_CACHE": str(scratch / "hub")},
        )

    return serve


@pytest.fixture(scope="session")
def serve_with_vllm() -> Callable[[Path, Path], contextlib.AbstractContextManager[str]]:
    """Hosts a model folder with vLLM, its log in the other folder; skips where that is not installed."""
    if importlib.util.find_spec("vllm") is None or importlib.util.find_spec("openai") is None:
        pytest.skip("needs vLLM in this environment; its pins may not agree with ours, so take one of its own")

    def serve(model: Path, scratch: Path) -> contextlib.AbstractContextManager[str]:
        port = free_port()
        ends = '{"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}'
        options = ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--reasoning-config", ends]
        return server_running(
            # By its module, since builds for the CPU come without a working `vllm` command.
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), *options],
            port,
            scratch / "vllm.log",
            {"VLLM_CPU_KVCACHE_SPACE": "1"},
        )

    return serve


@pytest.fixture(scope="session")
def torchrun() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`torchrun(n_processes, *arguments)`: run it in processes that train together, one thread each.

    The arguments are those of torchrun after its own: a script and what it takes, or `-m extracot` and a command.
    """

    def launch(n_processes: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(n_processes)]
        return subprocess.run(
            [sys.executable, *launcher, *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=900,
            capture_output=True,
            text=True,
        )

    return launch
