"""Give a model control tokens: single ids, sensible first embeddings, a generation config fit for servers.

Why not `resize_token_embeddings(len(tokenizer))` alone: it shrinks vocabularies that are padded on disk, and
where there are spare rows it initialises nothing; its mean initialisation leaves the new rows all but equal.

Not covered: the chat template (see `served_template`), adapters, models with embeddings in several places.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AddedToken, AutoConfig, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from extracot.errors import ModelError
from extracot.models.control import control_token_ids
from extracot.models.load import load_tokenizer
from extracot.text.control import control_tokens

INPUT_SPREAD = 0.5
"""How far from the mean the outermost ratio starts, in units of a typical row's distance from the mean."""
OUTPUT_SPREAD = 0.5
"""The same for an untied output matrix: near the mean row, a token is about as likely as the average one."""
NOISE = 1.0
"""Length of the noise, in the same unit: as far apart as ordinary tokens. At 0.05 a short SFT of a tiny model never
learns to tell one ratio from another."""


def add_control_tokens(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    grid: Sequence[float],
    seed: int,
    are_distinct: bool = True,
) -> dict[str, int]:
    """Add the tokens of a grid and the policy token to both, in place.

    Tokens that the vocabulary already holds keep their ids and rows. The matrices grow only if they must.

    Args:
        model: a causal language model; its input and output matrices may be tied.
        tokenizer: the one of that model.
        grid: target ratios, each a whole percent in (0, 1].
        seed: decides the directions and the noise of the new rows.
        are_distinct: False starts every new row at the mean row.

    Returns:
        The id of every control token, ratios ascending, the policy token last.

    Raises:
        ModelError: a token is there already, but as a special one.
        UsageError: a grid that has no tokens.
    """
    tokens = control_tokens(grid)
    old_vocabulary = tokenizer.get_vocab()
    old_ids = sorted(id_ for token, id_ in old_vocabulary.items() if token not in tokens)
    new_tokens = [token for token in tokens if token not in old_vocabulary]
    # Not special: decoding with skip_special_tokens=True, which trainers hard-code, must not lose them.
    # A token that the vocabulary holds without having it added would be cut into pieces; adding it keeps its id.
    unmatched = [token for token in tokens if token not in tokenizer.get_added_vocab()]
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in unmatched])
    ids = control_token_ids(tokenizer, tokens)
    n_rows = n_embedding_rows(model)
    n_needed = max(tokenizer.get_vocab().values()) + 1
    if n_needed > n_rows:
        model.resize_token_embeddings(n_needed, mean_resizing=False)
    old_ids = [id_ for id_ in old_ids if id_ < n_rows]
    new_places = [place for place, token in enumerate(tokens) if token in new_tokens]
    new_ids = [ids[tokens[place]] for place in new_places]
    input_VD, output_VD = _matrices(model)
    with torch.no_grad():
        for rows_VD, spread in ((input_VD, INPUT_SPREAD), (output_VD, OUTPUT_SPREAD)):
            if rows_VD is None:
                continue
            known_VD = rows_VD[old_ids]
            if are_distinct:
                rows_VD[new_ids] = control_rows(known_VD, sorted(grid), spread, seed)[new_places].to(rows_VD)
            else:
                rows_VD[new_ids] = known_VD.float().mean(dim=0).to(rows_VD)
        bias_V = getattr(model.get_output_embeddings(), "bias", None)  # type: ignore[no-untyped-call]
        if bias_V is not None:
            bias_V[new_ids] = bias_V[old_ids].mean()
    return ids


