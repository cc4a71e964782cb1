"""The optional parts of the package: what each is for, and the command that installs it."""

EXTRAS = {
    "lora": "LoRA adapters in `sft`, and their merging in `export`",
    "vllm": "completions by vLLM in this process",
    "serving": "`transformers serve`, for exported models",
    "bench": "LLMLingua-2, for the benchmarks that compare with it",
    "docs": "the documentation site; `make docs` installs it",
    "dev": "tests and linters; `make test` installs it",
}
"""Every extra of pyproject.toml, by name."""

_WITHOUT_CONSTRAINTS = {"vllm"}
"""Extras whose own pins do not agree with the constraints; they want an environment of their own."""


def install_command(extra: str) -> str:
    """What installs an extra, typed in a checkout: extracot is on no package index."""
    constraints = "" if extra in _WITHOUT_CONSTRAINTS else "-c constraints.txt "
    return f"pip install {constraints}'.[{extra}]'"


def install_hint(extra: str) -> str:
    """The command as a clause of an error message."""
    where = "in a checkout of extracot"
    if extra in _WITHOUT_CONSTRAINTS:
        where += ", into an environment of its own"
    return f"{install_command(extra)} {where}"
