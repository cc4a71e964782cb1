"""A run directory: everything that one run of one stage leaves behind.

```
<run>/
├── config.json        the stage's name and its resolved config, nulls included
├── records/*.jsonl    appended record by record
├── metrics.jsonl      {"step": 40, "reward/total": 0.61}
├── checkpoints/       whatever the stage saves on its way
├── logs/attempt-1.log a resume starts attempt-2
└── manifest.json      written last: its presence means the run is complete
```

One process at a time may write to a run directory; this is not enforced. Where several train together the first one
opens it, and the others attach to it.
"""

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from extracot.errors import ExtracotError, RunDirectoryError
from extracot.io.atomic import write_json_atomic, write_text_atomic
from extracot.io.config import StageConfig, config_digest, differing_keys, is_free_on_resume
from extracot.io.jsonl import JsonlWriter
from extracot.io.manifest import Manifest, digest_path, package_versions, read_manifest, source_commit

RunIntent = Literal["start", "go on", "read", "overwrite"]
"""What becomes of a run directory: a new run, an unfinished one resumed, a finished one read, an old one deleted."""


class RunDirectory:
    """An open run. Make one with `RunDirectory.open`; a complete one is there to be read, not written."""

    def __init__(
        self,
        path: Path,
        config: StageConfig,
        stage: str,
        attempt: int,
        is_complete: bool,
        is_writer: bool = True,
    ) -> None:
        self.path = path
        self.is_complete = is_complete
        """True when the run was finished before it was opened, or has been by `finish`."""
        self.is_writer = is_writer
        """False in every process but the first: then `log` and `metrics` do nothing and `finish` is not called."""
        self._config = config
        self._stage = stage
        self._attempt = attempt
        self._started = datetime.now(UTC)

    @classmethod
    def open(
        cls, path: str | Path, config: StageConfig, stage: str, resume: bool = False, overwrite: bool = False
    ) -> "RunDirectory":
        """Start a run, go on with an unfinished one, or open a finished one for reading.

        A new or empty folder starts a run, with or without `resume`. `resume` goes on with an unfinished run
        of the same config but for the keys that are free then, whose changes it logs; it opens a finished one with
        `is_complete` True. `overwrite` deletes what an earlier run left; it never deletes a folder that is not a run
        directory.

        Raises:
            RunDirectoryError: a run without a flag that allows touching it, a run of another stage or config
                (names the differing keys), a folder that is not ours, a place that cannot be written.
        """
        target = Path(path)
        intent = cls.check(target, config, stage, resume, overwrite)
        if intent == "read":
            return cls(target, config, stage, _n_attempts(target), is_complete=True)
        try:
            if intent == "overwrite":
                _empty(target)
            elif intent == "go on":
                (target / "manifest.json").unlink(missing_ok=True)
            for folder in ("records", "logs"):
                (target / folder).mkdir(parents=True, exist_ok=True)
            changes = _differences(_read_config(target), config, stage) if intent == "go on" else {}
            write_json_atomic(target / "config.json", {"stage": stage, **config.model_dump(mode="json")})
            run_dir = cls(target, config, stage, _n_attempts(target) + 1, is_complete=False)
            run_dir._log_path.touch()
            if changes and not config.resumes_part_by_part:
                run_dir.log(f"resumed with other values where no record depends on them: {'; '.join(changes.values())}")
            return run_dir
        except RunDirectoryError:
            raise
        except OSError as error:
            raise RunDirectoryError(f"{target}: cannot be used as a run directory: {error}") from error

    @staticmethod
    def check(
        path: str | Path, config: StageConfig, stage: str, resume: bool = False, overwrite: bool = False
    ) -> RunIntent:
        """What `open` would do; touches nothing.

        Raises:
            RunDirectoryError: as `open`, but for what only writing can tell.
        """
        target = Path(path)
        try:
            if target.exists() and not target.is_dir():
                raise RunDirectoryError(f"{target} is a file; name a folder with --out")
            if not target.is_dir() or not any(target.iterdir()):
                return "start"
            old = _read_config(target)
            is_finished = (target / "manifest.json").exists()
        except OSError as error:
            raise RunDirectoryError(f"{target}: cannot be used as a run directory: {error}") from error
        if overwrite:
            return "overwrite"
        if not resume:
            raise RunDirectoryError(
                f"{target} already holds {'a finished' if is_finished else 'an unfinished'} run of {old['stage']}; "
                "use --resume, --overwrite, or another folder with --out"
            )
        _require_same_config(target, old, config, stage)
        return "read" if is_finished and not config.resumes_part_by_part else "go on"

    @classmethod
    def attach(cls, path: str | Path, config: StageConfig, stage: str, is_complete: bool) -> "RunDirectory":
        """The run directory that the first of several processes has opened, to be read and not written."""
        return cls(Path(path), config, stage, _n_attempts(Path(path)), is_complete, is_writer=False)

    def discard_unused(self, error: BaseException) -> None:
        """Delete the folder if an error of what was given stopped its first attempt before it made anything.

        So that the corrected command can be given again as it is. What broke down otherwise stays, with its log.
        """
        is_input_error = isinstance(error, ExtracotError) and error.exit_code == 2
        if not is_input_error or not self.is_writer or self._attempt > 1 or self.is_complete:
            return
        made = {path.relative_to(self.path).as_posix() for path in self.path.rglob("*")}
        if made <= {"config.json", "records", "logs", self._log_path.relative_to(self.path).as_posix()}:
            shutil.rmtree(self.path)

    @property
    def checkpoints(self) -> Path:
        """The folder for checkpoints; made when first asked for."""
        folder = self.path / "checkpoints"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def manifest(self) -> Manifest:
        """What the finished run says about itself.

        Raises:
            MissingFileError: the run is not finished.
        """
        return read_manifest(self.path / "manifest.json")

    def records(self, name: str) -> Path:
        """Where records of this name lie, as in `records("traces.jsonl")`; they need not exist."""
        return self.path / "records" / name

    def log(self, message: str) -> None:
        """Say it on stderr, and in this attempt's log file with the UTC time."""
        if self.is_writer:
            print(message, file=sys.stderr, flush=True)
        self.log_quietly(message)

    def log_quietly(self, message: str) -> None:
        """Say it in this attempt's log file only."""
        if not self.is_writer:
            return
        with open(self._log_path, "a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {message}\n")

    def metrics(self, step: int, **values: float | int | None) -> None:
        """Append one line to metrics.jsonl; NaN and infinity become null.

        A resumed run may repeat steps: the last line of a step is the one that counts.
        """
        if not self.is_writer:
            return
        row: dict[str, float | int | None] = {"step": step}
        for name, value in values.items():
            row[name] = None if value is None or not math.isfinite(value) else value
        with JsonlWriter(self.path / "metrics.jsonl") as writer:
            writer.write(row)

    def finish(
        self,
        inputs: Sequence[str | Path],
        outputs: Sequence[str | Path],
        counts: Mapping[str, int],
        seeds: Mapping[str, int],
        **summary: float | int | str | None,
    ) -> Manifest:
        """Write the manifest, which makes the run complete, and return it.

        Args:
            inputs: files and folders that were read; their content is hashed now.
            outputs: files and folders that were written for others to read.
            counts: records per outcome, and whatever else was counted.
            seeds: every seed that went in.
            summary: the few figures that a person looks for first; NaN and infinity become null.

        Raises:
            MissingFileError: an input or output that is not there.
        """
        assert self.is_writer, "only the process that opened a run finishes it"
        finished = datetime.now(UTC)
        commit, is_dirty = source_commit()
        manifest = Manifest(
            stage=self._stage,
            config_digest=config_digest(self._config),
            versions=package_versions(),
            commit=commit,
            is_dirty=is_dirty,
            seeds=dict(seeds),
            inputs=[digest_path(path, relative_to=self.path) for path in inputs],
            outputs=[digest_path(path, relative_to=self.path) for path in outputs],
            counts=dict(counts),
            summary={
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in summary.items()
            },
            n_attempts=self._attempt,
            started_utc=self._started,
            finished_utc=finished,
            duration_s=(finished - self._started).total_seconds(),
        )
        write_text_atomic(self.path / "manifest.json", manifest.model_dump_json(indent=2) + "\n")
        self.is_complete = True
        return manifest

    @property
    def _log_path(self) -> Path:
        return self.path / "logs" / f"attempt-{self._attempt}.log"


