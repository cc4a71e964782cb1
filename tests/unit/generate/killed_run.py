"""Run as a program: the generate stage on a slow script, to be killed from outside (`test_killed.py`)."""

import sys
import time
from pathlib import Path

from extracot.generate.backend import Sampling
from extracot.generate.config import GenerateConfig
from extracot.generate.run import run
from extracot.generate.scripted import ScriptedBackend
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory


def reply(prompt: str) -> str:
    """Thinks longer the larger the number; some answers are wrong, some are cut, some are missing."""
    n = int(prompt.split("What is ")[1].split(" + 1")[0])
    answer = "\\boxed{" + str(n + 1 + (n % 5 == 0)) + "}" if n % 7 else "nothing"
    return f"<think>\n{'so ' * (n % 40)}\n</think>\n\nIt is {answer}."


def run_scripted(problems: str, model: str, out: Path, pause_s: float) -> Manifest:
    config = GenerateConfig(
        problems=problems, model=model, samples_per_problem=2, sampling=Sampling(max_new_tokens=30)
    )

    def slow_reply(prompt: str) -> str:
        time.sleep(pause_s)
        return reply(prompt)

    run_dir = RunDirectory.open(out, config, "generate", resume=True)
    return run(config, run_dir, ScriptedBackend(slow_reply))


if __name__ == "__main__":
    run_scripted(sys.argv[1], sys.argv[2], Path(sys.argv[3]), pause_s=0.01)
