"""Conversations as prompts, by the chat template that a model brings along."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import jinja2
from transformers.utils.chat_template_utils import render_jinja_template

from mowa.errors import DataError
from mowa.inference._protocol import Message

# The day that Llama 3's template writes where it is told none. A prompt that has today's date in it
# would be another one tomorrow.
_DATE = "26 Jul 2024"

# An answer that no template has of its own.
_ANSWER = "q7Zx"
_BLOCK = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Rendered(str):
    """A prompt that a chat template wrote: its special tokens are tokens, BOS among them.

    What looks like one in a turn is divided by a mark (`mowa.tokenizer.ControlTokens`).
    """

    __slots__ = ()


def rendered(
    messages: Sequence[Message],
    template: str,
    tokens: dict[str, str],
    *,
    quote: Callable[[str], str] = str,
    begins_answer: bool = True,
) -> Rendered:
    """The conversation, and the beginning of the assistant's next turn.

    The template runs in the sandbox of `transformers`, where it sees only these messages.

    Args:
        messages: The turns.
        template: Jinja.
        tokens: What it may name: ``bos_token`` and others.
        quote: What is done to a turn's text first.
        begins_answer: Should the next turn be begun?

    Raises:
        DataError: Where the template is broken, or refuses this conversation.
    """
    return _render(messages, template, tokens, quote, begins_answer=begins_answer)[0]


def rendered_with_answers(
    messages: Sequence[Message],
    template: str,
    tokens: dict[str, str],
    *,
    quote: Callable[[str], str] = str,
) -> tuple[Rendered, list[tuple[int, int]]]:
    """The conversation, and where in it stands what the assistant writes: the generation blocks.

    Raises:
        DataError: Where the template is broken, or refuses this conversation.
    """
    return _render(messages, template, tokens, quote, begins_answer=False)


def marks_answers(template: str) -> bool:
    """Does `template` say by ``{% generation %}`` what the assistant writes?"""
    return _BLOCK.search(template) is not None


def _render(
    messages: Sequence[Message],
    template: str,
    tokens: dict[str, str],
    quote: Callable[[str], str],
    *,
    begins_answer: bool,
) -> tuple[Rendered, list[tuple[int, int]]]:
    turns = [{"role": turn.role, "content": quote(turn.content)} for turn in messages]
    try:
        (text,), blocks = render_jinja_template(
            conversations=[turns],
            chat_template=template,
            add_generation_prompt=begins_answer,
            return_assistant_tokens_mask=not begins_answer and marks_answers(template),
            date_string=_DATE,
            **tokens,
        )
    except (
        jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise DataError(
            f"the chat template cannot render this conversation: {error}",
            fix="see which roles, in which order, the model's chat_template.jinja knows",
        ) from error
    return Rendered(text), blocks[0] if blocks else []


def after_answer(template: str, tokens: dict[str, str]) -> str:
    """What the template writes after an answer, which a model may have learnt to end with.

    Empty where the template refuses the shortest of conversations.
    """
    turns = (Message("user", "?"), Message("assistant", _ANSWER))
    try:
        text = rendered(turns, template, tokens, begins_answer=False)
    except DataError:
        return ""
    return text.rpartition(_ANSWER)[2] if _ANSWER in text else ""
