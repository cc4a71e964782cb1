"""The whole examination; nothing of it raises for what it finds."""

import platform
from pathlib import Path

import extracot
from extracot.doctor.findings import Checkup, Package
from extracot.doctor.machine import examine_machine
from extracot.doctor.packages import optional_parts, own_requirements, required_packages
from extracot.doctor.parts import try_parts


def examine() -> Checkup:
    """Look at everything."""
    requirements = own_requirements()
    if requirements is None:
        packages: tuple[Package, ...] = (Package("extracot", "", None, "missing"),)
    else:
        packages = required_packages(requirements)
    return Checkup(
        version=extracot.__version__,
        python=platform.python_version(),
        folder=str(Path(extracot.__file__).parent),
        machine=examine_machine(),
        packages=packages,
        extras=optional_parts(requirements or []),
        parts=try_parts(),
    )
