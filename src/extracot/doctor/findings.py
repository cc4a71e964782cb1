"""What the doctor found. Plain dataclasses: they must work where a required package is what is missing."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "missing", "outside", "broken"]
"""Installed and in range; not installed; installed in another version; installed, but it does not import or work."""


@dataclass(frozen=True, slots=True)
class Package:
    """One requirement of ours against what is installed."""

    name: str
    asked: str
    """Our range, as in ">=2.9"; "" takes any version."""
    installed: str | None
    """The installed version, or None."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Extra:
    """One optional part."""

    name: str
    what_for: str
    packages: tuple[Package, ...]
    verdict: Verdict
    """The worst of its packages'."""
    command: str
    """What installs it, in a checkout."""


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator as torch sees it."""

    name: str
    memory_gib: float | None
    """Its whole memory; None where torch does not say."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run on."""

    platform: str
    n_cores: int
    """Cores that this process may use."""
    n_threads: int | None
    """Threads of a torch operation; None where torch does not work."""
    memory_gib: float | None
    disk_free_gib: float
    """In the folder where runs would be written: the current one."""
    devices: tuple[Device, ...]
    """Empty: everything runs on the CPU."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that was tried."""

    name: str
    verdict: Verdict
    says: str
    """What came out, or what stopped it, in one line."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """All of it."""

    version: str
    python: str
    folder: str
    """Where the running extracot lies."""
    machine: Machine
    packages: tuple[Package, ...]
    """Those that are required."""
    extras: tuple[Extra, ...]
    parts: tuple[Part, ...]

    @property
    def wrong(self) -> list[str]:
        """Names of what is required and is missing, out of range or broken."""
        packages = [package.name for package in self.packages if package.verdict != "ok"]
        return packages + [part.name for part in self.parts if part.verdict != "ok"]

    @property
    def is_well(self) -> bool:
        """Whether all that is required is there, in range, and works."""
        return not self.wrong


_FROM_BEST: tuple[Verdict, ...] = ("ok", "outside", "broken", "missing")


def worst(verdicts: list[Verdict]) -> Verdict:
    """The one that matters most; "ok" of none."""
    return max(verdicts, key=_FROM_BEST.index, default="ok")
