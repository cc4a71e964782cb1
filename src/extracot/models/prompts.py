"""How a question becomes a prompt: the same string in training, evaluation and serving.

The control token is the last thing of the user turn, so prompts of one question share their beginning across
ratios. The response, not the prompt, opens the think block.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from extracot.text.think import THINK_START

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_BUDGET = "none"
"""The value of `comp_ratio` that leaves a prompt as the model's own chat template writes it."""


class PromptFormat(BaseModel):
    """What stands around a question. It belongs to a model: `Knob` keeps it in the model's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    system: str | None = None
    """The system turn; None for none of ours (a chat template may still add its own)."""
    instruction: str | None = None
    """Stands on its own line above the question; None for the question alone."""

    def user_turn(self, question: str, control: str | None) -> str:
        """The instruction, the question and the control token, those of them that there are."""
        text = question if self.instruction is None else f"{self.instruction}\n{question}"
        return text if control is None else f"{text} {control}"

    def messages(self, question: str, control: str | None) -> list[dict[str, str]]:
        """The turns before the response, for a server that renders them itself."""
        turns = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*turns, {"role": "user", "content": self.user_turn(question, control)}]

    def render(self, tokenizer: "PreTrainedTokenizerBase", question: str, control: str | None) -> str:
        """The prompt by the tokenizer's chat template, up to where the response begins.

        Without a chat template the prompt is plain text: system turn, user turn, each with a line end.
        With a control token, a `<think>` that the template opens is removed: the response has to begin with
        its ratio. Without one the template is followed to the letter.
        """
        user_turn = self.user_turn(question, control)
        if not tokenizer.chat_template:
            return "".join(f"{turn}\n" for turn in (self.system, user_turn) if turn is not None)
        messages = self.messages(question, control)
        # The token is in the messages already, so a knob in the template must not act; others ignore the name.
        prompt = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, comp_ratio=NO_BUDGET
        )
        assert isinstance(prompt, str)
        if control is not None and prompt.rstrip().endswith(THINK_START):
            prompt = prompt.rstrip().removesuffix(THINK_START)
        return prompt


def count_tokens(tokenizer: "PreTrainedTokenizerBase", text: str) -> int:
    """How many tokens a text has, without any that a tokenizer would put around it."""
    return len(tokenizer.encode(text, add_special_tokens=False))
