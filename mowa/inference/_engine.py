"""A checkpoint in torch: text, and log-likelihoods of documents and of choices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from mowa.errors import DataError, UsageError
from mowa.inference._beginnings import Beginnings
from mowa.inference._choices import ChoiceScorer
from mowa.inference._decoding import Draft, Writer
from mowa.inference._documents import document_scores
from mowa.inference._files import chat_template, fingerprint
from mowa.inference._forward import Forward
from mowa.inference._pairs import Pair, pairs
from mowa.inference._protocol import (
    ChoiceRequest,
    Continuation,
    Generated,
    GenerateRequest,
    Message,
    Stream,
    TooLong,
    Unsupported,
)
from mowa.inference._sampling import Sampler
from mowa.inference._streaming import Streamer, Task
from mowa.inference._template import Rendered, after_answer, rendered
from mowa.tokenizer import ControlTokens, load_tokenizer

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class TorchEngine:
    """Any causal language model that `transformers` reads from a folder of safetensors.

    Attributes:
        model: The `transformers` model, in the precision that it is stored in.
        tokenizer: Its tokenizer; text that looks like a special token is text.
        name: That of its folder.
        window: Most tokens that the model sees at once (`max_position_embeddings`).
        start: The id that stands before a text without context: BOS, or else EOS.
        can: ``loglikelihood``, ``generate``, and ``chat`` where there is a chat template.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        *,
        device: torch.device,
        folder: Path | None = None,
        bos: bool = True,
    ) -> None:
        self.model = model.to(device).eval()
        self.tokenizer = tokenizer
        self.device = device
        self.name = folder.name if folder else ""
        self._folder = folder
        config = model.config.get_text_config()
        self.window = int(config.max_position_embeddings)
        self._bos: int | None = config.bos_token_id if bos else None
        self._eos = _ids(model.generation_config.eos_token_id) | _ids(config.eos_token_id)
        self.start = next(
            (i for i in (config.bos_token_id, *sorted(self._eos)) if i is not None), 0
        )
        self._template, self._special = chat_template(folder) if folder else (None, {})
        self.can = frozenset(
            {"loglikelihood", "generate"} | ({"chat"} if self._template is not None else set())
        )

    @classmethod
    def load(cls, path: Path, device: str = "auto", *, bos: bool = True) -> TorchEngine:
        """Read the model in the folder `path`; nothing is fetched from anywhere.

        Args:
            path: A folder with config.json, safetensors and tokenizer.json.
            device: auto, cpu or cuda.
            bos: Put BOS before every text, as in training. Other programs leave it out where the
                tokenizer does not add it by itself.

        Raises:
            UsageError: Where the folder holds no model, or only pickled weights, which run code
                when they are read; or where `device` is cuda and there is no GPU.
            DataError: Where a file is damaged.
        """
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"there is no device {device!r}", fix="choose auto, cpu or cuda")
        _refuse_pickles(path)
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError('device "cuda", but torch sees no GPU here', fix='use device "auto"')
        chosen = "cuda" if torch.cuda.is_available() and device != "cpu" else "cpu"
        showed_bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            model, report = AutoModelForCausalLM.from_pretrained(
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as error:  # transformers and safetensors raise whatever they meet
            raise DataError(
                f"the model cannot be loaded ({error})",
                where=str(path),
                fix="build it again: `mowa verify` tells which of its files have changed",
            ) from error
        finally:
            if showed_bars:
                logging.enable_progress_bar()
        if report["missing_keys"] or report["mismatched_keys"]:
            raise DataError(
                "the weights do not fit config.json: some are missing or of another shape",
                where=str(path),
                fix="copy the model's folder anew, with all its safetensors",
            )
        return cls(model, load_tokenizer(path), device=torch.device(chosen), folder=path, bos=bos)

    @cached_property
    def fingerprint(self) -> str:
        """Of weights, tokenizer and chat template.

        Raises:
            UsageError: Where the model was not read from a folder.
        """
        if self._folder is None:
            raise UsageError("a model that lies in no folder has no fingerprint")
        found = fingerprint(self._folder)
        return found if self._bos is not None else f"{found}-no-bos"

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text`, without BOS and EOS."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

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
        stop_at_eos: bool = True,
    ) -> Stream:
        """Write what follows `prompt` piece by piece, never half a character.

        What was read for the last text is not read again where this one begins alike, as a
        conversation's next turn does.

        Args:
            prompt: Any text, before which BOS is put, or the turns of a conversation.
            max_new_tokens: Most tokens to make.
            temperature: 0 always takes the likeliest token.
            top_p: Draw among the likeliest tokens that together have this probability.
            top_k: Draw among so many of the likeliest tokens; 0 for all.
            seed: The same seed gives the same text on the same machine.
            stop: Strings before which the text ends.
            stop_at_eos: End where the model ends the document.

        Where a text outgrows the model's window, its oldest quarter is forgotten; a conversation
        ends there.

        Raises:
            UsageError: For a temperature below 0, a top_p outside (0, 1], a top_k below 0.
            TooLong: Where a conversation leaves no room for an answer.
            Unsupported: Where there is a conversation, but no chat template.
        """
        sampler = Sampler(temperature=temperature, top_p=top_p, top_k=top_k, seed=seed)
        text = prompt if isinstance(prompt, str) else self.apply_template(prompt)
        ids = self._prompt_ids(text)
        is_turn = isinstance(text, Rendered)
        if is_turn and len(ids) >= self.window:
            raise TooLong(
                f"the conversation has {len(ids):,} tokens, and the model sees {self.window:,}"
                " with its answer",
                where=self.name or None,
            )
        ends = self._ends_of(text) if stop_at_eos else frozenset()
        task = Task(
            ids, max_new_tokens, ends, stop, self._stop_tokens(stop), self.window, not is_turn
        )
        return Stream(self._streamer.write(task, sampler))

    def generate(self, prompt: str, **options: Any) -> str:
        """The whole continuation that `stream` would yield, with the same options."""
        return "".join(self.stream(prompt, **options))

    def loglikelihood(self, documents: Sequence[Sequence[int]], *, stride: int) -> list[float]:
        """Sum of ln p over all tokens of each document but its first.

        The first window of a document holds as many tokens as the model sees at once; each further
        one begins `stride` tokens later and counts the tokens that no window has counted, which so
        have at least ``window - stride`` tokens of context.

        Raises:
            UsageError: For a stride that is not from 1 to the model's window.
        """
        if not 1 <= stride <= self.window:
            raise UsageError(f"stride {stride} is not from 1 to the model's window {self.window}")
        return document_scores(self._forward, documents, window=self.window, stride=stride)

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[int, list[Continuation]]]:
        """Yield the index of a request and one continuation a choice, as they are done.

        Requests of like length go through the model together. What all begin with is computed
        once, the context of a request once for all its choices. Where context and choice outgrow
        the window, the beginning of the context is cut, which `cut` counts; a choice that alone
        outgrows it is scored in windows that overlap by half, and never called greedy.

        Raises:
            DataError: Where the model gives a likelihood that is not a number.
        """
        found: dict[int, dict[int, Continuation]] = {}
        for index, request in enumerate(requests):
            found[index] = {}
            if not request.choices:
                yield index, []
        made = pairs(
            [self._quoted(request) for request in requests],
            self._encode,
            lead=self._lead,
            start=self.start,
            window=self.window,
        )
        short: list[Pair] = []
        long: list[Pair] = []
        for pair in made:
            (long if len(pair.ids) > self.window + 1 else short).append(pair)
        for pair, logprob, greedy in chain(self._scored(short), self._scored_in_windows(long)):
            if math.isnan(logprob):
                raise DataError(
                    "the model gives a likelihood that is not a number",
                    where=self.name or None,
                    fix="look at the loss in the model's report: training may have diverged",
                )
            of_request = found[pair.request]
            tokens = len(pair.ids) - pair.start
            of_request[pair.choice] = Continuation(logprob, tokens, greedy, pair.cut)
            if len(of_request) == len(requests[pair.request].choices):
                yield pair.request, [of_request[choice] for choice in sorted(of_request)]

    def generate_many(self, requests: Sequence[GenerateRequest]) -> Iterator[tuple[int, Generated]]:
        """Yield the index of a request and what was written, as they are done.

        Each text is what it would be if it were asked for alone, up to rounding. A prompt that
        leaves too little of the window is cut at its beginning, to half the window at most, which
        `cut` counts; the text then ends where the window does.

        Raises:
            UsageError: For a temperature below 0.
            Unsupported: Where there is a conversation, but no chat template.
        """
        for draft in self._writer.write([self._draft(*item) for item in enumerate(requests)]):
            yield draft.index, draft.done(self.tokenizer)

    def apply_template(self, messages: tuple[Message, ...]) -> str:
        """The conversation as the prompt of its next turn.

        What comes back knows that it is one: as a context or a prompt, its special tokens are
        tokens, and no BOS is put before it. Text that is joined to it no longer knows.

        Raises:
            Unsupported: Where the model has no chat template.
            DataError: Where the template refuses the conversation.
        """
        if self._template is None:
            raise Unsupported("the model has no chat template", where=self.name or None)
        return rendered(messages, self._template, self._special, quote=self._controls.quote)

    @cached_property
    def _forward(self) -> Forward:
        return Forward(self.model)

    @cached_property
    def _beginnings(self) -> Beginnings:
        return Beginnings(self._forward)

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self._forward, self._beginnings, self.model, self.tokenizer)

    @cached_property
    def _streamer(self) -> Streamer:
        try:
            return Streamer(self._forward, self.model, self.tokenizer)
        except Unsupported:  # it is not known for its parts, and can write as a whole
            return Streamer(None, self.model, self.tokenizer)

    @cached_property
    def _controls(self) -> ControlTokens:
        """Special tokens that a template writes are tokens; those in what was said are text."""
        return ControlTokens(self.tokenizer)

    def _encode(self, texts: Sequence[str], *, template: bool = False) -> list[list[int]]:
        if template:
            return [encoded.ids for encoded in self._controls.encode(texts)]
        found = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _quoted(self, request: ChoiceRequest) -> ChoiceRequest:
        """Choices that follow a conversation are text as its turns are."""
        if not isinstance(request.context, Rendered):
            return request
        return replace(request, choices=tuple(map(self._controls.quote, request.choices)))

    def _lead(self, text: str) -> list[int]:
        return [] if self._bos is None or isinstance(text, Rendered) else [self._bos]

    def _scored(self, found: list[Pair]) -> Iterator[tuple[Pair, float, bool]]:
        return ChoiceScorer(self._forward, self._beginnings).scores(found)

    def _scored_in_windows(self, found: list[Pair]) -> Iterator[tuple[Pair, float, bool]]:
        for pair in found:
            (value,) = self.loglikelihood([pair.ids], stride=max(self.window // 2, 1))
            yield pair, value, False

    def _draft(self, index: int, request: GenerateRequest) -> Draft:
        prompt = request.prompt
        text = prompt if isinstance(prompt, str) else self.apply_template(prompt)
        ids = self._prompt_ids(text)
        most = max(self.window - request.max_new_tokens, self.window // 2, 1)
        cut = max(len(ids) - most, 0)
        return Draft(
            index=index,
            request=request,
            prompt=ids[cut:],
            cut=cut,
            room=min(request.max_new_tokens, self.window - len(ids) + cut),
            ends=self._ends_of(text),
            stops=tuple(stop for stop in request.stop if stop),
            stop_tokens=self._stop_tokens(request.stop),
        )

    def _prompt_ids(self, text: str) -> list[int]:
        (ids,) = self._encode([text], template=isinstance(text, Rendered))
        return [*self._lead(text), *ids] or [self.start]

    def _ends_of(self, text: str) -> frozenset[int]:
        """Tokens that end what follows `text`: an answer also ends as the template ends one."""
        return self._eos | self._ends_of_answers if isinstance(text, Rendered) else self._eos

    @cached_property
    def _ends_of_answers(self) -> frozenset[int]:
        after = after_answer(self._template or "", self._special)
        (ids,) = self._encode([after], template=True)
        added = self.tokenizer.get_added_tokens_decoder()
        return frozenset(token for token in ids[:1] if token in added and added[token].special)

    def _stop_tokens(self, stops: Sequence[str]) -> frozenset[int]:
        found = map(self._special_id, stops)
        return frozenset(token for token in found if token is not None)

    def _special_id(self, text: str) -> int | None:
        """The special token that is written `text`: what is written never shows it."""
        number: int | None = self.tokenizer.token_to_id(text)
        if number is None:
            return None
        token = self.tokenizer.get_added_tokens_decoder().get(number)
        return number if token is not None and token.special else None


def _refuse_pickles(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise UsageError("there is no model here (no config.json)", where=str(path))
    if any(path.glob("*.safetensors")):
        return
    pickles = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    if pickles:
        raise UsageError(
            f"the weights are pickled ({', '.join(pickles)}), and a pickle may run any code when it"
            " is read",
            where=str(path),
            fix="convert them to safetensors where you trust them, and load those",
        )
    raise UsageError("there are no weights here (no *.safetensors)", where=str(path))


def _ids(value: int | list[int] | None) -> frozenset[int]:
    if value is None:
        return frozenset()
    return frozenset([value] if isinstance(value, int) else value)
