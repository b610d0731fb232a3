"""Dialogues as tokens, and which of them the model is to learn: what the assistant says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mowa.errors import DataError, UsageError
from mowa.inference import (
    Message,
    chat_template,
    marks_answers,
    rendered,
    rendered_with_answers,
)
from mowa.instructions._templates import TemplateName, controls_of, template_called
from mowa.tokenizer import ControlTokens, Encoded, load_tokenizer

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class EncodedDialogue:
    """One conversation as tokens.

    Attributes:
        ids: All tokens, as the template writes them.
        learnt: One a token: is it said by the assistant (or the token that ends its turn)?
        ends: The tokens with which its turns end.
    """

    ids: NDArray[np.int64]
    learnt: NDArray[np.bool_]
    ends: frozenset[int]


class _Refused(Exception):  # noqa: N818 - it is counted, not raised to anyone
    """Why a conversation cannot be used, in words that can be counted."""


class DialogueEncoder:
    """Puts conversations into a chat template and finds what is learnt of them.

    What the assistant says stands in the template's ``{% generation %}`` blocks. Where it has none,
    as most models' own, it is what a conversation has beyond the prompt of each answer, up to the
    token that ends the turn. Either way the tokens that would be learnt are decoded and compared
    with the turns; a conversation in which they differ is refused.

    Attributes:
        template: Jinja, as the model's folder gets it.
    """

    def __init__(self, folder: Path, template: TemplateName | None = None) -> None:
        """Read the tokenizer in `folder`, and its chat template where none is named.

        Without either it is ``mowa``.

        Raises:
            UsageError: Where the tokenizer lacks a token that the template needs.
            DataError: Where the tokenizer cannot be read.
        """
        own, self._tokens = chat_template(folder)
        named = template or ("mowa" if own is None else None)
        self.template = template_called(named) if named is not None else own or ""
        self._tokenizer = load_tokenizer(folder)
        self._controls = ControlTokens(self._tokenizer)
        self._in_blocks = marks_answers(self.template)
        if named is not None:
            self._check(named, folder)

    def encode(
        self, conversations: Sequence[Sequence[Message]], *, last_only: bool = False
    ) -> Iterator[EncodedDialogue | str]:
        """Each conversation as tokens, or why it cannot be used, in their order.

        Args:
            conversations: Each ends with a turn of the assistant.
            last_only: Only the last turn is learnt, not those before.
        """
        made: list[tuple[str, Spans] | str] = []
        for conversation in conversations:
            try:
                made.append(self._rendered(conversation))
            except (_Refused, DataError) as refused:
                made.append(_reason(refused))
        found = iter(self._encode([text for text, _ in _kept(made)]))
        for conversation, result in zip(conversations, made, strict=True):
            if isinstance(result, str):
                yield result
                continue
            try:
                encoded = next(found)
                if isinstance(encoded, str):
                    raise _Refused(encoded)  # noqa: TRY301 - one way out
                yield self._learnt(conversation, encoded, result[1], last_only=last_only)
            except _Refused as refused:
                yield str(refused)

    def _check(self, name: TemplateName, folder: Path) -> None:
        roles = [f"{role}_token" for role in ("bos", "eos") if f"{role}_token" in self.template]
        for role in roles:
            if self._tokens.get(role) is None:
                raise UsageError(
                    f"the chat template {name!r} needs the {role}, which the tokenizer does not"
                    " name",
                    where=str(folder / "tokenizer_config.json"),
                    fix="choose another template, or a tokenizer that has it",
                )
        for token in (*controls_of(name), *(self._tokens[role] for role in roles)):
            number = self._tokenizer.token_to_id(token)
            if number is None or not self._controls.is_control(number):
                raise UsageError(
                    f"the chat template {name!r} needs {token} as one special token, and the"
                    " tokenizer does not have it",
                    where=str(folder / "tokenizer.json"),
                    fix="choose another template, or train the tokenizer with this token",
                )

    def _rendered(self, conversation: Sequence[Message]) -> tuple[str, Spans]:
        if self._in_blocks:
            return rendered_with_answers(
                conversation, self.template, self._tokens, quote=self._controls.quote
            )
        return self._by_prompts(conversation)

    def _by_prompts(self, conversation: Sequence[Message]) -> tuple[str, Spans]:
        """The spans of a template without blocks: from each prompt to the end of the turn."""

        def render(turns: Sequence[Message], **options: Any) -> str:
            return rendered(
                turns, self.template, self._tokens, quote=self._controls.quote, **options
            )

        whole = render(conversation, begins_answer=False)
        controls = list(self._controls.controls_in(whole))
        spans = []
        for number, turn in enumerate(conversation):
            if turn.role != "assistant":
                continue
            prompt = render(conversation[:number])
            if not whole.startswith(prompt):
                raise _Refused("the template writes earlier turns in another way later")
            said = self._controls.quote(turn.content).strip()
            at = whole.find(said, len(prompt))
            after = at + len(said)
            ends = [end for start, end in controls if start >= after]
            if at < 0 or not ends:
                raise _Refused("the template does not end the assistant's turn")
            spans.append((len(prompt), ends[0]))
        return whole, spans

    def _encode(self, texts: list[str]) -> Iterator[Encoded | str]:
        try:
            yield from self._controls.encode(texts)
        except DataError:
            # One of them is at fault: they are looked at one by one.
            for text in texts:
                try:
                    yield self._controls.encode([text])[0]
                except DataError as error:
                    yield _reason(error)

    def _learnt(
        self, conversation: Sequence[Message], encoded: Encoded, spans: Spans, *, last_only: bool
    ) -> EncodedDialogue:
        answers = [turn.content for turn in conversation if turn.role == "assistant"]
        if len(spans) != len(answers):
            raise _Refused("the template marks other turns than the assistant's")
        starts = np.array([start for start, _ in encoded.offsets], np.int64)
        stops = np.array([stop for _, stop in encoded.offsets], np.int64)
        ids = np.array(encoded.ids, np.int64)
        learnt = np.zeros(len(ids), np.bool_)
        ends = set()
        chosen = list(zip(spans, answers, strict=True))[-1 if last_only else 0 :]
        for (start, stop), answer in chosen:
            inside = np.flatnonzero((starts >= start) & (stops <= stop))
            ends.add(self._end_of(ids[inside], answer))
            learnt[inside] = True
        return EncodedDialogue(ids, learnt, frozenset(ends))

    def _end_of(self, said: NDArray[np.int64], answer: str) -> int:
        """The token that ends a turn, where what stands before it says `answer`."""
        controls = [place for place, token in enumerate(said) if self._controls.is_control(token)]
        if not controls:
            raise _Refused("the template does not end the assistant's turn")
        if self._in_blocks:
            words, rest = said[: controls[0]], said[controls[0] :]
        else:
            # What the template puts before an answer, such as an empty thought, may have others.
            words, rest = said[: controls[-1]], said[controls[-1] :]
        decoded = self._tokenizer.decode(words.tolist(), skip_special_tokens=False).strip()
        wanted = answer.strip()
        if decoded != wanted and not (not self._in_blocks and decoded.endswith(wanted)):
            # A tokenizer that changes text (one that normalises it) cannot give it back.
            again = self._tokenizer.encode(wanted, add_special_tokens=False).ids
            if decoded != self._tokenizer.decode(again, skip_special_tokens=False).strip():
                raise _Refused("what would be learnt is not what the assistant says")
        tail = self._tokenizer.decode(rest.tolist(), skip_special_tokens=True)
        if tail.strip():
            raise _Refused("the template lets the assistant go on after its turn")
        return int(rest[0])


def _kept(made: list[tuple[str, Spans] | str]) -> list[tuple[str, Spans]]:
    return [each for each in made if not isinstance(each, str)]


def _reason(error: Exception) -> str:
    """Without what is particular to one conversation: reasons are counted."""
    return (error.what if isinstance(error, DataError) else str(error))[:200]
