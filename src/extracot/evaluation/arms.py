"""What is compared: arms, the ways in which each is asked, and a model that is ready to be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from extracot.errors import ConfigError
from extracot.evaluation.config import BASE_ARM, ArmConfig, Asked, ControlConfig, ControlKind, EvaluateConfig
from extracot.evaluation.metrics import RowKey
from extracot.generate.backend import Backend
from extracot.generate.backend_config import ServerConfig
from extracot.generate.openai_backend import api_of
from extracot.models.knob import Knob
from extracot.models.prompts import PromptFormat
from extracot.text.control import POLICY_TOKEN, control_token


class Respondent(Protocol):
    """A model ready to be asked; it may live in this process or behind a server."""

    @property
    def backend(self) -> Backend: ...

    def render(self, prompt_format: PromptFormat, question: str, control: str | None) -> str:
        """The prompt of a question."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text in this model's tokenizer."""
        ...

    def token_spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Where each token of a text stands, as character offsets; asked of the base model of control arms alone."""
        ...


@dataclass(frozen=True, slots=True)
class ArmMode:
    """One way of asking an arm."""

    key: RowKey
    control: str | None
    """The control token at the end of the prompt; None for base."""


@dataclass(frozen=True, slots=True)
class CutThinking:
    """How a control arm comes to its thinking: the base model's own, cut."""

    kind: ControlKind
    matched_arm: str | None
    """Cut each question's thinking to the actual ratio of this arm there, mode by mode; None: to the target ratio."""
    max_answer_tokens: int | None
    """Of the answer that follows; None for as many as everybody has for everything."""
    seed: int
    """Of random deletion."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One model and all the ways in which it is asked."""

    name: str
    model: str
    prompt_format: PromptFormat
    modes: Sequence[ArmMode]
    server: ServerConfig | None = None
    """Its own server, where it has one."""
    cut: CutThinking | None = None
    """For a control arm, whose model is the base model."""


def resolve_arms(config: EvaluateConfig) -> list[Arm]:
    """Every arm with its modes and prompts, the base arm first, controls last; reads `extracot.json` files, no weights.

    Raises:
        ConfigError: a mode that a model was not prepared for, or controls behind a server that takes messages alone.
        ModelError: no such model folder.
    """
    knobs = {arm.name: Knob.find(arm.model) for arm in config.arms}
    base_knob = Knob.find(config.base_model)
    known_formats = [knob.prompt_format for knob in (base_knob, *knobs.values()) if knob is not None]
    default_format = config.prompt_format or next(iter(known_formats), PromptFormat())
    arms = [Arm(BASE_ARM, config.base_model, default_format, [_arm_mode(BASE_ARM, "base")])]
    for arm in config.arms:
        knob = knobs[arm.name]
        own_format = default_format if knob is None else knob.prompt_format
        modes = [_arm_mode(arm.name, asked) for asked in _asked_modes(arm, knob)]
        arms.append(Arm(arm.name, arm.model, config.prompt_format or own_format, modes, arm.server))
    _check_controls(config)
    matched = {arm.name: arm for arm in arms}
    return [*arms, *(_control_arm(control, arms[0], matched, config.sampling.seed) for control in config.controls)]


def _asked_modes(arm: ArmConfig, knob: Knob | None) -> Sequence[Asked]:
    """The modes an arm is asked in, checked against its grid."""
    if arm.modes is None:
        return ("base",) if knob is None else (*knob.grid, "policy")
    for mode in arm.modes:
        if mode == "base":
            continue
        if knob is None:
            raise ConfigError(
                f"arm {arm.name!r} is asked for {mode}, but {arm.model} has no control tokens; "
                "make them with: extracot prepare-model"
            )
        if isinstance(mode, float) and not any(abs(mode - ratio) < 1e-6 for ratio in knob.grid):
            grid = ", ".join(str(ratio) for ratio in knob.grid)
            raise ConfigError(f"arm {arm.name!r} is asked for {mode}, but the grid of {arm.model} is {grid}")
    return arm.modes


def _arm_mode(arm: str, asked: Asked) -> ArmMode:
    if asked == "base":
        return ArmMode(RowKey(arm, "base", None), control=None)
    if asked == "policy":
        return ArmMode(RowKey(arm, "policy", None), control=POLICY_TOKEN)
    return ArmMode(RowKey(arm, "fixed", float(asked)), control=control_token(float(asked)))


def _control_arm(control: ControlConfig, base: Arm, arms: Mapping[str, Arm], seed: int) -> Arm:
    """The base model once more, asked without a control token, in rows named as those that it is set beside."""
    if control.matches is None:
        keys = [RowKey(control.arm_name, "fixed", ratio) for ratio in control.ratios or ()]
    else:
        keys = [mode.key._replace(arm=control.arm_name) for mode in arms[control.matches].modes]
    cut = CutThinking(control.kind, control.matches, control.max_answer_tokens, seed)
    modes = [ArmMode(key, control=None) for key in keys]
    return Arm(control.arm_name, base.model, base.prompt_format, modes, cut=cut)


def _check_controls(config: EvaluateConfig) -> None:
    if config.controls and config.server is not None and api_of(config.server) == "chat":
        raise ConfigError(
            f"controls put cut thinking behind the prompt and let the model go on, but {config.server.base_url} is "
            "asked with messages, which end before the response; set server.api=completions, or drop controls"
        )
