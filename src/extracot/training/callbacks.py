"""What a training run tells while it runs: metrics.jsonl, a line on stderr, and the end when a number is no
number."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from extracot.errors import StageError
from extracot.io.run_directory import RunDirectory

Observer = Callable[[int, Mapping[str, float]], None]
"""Told of every logged step: its number and its metrics under our names."""


class RunCallback(TrainerCallback):
    """Writes every logged step to the run directory and stops the run at the first NaN.

    Args:
        run_dir: where metrics and log lines go.
        stage: starts every line.
        rename: our name of a metric of the trainer; None drops it.
        shown: metrics that the line on stderr shows, by our names.
        show_every: steps between such lines; the last step is always shown.
        observe: what else looks at the metrics; it may raise to end the run.
    """

    def __init__(
        self,
        run_dir: RunDirectory,
        stage: str,
        rename: Callable[[str], str | None],
        shown: tuple[str, ...],
        show_every: int,
        observe: Observer | None = None,
    ) -> None:
        self._run_dir = run_dir
        self._stage = stage
        self._rename = rename
        self._shown = shown
        self._show_every = show_every
        self._observe = observe
        self._last_time_s: float | None = None
        self._last_step = 0
        self.last: dict[str, float] = {}
        """The metrics of the last logged step."""
        self._speeds: list[float] = []

    @property
    def tokens_per_s(self) -> float | None:
        """Median over the steps, padding aside, of all processes; None where the trainer counts no tokens."""
        return statistics.median(self._speeds) if self._speeds else None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._last_time_s, self._last_step = time.perf_counter(), state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write one step.

        Raises:
            StageError: loss or gradient norm is NaN or infinite; no checkpoint of this step has been saved
                yet.
        """
        if not logs or "loss" not in logs:  # the closing summary of the trainer has none
            return
        values = {}
        for name, value in logs.items():
            renamed = self._rename(name)
            if renamed is not None and isinstance(value, int | float):
                values[renamed] = float(value)
        values["step_s"] = self._step_seconds(state.global_step)
        for name in ("loss", "grad_norm"):
            if not math.isfinite(values.get(name, 0.0)):
                raise StageError(
                    f"{name} is {values[name]} at step {state.global_step}; lower learning_rate or look at "
                    "the data, then start again, or --resume from the last checkpoint"
                )
        n_tokens = values.get("num_tokens", 0.0) - self.last.get("num_tokens", math.inf)
        if n_tokens > 0 and values["step_s"] > 0:
            self._speeds.append(n_tokens / values["step_s"])
        self.last = values
        if state.is_world_process_zero:
            self._run_dir.metrics(state.global_step, **values)
            if state.global_step % self._show_every == 0 or state.global_step == state.max_steps:
                shown = ", ".join(f"{name} {values[name]:.4g}" for name in self._shown if name in values)
                self._run_dir.log(f"{self._stage}: step {state.global_step}/{state.max_steps}, {shown}")
        if self._observe is not None:
            self._observe(state.global_step, values)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the measurements of a step, beside its other metrics."""
        measured = {f"held_out/{name.removeprefix('eval_')}": float(value) for name, value in (metrics or {}).items()}
        if state.is_world_process_zero:
            self._run_dir.metrics(state.global_step, **self.last, **measured)
            shown = ", ".join(f"{name.removeprefix('held_out/')} {value:.4g}" for name, value in measured.items())
            self._run_dir.log(f"{self._stage}: step {state.global_step}/{state.max_steps}, held out: {shown}")
        self._last_time_s = time.perf_counter()  # measuring is no part of a step

    def _step_seconds(self, step: int) -> float:
        """Mean seconds of the steps since the last log."""
        now_s = time.perf_counter()
        before_s = now_s if self._last_time_s is None else self._last_time_s
        n_steps = max(1, step - self._last_step)
        self._last_time_s, self._last_step = now_s, step
        return (now_s - before_s) / n_steps
