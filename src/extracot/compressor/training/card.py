"""The card that a trained compressor carries: what it was made from, how, and how well it ranks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def card(
    settings: Mapping[str, Any],
    *,
    n_parameters: int,
    n_training: int,
    authors: Mapping[str, int],
    annotators: Sequence[str],
    n_tokens: int,
    n_steps: int,
    best_step: int,
    minutes: float,
    n_held_out: int,
    ratios: Sequence[float],
    qualities: Mapping[str, Sequence[float]],
    digest: str,
) -> str:
    """Markdown.

    Args:
        settings: the resolved config; of paths only the file names are shown.
        authors: how many of the training traces each model wrote.
        annotators: who said what is needed.
        n_tokens: read in training, repeated passes included.
        best_step: the step whose weights these are.
        n_held_out: traces that `qualities` were measured on.
        qualities: [R] share of the needed units that are kept, for the model and what it is compared to.
        digest: SHA-256 of the weights.
    """
    shown = {
        key: Path(str(value)).name if key in ("traces", "annotations") else value for key, value in settings.items()
    }
    head = "| needed units kept at ratio | " + " | ".join(f"{ratio:g}" for ratio in ratios) + " |"
    rule = "|---|" + "---:|" * len(ratios)
    rows = [
        f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares) + " |" for name, shares in qualities.items()
    ]
    wrote = ", ".join(
        f"{name} {count}" for name, count in sorted(authors.items(), key=lambda item: (-item[1], item[0]))
    )
    return "\n".join(
        [
            "# A compressor of chains of thought",
            "",
            "A token classifier that reads a question with a chain of thought and tells how important each token is;",
            "`extracot compress` cuts by it.",
            "",
            f"- **Size**: {n_parameters:,} parameters, stored in {settings['storage']}.",
            f"- **Data**: {n_training:,} traces of `{shown['traces']}`, annotated by {', '.join(annotators)}.",
            f"  Written by: {wrote}.",
            f"- **Training**: `extracot train-compressor`, seed {settings['seed']}, {n_steps:,} steps,",
            f"  {n_tokens:,} tokens, {minutes:.0f} minutes; the weights are those of step {best_step:,}.",
            f"- **SHA-256 of `model.safetensors`**: `{digest}`",
            "",
            "## Held-out questions",
            "",
            f"{n_held_out} traces on questions that were not trained on. `labels` ranks by the annotation itself.",
            "",
            head,
            rule,
            *rows,
            "",
            "## Settings",
            "",
            *(f"- `{key}`: {value}" for key, value in shown.items()),
            "",
        ]
    )
