"""The manifest: what a finished run read, wrote, counted and ran on."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from extracot.errors import DataError, MissingFileError
from extracot.io.jsonl import count_rows

_PACKAGES = (
    "extracot",
    "torch",
    "transformers",
    "trl",
    "datasets",
    "accelerate",
    "peft",
    "vllm",
    "tokenizers",
    "safetensors",
    "math-verify",
    "pydantic",
)


class FileDigest(BaseModel):
    """One input or output, pinned by its content."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    path: str
    """Relative to the run directory where it lies inside, else as the config gave it."""
    n_rows: int | None
    """Lines of JSONL or rows of Parquet; None for everything else."""
    sha256: str
    """Of the file's bytes; of a folder, of the sorted names and digests of its files."""


class Manifest(BaseModel):
    """Written last: its presence in a run directory means that the run is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    format: Literal["extracot.manifest/1"] = "extracot.manifest/1"
    """A reader refuses any other."""
    stage: str
    """The stage that ran."""
    config_digest: str
    """SHA-256 of the resolved config, which lies beside the manifest as config.json."""
    versions: dict[str, str]
    """Python and the packages that decide results, as far as they are installed."""
    commit: str | None
    """Commit of the extracot checkout; None when it runs from an installed package."""
    is_dirty: bool | None
    """Whether that checkout had uncommitted changes; None when there is no checkout."""
    seeds: dict[str, int]
    """Every seed that went in, by the name of what it seeds."""
    inputs: list[FileDigest]
    """Everything that was read."""
    outputs: list[FileDigest]
    """Everything that was written for others to read."""
    counts: dict[str, int]
    """Records per outcome, and whatever else the stage counts."""
    summary: dict[str, float | int | str | None]
    """The few figures that a person looks for first."""
    n_attempts: int
    """1 for a run that went through, one more for every resume."""
    started_utc: datetime
    """When the last attempt started."""
    finished_utc: datetime
    """When it ended."""
    duration_s: float
    """Seconds that the last attempt took."""


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest.json.

    Raises:
        MissingFileError: the run never finished, or there is none.
        DataError: another format, or broken.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingFileError(f"{source} does not exist: the run is not finished; resume it")
    content = source.read_bytes()
    found, known = _format_of(content), Manifest.model_fields["format"].default
    if found is not None and found != known:
        raise DataError(
            f"{source} has format {found!r}; this version reads {known!r}. Read the run with the version that wrote "
            "it, or make it again"
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(f"{source}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _format_of(content: bytes) -> str | None:
    """What a manifest says that it is; None where it says nothing readable."""
    try:
        return str(json.loads(content)["format"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def digest_path(path: str | Path, relative_to: str | Path | None = None) -> FileDigest:
    """Pin a file or a folder by its content.

    Args:
        path: what to hash; of a folder, all files below it.
        relative_to: the run directory; a path inside it is recorded relative to it.

    Raises:
        MissingFileError: nothing is there.
    """
    target = Path(path)
    if not target.exists():
        raise MissingFileError(f"{target} does not exist")
    shown = str(path)
    if relative_to is not None and target.resolve().is_relative_to(Path(relative_to).resolve()):
        shown = target.resolve().relative_to(Path(relative_to).resolve()).as_posix()
    return FileDigest(path=shown, n_rows=_count_rows(target), sha256=_sha256(target))


def changed_paths(digests: Iterable[FileDigest], relative_to: str | Path) -> list[str]:
    """Those of the recorded paths that are gone or no longer have the recorded content."""
    changed = []
    for digest in digests:
        inside = Path(relative_to) / digest.path
        path = inside if inside.exists() else Path(digest.path)
        if not path.exists() or _sha256(path) != digest.sha256:
            changed.append(digest.path)
    return changed


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results, those that are installed."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


@cache
def source_commit() -> tuple[str | None, bool | None]:
    """Commit of the checkout this code runs from and whether it is dirty; (None, None) without a checkout.

    Asked once per process, since the code in memory does not change either. A checkout counts only when git
    tracks this very file: a virtual environment inside somebody else's repository is no checkout of ours.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, None
    status = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "HEAD"), None if status is None else bool(status)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _sha256(path: Path) -> str:
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inner in sorted(item for item in path.rglob("*") if item.is_file()):
        digest.update(f"{inner.relative_to(path).as_posix()}\0{_sha256(inner)}\n".encode())
    return digest.hexdigest()


def _count_rows(path: Path) -> int | None:
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return count_rows(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(path).num_rows)
    return None
