"""A checkup as text for a terminal."""

from collections.abc import Sequence

from extracot.doctor.findings import Checkup, Extra, Machine, Package


def render_checkup(checkup: Checkup) -> str:
    """Sections of aligned lines, the verdict last; ends with a newline."""
    sections = [
        [f"extracot {checkup.version}, Python {checkup.python}, in {checkup.folder}"],
        ["machine", *_machine_lines(checkup.machine)],
        ["required", *_package_lines(checkup.packages)],
        ["extras, to install in a checkout of extracot", *_extra_lines(checkup.extras)],
        ["tried", *_align([(part.verdict, part.name, part.says) for part in checkup.parts])],
        [_verdict(checkup)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _machine_lines(machine: Machine) -> list[str]:
    threads = "torch does not work" if machine.n_threads is None else f"threads of torch: {machine.n_threads}"
    memory = "unknown" if machine.memory_gib is None else f"{machine.memory_gib} GiB"
    rows = [
        ("system", machine.platform),
        ("CPU", f"cores: {machine.n_cores}, {threads}"),
        ("memory", memory),
        ("disk", f"{machine.disk_free_gib} GiB free here"),
    ]
    for number, device in enumerate(machine.devices):
        size = "" if device.memory_gib is None else f", {device.memory_gib} GiB"
        rows.append((f"GPU {number}", f"{device.name}{size}"))
    if not machine.devices:
        rows.append(("GPU", "none that torch can use: everything runs on the CPU"))
    return _align(rows)


def _package_lines(packages: Sequence[Package]) -> list[str]:
    return _align(
        [(package.verdict, package.name, package.installed or "–", package.asked) for package in packages]
    )


def _extra_lines(extras: Sequence[Extra]) -> list[str]:
    return _align([(extra.verdict, extra.name, _state(extra), extra.what_for) for extra in extras])


def _state(extra: Extra) -> str:
    """What is installed, or how to install it."""
    if extra.verdict != "ok":
        return extra.command
    return ", ".join(f"{package.name} {package.installed}" for package in extra.packages[:3])


def _verdict(checkup: Checkup) -> str:
    if checkup.is_well:
        return "All that is required works."
    hint = "install extracot again: pip install -c constraints.txt . in a checkout"
    return f"Not well: {', '.join(checkup.wrong)}; {hint}"


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Indented lines whose cells but the last are padded to the width of their column."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]
