"""What evaluation asks of a model, whatever runs it: log-likelihoods of choices, and text."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mowa.errors import DataError, MowaError

Finish = Literal["stop", "length", "eos", "empty"]


class Unsupported(MowaError):  # noqa: N818 - it is a property of an engine, not a mistake
    """The engine cannot do this; its result is *not comparable*, never a number."""


class TooLong(DataError):  # noqa: N818 - it is a property of a conversation, not a mistake
    """A conversation that leaves no room in the model's window for an answer; none is cut."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: What was said.
    """

    role: str
    content: str


@dataclass(frozen=True)
class ChoiceRequest:
    """How likely is each of `choices` after `context`?

    An empty context means BOS alone.
    """

    context: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Continuation:
    """How likely one choice is.

    Attributes:
        logprob: Sum of ln p over the tokens of the choice.
        tokens: How many tokens the choice has.
        greedy: Is each of them the likeliest token at its place?
        cut: Tokens of the context that did not fit into the model's window; 0 where all did.
    """

    logprob: float
    tokens: int
    greedy: bool = False
    cut: int = 0


@dataclass(frozen=True)
class GenerateRequest:
    """What to continue, and how far.

    Attributes:
        prompt: Text, or the turns of a conversation, which the engine puts into its chat template.
        max_new_tokens: Most tokens to make.
        stop: Strings before which the text ends.
        temperature: 0 always takes the likeliest token.
        seed: Of the draws, where the temperature is above 0.
    """

    prompt: str | tuple[Message, ...]
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Generated:
    """What an engine wrote.

    Attributes:
        text: Without the stop string.
        tokens: How many tokens were made.
        finish: ``stop`` at a stop string, ``eos`` where the model ended, ``length`` where it was
            cut off, ``empty`` where it wrote nothing.
        cut: Tokens of the prompt that did not fit; 0 where all did.
        prompt_tokens: Tokens of the prompt.
        cost: In the currency of the engine's prices; None where it has none.
    """

    text: str
    tokens: int
    finish: Finish
    cut: int = 0
    prompt_tokens: int = 0
    cost: float | None = None


class Stream:
    """A text that comes piece by piece: iterate over it, or `close` it where it is enough.

    Attributes:
        result: The whole, when all has come; None before, and where it was closed. Tokens are 0
            where the engine does not count them.
    """

    def __init__(self, pieces: Generator[str, None, Generated]) -> None:
        self.result: Generated | None = None
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as ended:
            if ended.value is not None:  # None, when it had ended before
                self.result = ended.value
            raise StopIteration from None

    def close(self) -> None:
        """End the text here."""
        self._pieces.close()


class Engine(Protocol):
    """A model that can be evaluated."""

    @property
    def name(self) -> str:
        """What a result calls it."""

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer and chat template; or of URL and name of the model."""

    @property
    def can(self) -> frozenset[str]:
        """Some of ``loglikelihood``, ``generate``, ``chat``; to know it, an endpoint is asked."""

    @property
    def window(self) -> int | None:
        """Most tokens that it sees at once; None where it does not say."""

    @property
    def start(self) -> int | None:
        """The id that stands before a text without context, BOS or else EOS.

        None where a document cannot be given as ids.
        """

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text`, without BOS and EOS."""

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[int, list[Continuation]]]:
        """Yield the index of a request and one continuation a choice, as they are done.

        Context and choice are encoded together; the tokens of the choice are those after as many as
        the context has alone. Spaces that end the context belong to the choice.

        Raises:
            Unsupported: Where the engine has no log-likelihoods.
        """

    def generate_many(self, requests: Sequence[GenerateRequest]) -> Iterator[tuple[int, Generated]]:
        """Yield the index of a request and what was written, as they are done.

        Raises:
            Unsupported: Where the engine cannot write, or a conversation is asked of a model
                without a chat template.
        """

    def stream(
        self,
        prompt: str | tuple[Message, ...],
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int = 0,
        stop: tuple[str, ...] = (),
    ) -> Stream:
        """Write one text, or the next turn of a conversation, and give it away as it comes.

        Args:
            prompt: As of a `GenerateRequest`.
            max_new_tokens: Most tokens to make.
            temperature: 0 always takes the likeliest token.
            top_p: Draw among the likeliest tokens that together have this probability.
            top_k: Draw among so many of the likeliest tokens; 0 for all.
            seed: Of the draws.
            stop: Strings before which the text ends; no part of one is shown.

        Raises:
            TooLong: Where a conversation leaves no room for an answer.
            Unsupported: Where the engine cannot do it.
        """

    def apply_template(self, messages: tuple[Message, ...]) -> str:
        """The conversation as the prompt of its next turn.

        Handed on as it is, it is known for one: its special tokens are tokens, and no BOS is put
        before it. Joined to other text it is text.

        Raises:
            Unsupported: Where the model has no chat template.
        """

    def loglikelihood(self, documents: Sequence[Sequence[int]], *, stride: int) -> list[float]:
        """Sum of ln p over all tokens of each document but its first.

        Raises:
            Unsupported: Where the engine has no log-likelihoods.
        """
