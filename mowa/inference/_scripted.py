"""An engine that follows a script: deterministic, for tests of everything that asks engines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from mowa.inference._protocol import (
    ChoiceRequest,
    Continuation,
    Finish,
    Generated,
    GenerateRequest,
    Message,
    Stream,
    TooLong,
    Unsupported,
)
from mowa.inference._stops import cut_at

_EVERYTHING = frozenset({"loglikelihood", "generate", "chat"})


class ScriptedEngine:
    """Answers by `score` and `write`; without them, by a hash of what it is asked.

    Args:
        name: What results call it.
        score: ln p of a choice after a context.
        write: The text that it writes after a prompt, texts by prompt, or one text always; a
            conversation is put into `apply_template` first.
        can: What it can do.
        window: Most words that it sees at once; a word is a token.
    """

    def __init__(
        self,
        name: str = "scripted",
        *,
        score: Callable[[str, str], float] | None = None,
        write: Callable[[str], str] | Mapping[str, str] | str = "",
        can: frozenset[str] = _EVERYTHING,
        window: int | None = None,
    ) -> None:
        self.name = name
        self.fingerprint = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        self.can = can
        self.window = window
        self.start: int | None = 0
        self.asked = 0
        self._score = score or _hashed
        self._write = write

    def tokenize(self, text: str) -> list[int]:
        """One id a word."""
        return [_number(word) % 30_000 for word in text.split()]

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[int, list[Continuation]]]:
        """The script's scores, in the order of the requests."""
        self._require("loglikelihood")
        for index, request in enumerate(requests):
            self.asked += 1
            logprobs = [self._score(request.context, choice) for choice in request.choices]
            yield (
                index,
                [
                    Continuation(
                        logprob,
                        max(len(choice.split()), 1),
                        greedy=logprob == max(logprobs),
                        cut=self._cut(request.context + choice),
                    )
                    for choice, logprob in zip(request.choices, logprobs, strict=True)
                ],
            )

    def generate_many(self, requests: Sequence[GenerateRequest]) -> Iterator[tuple[int, Generated]]:
        """The script's texts, cut at the first stop string and at the most words asked for."""
        self._require("generate")
        for index, request in enumerate(requests):
            self.asked += 1
            prompt = request.prompt
            if not isinstance(prompt, str):
                prompt = self.apply_template(prompt)
            yield index, self._shaped(self._text(prompt), request, prompt)

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
        """The script's text, word by word."""
        del top_p, top_k  # it draws nothing
        request = GenerateRequest(prompt, max_new_tokens, stop, temperature, seed)
        ((_, whole),) = self.generate_many([request])
        if whole.cut and not isinstance(prompt, str):
            raise TooLong(f"the conversation has {whole.prompt_tokens} words", where=self.name)

        def pieces() -> Generator[str, None, Generated]:
            yield from re.findall(r"\s*\S+|\s+$", whole.text)
            return whole

        return Stream(pieces())

    def apply_template(self, messages: tuple[Message, ...]) -> str:
        """Each turn on a line of its own, after its role."""
        self._require("chat")
        turns = "".join(f"<{message.role}> {message.content}\n" for message in messages)
        return f"{turns}<assistant> "

    def loglikelihood(self, documents: Sequence[Sequence[int]], *, stride: int) -> list[float]:
        """The script's score of each token as a text."""
        self._require("loglikelihood")
        del stride
        return [
            sum(self._score("", str(token)) for token in document[1:]) for document in documents
        ]

    def _text(self, prompt: str) -> str:
        if callable(self._write):
            return self._write(prompt)
        return self._write if isinstance(self._write, str) else self._write.get(prompt, "")

    def _require(self, what: str) -> None:
        if what not in self.can:
            raise Unsupported(f"this engine has no {what}", where=self.name)

    def _cut(self, text: str) -> int:
        return 0 if self.window is None else max(len(text.split()) - self.window, 0)

    def _shaped(self, text: str, request: GenerateRequest, prompt: str) -> Generated:
        text, is_cut = cut_at(text, request.stop)
        finish: Finish = "stop" if is_cut else "eos"
        words = text.split(" ")
        if len(words) > request.max_new_tokens:
            finish, text = "length", " ".join(words[: request.max_new_tokens])
        return Generated(
            text=text,
            tokens=len(text.split()),
            finish="empty" if not text.strip() else finish,
            cut=self._cut(prompt),
            prompt_tokens=len(prompt.split()),
        )


def _hashed(context: str, choice: str) -> float:
    """A made-up ln p, the same on every machine: between -1 and -2 a word."""
    words = max(len(choice.split()), 1)
    return -words * (1 + _number(f"{context}\0{choice}") % 1000 / 1000)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=6).digest(), "big")
