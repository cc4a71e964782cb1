"""What the demo says before and after it runs; the run itself is a recipe like any other."""

import csv
from dataclasses import dataclass
from pathlib import Path

from extracot.errors import DataError
from extracot.pipeline.run import ResolvedStep

BASE_ARM = "base"
OWN_ARM = "extracot"
"""Arms of the evaluation in both recipes: the model as it came, and the one that chooses its budget."""


@dataclass(frozen=True, slots=True)
class Demo:
    """One recipe to show."""

    recipe: str
    folder: str
    """Where it runs if nothing else is asked for."""
    does: str
    takes: str
    proves: str
    """What its figures are good for."""


FULL = Demo(
    recipe="toy-demo",
    folder="runs/demo",
    does="The whole method on a one-million-parameter model that comes with the package: it learns to think in a\n"
    "fraction of its tokens, two baselines beside it, and all are evaluated on 500 questions that none has seen.",
    takes="15 to 20 minutes on 2 cores",
    proves="what each stage does; the toy world says nothing of large models",
)
QUICK = Demo(
    recipe="toy-smoke",
    folder="runs/demo-quick",
    does="Every stage of the method on a handful of problems.",
    takes="one to two minutes on 2 cores",
    proves="that the stages run on this machine, and nothing else: so short a training teaches nothing",
)


def introduce(demo: Demo, steps: list[ResolvedStep]) -> str:
    """What will happen, how long it takes and where the result will be."""
    n_done = sum((step.folder / "manifest.json").is_file() for step in steps)
    lines = [
        demo.does,
        f"{len(steps)} steps, {demo.takes}; no GPU, no network. Stop it when you like: the same command goes on.",
        f"At the end: {report_page(steps)}",
    ]
    if n_done:
        lines.append(f"{n_done} of {len(steps)} steps are done already.")
    return "\n".join(lines)


def report_page(steps: list[ResolvedStep]) -> Path:
    """The page that the recipe's last step writes."""
    return steps[-1].folder / "report.html"


def conclude(demo: Demo, steps: list[ResolvedStep]) -> str:
    """The headline of the report in words, what it proves, and what to look at next.

    Raises:
        DataError: the report's table lacks the row of the base model or of ours.
    """
    chrpo = next(step.folder for step in reversed(steps) if step.stage.name == "chrpo")
    return "\n".join(
        [
            *headline(steps[-1].folder / "table.csv"),
            f"This shows {demo.proves}.",
            f"Serve the model: extracot export {chrpo / 'model'} --out runs/served",
        ]
    )


def headline(table: Path) -> list[str]:
    """Two sentences from a report's table: what the model's own choice spends, and how often it is right.

    Raises:
        DataError: no row of the base model, or none of ours in policy mode.
    """
    with open(table, encoding="utf-8", newline="") as file:
        rows = {(row["arm"], row["mode"]): row for row in csv.DictReader(file)}
    try:
        base, own = rows[BASE_ARM, "base"], rows[OWN_ARM, "policy"]
    except KeyError as error:
        missing = " ".join(error.args[0])
        raise DataError(f"{table} has no row for {missing}; run the demo again in a new folder") from error
    before, after = float(base["mean_think_tokens"]), float(own["mean_think_tokens"])
    change = f"{100 * abs(1 - after / before):.0f} % {'fewer' if after <= before else 'more'}"
    return [
        f"Choosing its budget itself, the model thinks in {after:.1f} tokens where it took {before:.1f}: {change}.",
        f"It is right on {_percent(own['accuracy'])} of {own['n_problems']} questions (95 % interval "
        f"{_percent(own['accuracy_low'])} to {_percent(own['accuracy_high'])}), the base model on "
        f"{_percent(base['accuracy'])}.",
    ]


def _percent(share: str) -> str:
    return f"{100 * float(share):.1f} %"
