"""lm-eval's own tasks on our engines: its tasks, prompts and metrics, our batches and caches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from lm_eval.api.model import LM

import mowa
from mowa.errors import UsageError
from mowa.evaluation._documents import document_loglikelihoods
from mowa.evaluation._results import ModelAbout
from mowa.execution import PlainProgress, Progress
from mowa.inference import ChoiceRequest, Engine, GenerateRequest, Message, Unsupported

_MOST_TOKENS = 256  # where a task does not say, as lm-eval's other models have it

# Names that tasks give one thing, the one that counts first.
_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")

# What changes a text that is drawn, or how it is searched for, with the value that changes nothing.
_NEUTRAL = {"top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1, "num_beams": 1}
_OF_DRAWS = ("top_p", "top_k", "min_p")


class EngineLM(LM):  # type: ignore[misc]  # lm-eval is not typed
    """An engine as lm-eval wants a model.

    Args:
        engine: Who answers.
        about: What results say of it.
        progress: Where it is shown how far it is.

    Attributes:
        cut: Requests of which a part did not fit into the window.
    """

    def __init__(
        self, engine: Engine, about: ModelAbout, *, progress: Progress | None = None
    ) -> None:
        super().__init__()
        self.cut = 0
        self._engine, self._about = engine, about
        self._progress = progress or PlainProgress()
        self._text: Callable[[str], str] = str
        self._turns: dict[str, tuple[Message, ...]] = {}

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Sum of ln p of each continuation after its context, and whether all of it is greedy.

        Raises:
            Unsupported: Where the engine has no log-likelihoods.
        """
        groups = list(_of_one_context(requests))
        asked = [
            ChoiceRequest(self._prompt(group[0].args[0]), tuple(one.args[1] for one in group))
            for group in groups
        ]
        answers: dict[int, list[tuple[float, bool]]] = {}
        with self._shown("likelihoods", requests) as advance:
            for index, found in self._engine.choice_loglikelihoods(asked):
                answers[index] = [(one.logprob, one.greedy) for one in found]
                self.cut += sum(one.cut > 0 for one in found)
                advance(len(found))
        flat = [answer for index in range(len(groups)) for answer in answers[index]]
        for request, answer in zip(requests, flat, strict=True):
            self.cache_hook.add_partial("loglikelihood", request.args, answer)
        return flat

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Sum of ln p of each text after BOS, however long it is.

        Raises:
            Unsupported: Where the engine has no log-likelihoods.
        """
        answers = [0.0] * len(requests)
        texts = [request.args[0] for request in requests]
        with self._shown("documents", requests) as advance:
            for index, found in document_loglikelihoods(self._engine, texts):
                answers[index] = found.logprob
                self.cut += found.cut > 0
                self.cache_hook.add_partial("loglikelihood_rolling", (texts[index],), found.logprob)
                advance(1)
        return answers

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """What is written after each context, up to the first of its stop strings.

        Raises:
            UsageError: Where a task wants its texts drawn in a way that engines do not have.
            Unsupported: Where the engine does not write.
        """
        answers = [""] * len(requests)
        repeats: dict[str, int] = {}
        asked = []
        for request in requests:
            context, settings = request.args[:2]
            repeats[context] = repeats.get(context, -1) + 1
            asked.append(_generation(self._conversation(context), settings, repeats[context]))
        with self._shown("texts", requests) as advance:
            for index, written in self._engine.generate_many(asked):
                answers[index] = written.text
                self.cut += written.cut > 0
                self.cache_hook.add_partial("generate_until", requests[index].args, written.text)
                advance(1)
        return answers

    def apply_chat_template(
        self,
        chat_history: list[dict[str, str]],
        add_generation_prompt: bool = True,  # noqa: FBT001, FBT002 - as lm-eval calls it
    ) -> str:
        """The conversation as text; without a generation prompt its last turn is still open.

        Raises:
            Unsupported: Where the model has no chat template, and where an endpoint, which keeps
                its own to itself, is asked to go on with a turn.
        """
        turns = tuple(Message(turn["role"], turn["content"]) for turn in chat_history)
        begun = "" if add_generation_prompt else turns[-1].content
        if not add_generation_prompt:
            turns = turns[:-1]
        try:
            text = self._engine.apply_template(turns)
        except Unsupported:
            if "chat" not in self._engine.can or begun:
                raise
            text = json.dumps(chat_history, ensure_ascii=False)
            self._turns[text] = turns
        else:
            # lm-eval hands on plain text; what comes back is known for a conversation by its type.
            self._text = type(text)
        return text + begun

    @property
    def tokenizer_name(self) -> str:
        """What tells one chat template from another, in lm-eval's cache of requests."""
        return self._engine.fingerprint

    def get_model_info(self) -> dict[str, Any]:
        """What stands in the results beside lm-eval's own settings."""
        return {
            "model": "mowa",
            "model_args": self._about.name,
            "model_num_parameters": self._about.parameters,
            "model_sha": self._about.fingerprint,
            "mowa": mowa.__version__,
        }

    def _shown(
        self, what: str, requests: Sequence[Any]
    ) -> AbstractContextManager[Callable[[int], None]]:
        return self._progress.task(f"{self._about.name}, {what}", total=len(requests))

    def _prompt(self, context: str) -> str:
        if context in self._turns:
            raise Unsupported("an endpoint's conversations have no likelihoods")
        return self._text(context) if context else ""

    def _conversation(self, context: str) -> str | tuple[Message, ...]:
        return self._turns.get(context) or self._text(context)


def _of_one_context(requests: Sequence[Any]) -> Iterator[list[Any]]:
    """The choices of one item together: they follow each other, numbered, after one context."""
    group: list[Any] = []
    for request in requests:
        if group and (request.args[0] != group[0].args[0] or request.idx <= group[-1].idx):
            yield group
            group = []
        group.append(request)
    if group:
        yield group


def _generation(
    prompt: str | tuple[Message, ...], settings: dict[str, Any], seed: int
) -> GenerateRequest:
    """A request with a task's `generation_kwargs`; repeats of one prompt have seeds of their own.

    Raises:
        UsageError: For settings that would change the text and that engines do not have.
    """
    temperature = float(settings.get("temperature") or 0.0)
    if settings.get("do_sample") is False:
        temperature = 0.0
    for name, neutral in _NEUTRAL.items():
        value = settings.get(name)
        matters = temperature > 0 or name not in _OF_DRAWS
        if matters and value is not None and value != neutral:
            raise UsageError(
                f"the task wants {name} = {value}, which Mowa's engines do not have",
                fix="change its generation_kwargs in a copy, and name that with --include",
            )
    until = settings.get("until") or []
    return GenerateRequest(
        prompt,
        int(next((settings[name] for name in _LIMITS if settings.get(name)), _MOST_TOKENS)),
        stop=(until,) if isinstance(until, str) else tuple(until),
        temperature=temperature,
        seed=seed,
    )