def control_rows(rows_VD: Tensor, grid: Sequence[float], spread: float, seed: int) -> Tensor:
    """First embeddings for the ratio tokens and the policy token: near the mean, ordered, distinct.

    Ratio r starts at `mean + (2r - 1)·spread·typical` along one random direction, so that nearer ratios are
    nearer rows; the policy token the same way with r = 1 along a direction at right angles. `typical` is the
    mean distance of a row from the mean row. Noise of length `NOISE·typical` keeps any two apart.

    Args:
        rows_VD: [V, D] the rows of the tokens that are already there.
        grid: ratios in (0, 1], ascending.
        spread: see above; 1 is as far out as an ordinary token.
        seed: decides directions and noise.

    Returns:
        [len(grid) + 1, D] float32 on the CPU, the policy token last.
    """
    rows_VD = rows_VD.detach().float().cpu()
    generator = torch.Generator().manual_seed(seed)
    n_dims = rows_VD.shape[1]
    mean_D = rows_VD.mean(dim=0)
    typical = (rows_VD - mean_D).norm(dim=1).mean()
    ratio_D, policy_D = torch.linalg.qr(torch.randn(n_dims, 2, generator=generator)).Q.T
    offsets_C = torch.tensor([2 * ratio - 1 for ratio in grid])
    steps_CD = torch.cat([offsets_C[:, None] * ratio_D, policy_D[None]])
    noise_CD = torch.randn(len(grid) + 1, n_dims, generator=generator) * (NOISE / n_dims**0.5)
    first_CD: Tensor = mean_D + typical * (spread * steps_CD + noise_CD)
    return first_CD


def adds_tokens_to_texts(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts a begin or end token around every text."""
    return bool(tokenizer("a")["input_ids"] != tokenizer("a", add_special_tokens=False)["input_ids"])


def leave_begin_to_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Stop the tokenizer from adding begin and end tokens to a text, in place, as far as it lets itself be told.

    The chat template writes them, so that a prompt that is rendered first and encoded then would have them twice.
    """
    tokenizer.add_bos_token = False
    tokenizer.add_eos_token = False


def n_embedding_rows(model: PreTrainedModel) -> int:
    """Rows of the input matrix, spare ones included."""
    return _matrices(model)[0].shape[0]


def fit_generation_config(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make the generation config fit for servers, in place.

    `do_sample` is switched on, since servers ignore a request's temperature without it; the tokenizer's
    end-of-sequence token is among the stop tokens; the padding token is the tokenizer's.

    Raises:
        ModelError: neither has an end-of-sequence token, so no completion would ever end.
    """
    config = model.generation_config or GenerationConfig()  # type: ignore[no-untyped-call]
    configured = config.eos_token_id
    stop_ids = list(configured) if isinstance(configured, list | tuple) else [configured]
    stop_ids = [token for token in dict.fromkeys([*stop_ids, tokenizer.eos_token_id]) if token is not None]
    if not stop_ids:
        raise ModelError("the model has no end-of-sequence token; set eos_token in its tokenizer_config.json")
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stop_ids[0]
    config.do_sample = True
    config.eos_token_id = stop_ids[0] if len(stop_ids) == 1 else stop_ids
    config.pad_token_id = pad_id
    config._from_model_config = False  # else transformers may make it anew from the model's config
    model.generation_config = config
    model.config.pad_token_id = pad_id


def check_saved(folder: str | Path, ids: dict[str, int]) -> None:
    """Reload what was saved, the weights aside, and see that every control token is what it was.

    Raises:
        ModelError: a token changed its id or is lost in decoding, a matrix is too small for the ids, or the
            generation config does not sample.
    """
    tokenizer = load_tokenizer(str(folder))
    found = control_token_ids(tokenizer, ids)
    if found != ids:
        raise ModelError(
            f"{folder}: control tokens changed their ids on the way to disk: {ids} became {found}"
        )
    for token, id_ in ids.items():
        text = f"How many? {token}\n<think>"
        encoded = tokenizer.encode(text, add_special_tokens=False)
        if encoded.count(id_) != 1 or token not in str(tokenizer.decode(encoded, skip_special_tokens=True)):
            raise ModelError(f"{folder}: {token} does not survive encoding and decoding inside a text")
    n_rows = AutoConfig.from_pretrained(folder).get_text_config().vocab_size
    if n_rows <= max(ids.values()):
        raise ModelError(f"{folder}: the model has {n_rows} rows, too few for id {max(ids.values())}")
    if not GenerationConfig.from_pretrained(folder).do_sample:
        raise ModelError(f"{folder}: generation_config.json lost do_sample, so servers would decode greedily")


def _matrices(model: PreTrainedModel) -> tuple[Tensor, Tensor | None]:
    """The input matrix, and the output matrix where it is another one."""
    input_VD = model.get_input_embeddings().weight
    assert isinstance(input_VD, Tensor)
    output = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if output is None or output.weight.data_ptr() == input_VD.data_ptr():
        return input_VD, None
    output_VD: Tensor = output.weight
    return input_VD, output_VD
