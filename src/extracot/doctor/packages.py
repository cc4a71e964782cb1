"""Our requirements against what is installed, from metadata alone: nothing is imported."""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from extracot.doctor.findings import Extra, Package, Verdict, worst
from extracot.io.extras import EXTRAS, install_command

VersionOf = Callable[[str], str | None]
"""The installed version of a distribution, or None."""


def installed_version(name: str) -> str | None:
    """What this environment holds of a distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def own_requirements(name: str = "extracot") -> list[Requirement] | None:
    """Everything that the installed extracot asks for, extras included; None when it runs without being installed."""
    try:
        return [Requirement(line) for line in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        return None


def required_packages(
    requirements: Sequence[Requirement], version_of: VersionOf = installed_version
) -> tuple[Package, ...]:
    """What is needed without any extra, in the order of the requirements."""
    return tuple(
        judge(requirement, version_of) for requirement in requirements if _applies(requirement, extra="")
    )


def optional_parts(
    requirements: Sequence[Requirement], version_of: VersionOf = installed_version
) -> tuple[Extra, ...]:
    """Every extra with its packages; one that names others of ours has theirs too.

    An extra that the installed version does not know counts as missing: it was installed before the extra came.
    """
    extras = []
    for name, what_for in EXTRAS.items():
        packages = tuple(judge(one, version_of) for one in _of_extra(requirements, name))
        verdict = worst([package.verdict for package in packages]) if packages else "missing"
        extras.append(Extra(name, what_for, packages, verdict, install_command(name)))
    return tuple(extras)


def judge(requirement: Requirement, version_of: VersionOf = installed_version) -> Package:
    """Compare one requirement with what is installed; pre-releases in range count."""
    installed = version_of(requirement.name)
    verdict: Verdict = "ok"
    if installed is None:
        verdict = "missing"
    elif not requirement.specifier.contains(installed, prereleases=True):
        verdict = "outside"
    asked = ",".join(sorted(map(str, requirement.specifier), reverse=True))  # the lower end first
    return Package(requirement.name, asked, installed, verdict)


def _of_extra(requirements: Sequence[Requirement], extra: str) -> list[Requirement]:
    """What an extra adds; `extracot[a,b]` within it stands for what a and b add."""
    added: list[Requirement] = []
    for requirement in requirements:
        if _applies(requirement, extra="") or not _applies(requirement, extra):
            continue
        if canonicalize_name(requirement.name) == "extracot":
            added.extend(one for inner in sorted(requirement.extras) for one in _of_extra(requirements, inner))
        else:
            added.append(requirement)
    return added


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