def _read_config(path: Path) -> dict[str, object]:
    """The config.json of a run directory; refuses a folder that does not look like one of ours."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict) or "stage" not in config or not (path / "logs").is_dir():
        raise RunDirectoryError(f"{path} holds files but is no run directory; name another folder with --out")
    return config


def _require_same_config(path: Path, old: dict[str, object], config: StageConfig, stage: str) -> None:
    if old["stage"] != stage:
        raise RunDirectoryError(f"{path} holds a run of {old['stage']}, not of {stage}; give another --out")
    if config.resumes_part_by_part:
        return
    differences = [
        shown for key, shown in _differences(old, config, stage).items() if not is_free_on_resume(key, config)
    ]
    if differences:
        raise RunDirectoryError(
            f"{path} was started with another config ({'; '.join(differences)}); "
            "give the old values to resume, or --overwrite, or another folder with --out"
        )


def _differences(old: Mapping[str, object], config: StageConfig, stage: str) -> dict[str, str]:
    return differing_keys(old, {"stage": stage, **config.model_dump(mode="json")})


def _empty(path: Path) -> None:
    """Delete the content of a run directory, its config last: a kill in between leaves it recognisable."""
    last = {"config.json", "logs"}
    for item in sorted(path.iterdir(), key=lambda item: item.name in last):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _n_attempts(path: Path) -> int:
    return len(list((path / "logs").glob("attempt-*.log")))
