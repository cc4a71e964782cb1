"""Configs of stages: a frozen model each, filled from class defaults, then a preset or file, then `--set`.

Presets are the YAML files of `extracot/presets/`: a top key `stage`, then keys of that stage's config. A
user's file looks the same, and so does the `config.json` that a run leaves behind, which can be given again. With a
top key `based_on` a file names another preset or file, over which its own keys are laid.
No environment variable changes a config.
"""

import hashlib
import json
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from extracot.errors import ConfigError, MissingFileError
from extracot.io.nearest import did_you_mean

PRESETS_FOLDER = Path(__file__).resolve().parent.parent / "presets"

_FILE_SUFFIXES = (".yaml", ".yml", ".json")
_DATA_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".yaml", ".yml", ".parquet", ".safetensors")


class StageConfig(BaseModel):
    """Base of every stage's config: frozen, closed to unknown keys, each field followed by its docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    resumes_part_by_part: ClassVar[bool] = False
    """True for a stage made of runs that check their own configs: a resume then goes through its parts."""
    free_on_resume: ClassVar[frozenset[str]] = frozenset()
    """Dotted keys that a resume may change, since no record depends on them: where a server is and how patiently it is
    asked, how much is done at once. Places in lists are left out: `arms.server.base_url` is that of every arm."""

    def input_paths(self) -> list[str]:
        """The values that can only be meant as paths of existing files or folders, in field order.

        A stage overrides this where the rule of `looks_like_path` says too much or too little for it.
        """
        return [value for value in texts_in(self.model_dump(mode="json")) if looks_like_path(value)]

    def require_complete(self) -> None:
        """Raise ConfigError where something is left for the user to give; asked before a run directory is opened.

        For configs that are valid as templates, as recipes are.
        """


ConfigT = TypeVar("ConfigT", bound=StageConfig)


def load_config(
    cls: type[ConfigT],
    name_or_path: str | None,
    overrides: Sequence[str] = (),
    *,
    stage: str | None = None,
    also_of: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> ConfigT:
    """Resolve a config: class defaults, then the preset or file, then `values`, then `overrides`.

    Args:
        cls: the stage's config class.
        name_or_path: a preset's name, a `.yaml`, `.yml` or `.json` file, or None for the defaults.
        overrides: `key=value` texts as `--set` takes them; a dotted key reaches into a mapping, the value is
            YAML.
        stage: when given, a file that names another stage is refused,
        also_of: but for this one.
        values: plain values laid over the file, mappings merged key by key.

    Raises:
        ConfigError: an unknown preset or key (names the nearest), a value of the wrong type, another stage.
        MissingFileError: a path that does not exist.
    """
    origin = "" if name_or_path is None else f"{name_or_path}: "
    tree: dict[str, Any] = {}
    if name_or_path is not None:
        tree = read_config(name_or_path)
        named_stage = tree.pop("stage", None)
        if stage is not None and named_stage not in (None, stage, also_of):
            raise ConfigError(f"{origin}is a config of stage {named_stage!r}, not of {stage!r}")
    if values:
        tree = merge_trees(tree, values)
    for override in overrides:
        tree = merge_trees(tree, parse_override(override))
    try:
        return cls.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{origin}{_describe(error, cls)}") from error


def list_presets() -> list[str]:
    """Names of the packaged presets, sorted."""
    return sorted(path.stem for path in PRESETS_FOLDER.glob("*.yaml"))


def preset_path(name: str) -> Path:
    """The file of a packaged preset.

    Raises:
        ConfigError: no preset has this name; names the nearest.
    """
    known = list_presets()
    if name not in known:
        raise ConfigError(
            f"no preset is called {name!r}{did_you_mean(name, known)}; see: extracot config list"
        )
    return PRESETS_FOLDER / f"{name}.yaml"


def config_path(name_or_path: str) -> Path:
    """The file that a preset's name or a path means; what ends like a config file or holds a slash is a path.

    Raises:
        ConfigError: no such preset.
        MissingFileError: no such file.
    """
    if "/" not in name_or_path and not name_or_path.endswith(_FILE_SUFFIXES):
        return preset_path(name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        hint = did_you_mean(path.stem, list_presets(), what="the preset")
        raise MissingFileError(f"config file {name_or_path} does not exist{hint}")
    return path


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping that a YAML (or JSON) config file holds; an empty file is an empty mapping.

    Raises:
        ConfigError: not YAML, not UTF-8, a key twice, or no mapping at the top; names file and line.
    """
    try:
        value = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{path}: needs keys and values at the top, as in `ratios: [0.2, 0.4]`")
    return value


