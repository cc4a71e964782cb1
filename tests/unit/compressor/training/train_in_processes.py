"""Started by a test under torchrun: a few steps of `train-compressor`, every process in a run directory of its own.

Arguments: folder with traces.jsonl and annotations.jsonl, output folder.
"""

import os
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def main(data: Path, out: Path) -> None:
    import torch

    from extracot.compressor.training.config import TrainCompressorConfig
    from extracot.compressor.training.run import run
    from extracot.io.run_directory import RunDirectory

    torch.set_num_threads(1)
    config = TrainCompressorConfig(
        traces=str(data / "traces.jsonl"),
        annotations=str(data / "annotations.jsonl"),
        vocab_size=320,
        hidden_size=16,
        n_layers=1,
        n_heads=2,
        mlp_size=16,
        max_length=128,
        tiers=(0.0, 1.0),
        ratios=(0.5,),
        batch_tokens=256,
        max_steps=4,
        n_epochs=4,
        n_evaluations=2,
        holdout_share=0.2,
        device="cpu",
        lr=1e-3,
        matrix_lr=None,
    )
    run(config, RunDirectory.open(out / os.environ["RANK"], config, "train-compressor"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
