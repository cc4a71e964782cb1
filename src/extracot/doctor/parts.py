"""Things that are tried, not looked up: the packaged models load and do their work.

Trainers are not tried: importing TRL takes longer than all of this.
"""

import contextlib
import io
import time
import warnings
from collections.abc import Callable

from extracot.doctor.findings import Part

_QUESTION = "How many shells does Ola have?"
_COT = "Gus has 4 shells, so $ Gus = 4 $. Next, $ Ola = 4 + 5 = 9 $. The answer is 9."


def try_parts() -> tuple[Part, ...]:
    """Try each packaged model once."""
    return (try_part("toy model", run_toy_model), try_part("compressor", run_compressor))


def try_part(name: str, attempt: Callable[[], str]) -> Part:
    """Call it, quietly; whatever it raises is the finding, since looking for that is what the doctor is for."""
    started = time.perf_counter()
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            says = attempt()
    except Exception as error:
        return Part(name, "broken", " ".join(f"{type(error).__name__}: {error}".split()))
    return Part(name, "ok", f"{says}, {time.perf_counter() - started:.1f} s")


def run_toy_model() -> str:
    """Load the packaged language model and let it read one question, on the device that stages would take.

    Raises:
        ValueError: its output holds no finite numbers.
    """
    import torch

    from extracot.models.load import TOY, load_causal_lm, load_tokenizer

    tokenizer, model = load_tokenizer(TOY), load_causal_lm(TOY)
    ids = torch.tensor([tokenizer.encode(_QUESTION)], device=model.device)
    with torch.inference_mode():
        logits = model(ids).logits
    if not bool(torch.isfinite(logits).all()):
        raise ValueError("its logits are not finite")
    return f"loads and reads on {model.device.type}"


def run_compressor() -> str:
    """Load the packaged compressor and shorten one text.

    Raises:
        ValueError: what is left is not shorter.
    """
    from extracot.compressor.compressor import Compressor

    (short,) = Compressor.from_pretrained().compress(_QUESTION, _COT, ratios=[0.5], answer="9")
    if not 0 < short.n_tokens < short.n_original_tokens:
        raise ValueError(f"{short.n_original_tokens} tokens became {short.n_tokens}")
    return f"shortens {short.n_original_tokens} tokens to {short.n_tokens}"
