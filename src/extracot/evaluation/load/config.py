"""Config of the measure-load stage."""

from typing import ClassVar

from pydantic import Field, field_validator

from extracot.evaluation.config import EvaluateConfig
from extracot.generate.backend_config import ServerConfig


class MeasureLoadConfig(EvaluateConfig):
    """What an evaluation may be told, so that its own config can be given, and the load. Nothing is graded, and
    `batch_size` has no effect: `concurrency` is in its place, and in that of a server's own."""

    # How fast and how patiently a server is asked is the load itself, or decides what fails under it.
    free_on_resume: ClassVar[frozenset[str]] = frozenset(
        f"{where}.{key}"
        for where in ("server", "arms.server")
        for key in ServerConfig.changes_no_record - {"concurrency", "requests_per_minute", "timeout_s"}
    )

    concurrency: tuple[int, ...] = Field(default=(1, 32), min_length=1)
    """Requests under way at once; several are measured one after the other. A server gets the next request when one is
    done, or at `server.requests_per_minute` if that is slower. In this process it is the rows of a batch, which wait
    for each other."""
    warmup_requests: int = Field(default=8, ge=0)
    """Requests before each measurement that do not count."""

    @field_validator("concurrency")
    @classmethod
    def _check_concurrency(cls, concurrency: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= at_once <= 1024 for at_once in concurrency):
            raise ValueError("lists a number outside of 1 to 1024")
        if len(set(concurrency)) < len(concurrency):
            raise ValueError("lists a number twice")
        return concurrency