def read_config(name_or_path: str) -> dict[str, Any]:
    """The mapping of a preset or file, laid over the one that it is `based_on`, if any; it keeps its `stage`.

    Raises:
        ConfigError: no such preset, no mapping, a `based_on` that is no name, names another stage, or names a file that
            is itself based on one: a reader should have to open two files at most.
        MissingFileError: no such file.
    """
    tree = read_yaml(config_path(name_or_path))
    base = tree.pop("based_on", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ConfigError(f"{name_or_path}: based_on needs the name of one preset or file, got {_show(base)}")
    below = read_yaml(config_path(base))
    if "based_on" in below:
        raise ConfigError(f"{name_or_path}: {base} is itself based on {below['based_on']}; name that, and copy keys")
    if tree.get("stage", below.get("stage")) != below.get("stage"):
        raise ConfigError(f"{name_or_path}: is of stage {tree['stage']!r}, but {base} is of {below.get('stage')!r}")
    return merge_trees(below, tree)


def parse_override(text: str) -> dict[str, Any]:
    """The tree that a `--set a.b=c` means: `{"a": {"b": c}}`, with c read as YAML.

    Raises:
        ConfigError: no `=`, an empty key, or a value that is not YAML.
    """
    key, equals, value_text = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: write it as key=value, or outer.inner=value")
    try:
        value = yaml.load(value_text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is not YAML: {' '.join(str(error).split())}") from error
    for part in reversed(parts):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def merge_trees(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over another: mappings merge key by key, everything else (lists too) is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_trees(under, value)
        else:
            merged[key] = value
    return merged


def config_digest(config: StageConfig) -> str:
    """SHA-256 of the resolved config; equal for equal values, whatever file they came from."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Each key whose value differs, dotted, with both values, as in `lr: 0.1 -> 0.2`; sorted by key."""
    flat_old, flat_new = _flatten(old), _flatten(new)
    absent = "(absent)"
    return {
        key: f"{key}: {_show(flat_old.get(key, absent))} -> {_show(flat_new.get(key, absent))}"
        for key in sorted(flat_old.keys() | flat_new.keys())
        if flat_old.get(key, absent) != flat_new.get(key, absent)
    }


def is_free_on_resume(key: str, config: StageConfig) -> bool:
    """Whether a resume may change the value of a dotted key, which may hold places in lists, as in `arms.0.name`."""
    return re.sub(r"\.\d+(?=\.)", "", key) in config.free_on_resume


def looks_like_path(value: str) -> bool:
    """Whether a value can only be meant as a path: anchored, with two slashes, or ending like a data file.

    `toy:train:800`, `Qwen/Qwen3-1.7B`, `https://host/v1` and prose are no paths. A name of two parts such as
    `models/base` looks like a hub name; it counts as a path when its first part is `runs` or a folder here.
    """
    if not value or "://" in value or any(char.isspace() for char in value) or value.startswith("toy:"):
        return False
    if value.startswith(("./", "../", "/")) or value.endswith(_DATA_SUFFIXES):
        return True
    if not re.fullmatch(r"[\w.@+-]+(/[\w.@+-]+)+/?", value):
        return False
    parts = value.rstrip("/").split("/")
    return len(parts) > 2 or parts[0] == "runs" or Path(parts[0]).is_dir()


def missing_inputs(config: StageConfig) -> list[str]:
    """Those of the config's input paths that do not exist."""
    return [path for path in config.input_paths() if not Path(path).exists()]


class _Loader(yaml.SafeLoader):
    """YAML with two corrections: `1e-4` is a number, and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping",
                    node.start_mark,
                    f"key {key!r} is given twice",
                    key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 wants a point and a signed exponent; everybody writes 1e-4.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _describe(error: ValidationError, cls: type[BaseModel]) -> str:
    problems = []
    # Unknown keys first: a misspelt one is often why another is missing.
    for item in sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden"):
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _known_keys(cls, item["loc"][:-1])
            near = did_you_mean(str(item["loc"][-1]), known)
            problems.append(f"unknown key {key!r}" + (near or f"; known keys: {', '.join(known)}"))
        elif item["type"] == "missing":
            problems.append(f"{key!r} is missing; give it in the file or with --set {key}=...")
        elif item["type"] == "value_error" and not key:
            problems.append(str(item["ctx"]["error"]))
        else:
            says = str(item["ctx"]["error"]) if item["type"] == "value_error" else item["msg"]
            problems.append(f"{key}: {says}, got {_show(item['input'])}")
    return "; ".join(problems)


def _known_keys(cls: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Keys of the model that sits at `location`, found by walking the annotations as far as they lead."""
    models: list[type[BaseModel]] = [cls]
    for part in location:
        fields = [
            model.model_fields[part]
            for model in models
            if isinstance(part, str) and part in model.model_fields
        ]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            value = {str(place): item for place, item in enumerate(value)}
        if isinstance(value, Mapping) and value:
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def texts_in(value: Any) -> list[str]:
    """Every text in a tree of config values, in order; keys are none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, Sequence):
        return [text for inner in value for text in texts_in(inner)]
    return []


def _show(value: Any) -> str:
    text = value if value == "(absent)" else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
