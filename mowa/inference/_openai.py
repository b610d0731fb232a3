"""A model behind any URL that speaks as OpenAI's does: llama-server, vLLM, Ollama, a service."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeVar

from mowa.errors import UsageError
from mowa.inference._answers import Answer, pieces, read_stream, read_whole
from mowa.inference._echo import PROBE, NotEchoedError, body_of_echo, check_probe, echoed
from mowa.inference._http import Again, Endpoint, EndpointError, Patience
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
from mowa.inference._stops import Stops, cut_at

S = TypeVar("S")
T = TypeVar("T")

_COMPLETIONS, _CHAT = "/completions", "/chat/completions"

# OpenAI takes no more; the others are looked for in what comes.
_STOPS_SENT = 4

# How servers say that a prompt is longer than the window: OpenAI, llama-server, vLLM.
_TOO_LONG = ("context_length_exceeded", "exceed_context_size", "maximum context length")


@dataclass
class Spent:
    """What was asked of an endpoint so far, as it counts itself.

    Attributes:
        answers: Whole ones.
        prompt_tokens: Of them.
        tokens: That were made.
        cost: In the currency of the prices; 0 without prices.
    """

    answers: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float = 0.0


class OpenAIEngine:
    """One model of an endpoint.

    Args:
        url: Up to and with its ``/v1``.
        model: Its name there.
        key_from: Environment variable with the key; None where none is needed.
        concurrency: Most requests at once.
        stream: Take answers piece by piece: a half one is then known for what it is.
        prices: Of a million tokens, of prompts and of answers.
        parameters: More of the body of each request; None leaves one of ours out.
        patience: Retries and bounds.

    Attributes:
        name: That of the model.
        fingerprint: Of the URL without what may be secret in it, name and parameters.
        start: None: an endpoint takes no ids.
        window: None: it does not say how much its model sees.
        spent: What was asked so far.

    Raises:
        UsageError: For a URL that is none, a concurrency below 1, a variable that is not set.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_from: str | None = None,
        concurrency: int = 8,
        stream: bool = False,
        prices: tuple[float, float] | None = None,
        parameters: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency {concurrency} is below 1")
        self.name = model
        self.window: int | None = None
        self.start: int | None = None
        self.spent = Spent()
        self._endpoint = Endpoint(
            url, key_from=key_from, patience=patience or Patience(), connections=concurrency
        )
        self._model, self._concurrency, self._streams = model, concurrency, stream
        self._prices, self._parameters = prices, dict(parameters or {})
        self._lock = threading.Lock()
        about = json.dumps([self._endpoint.place, model, self._parameters], sort_keys=True)
        self.fingerprint = hashlib.blake2b(about.encode(), digest_size=16).hexdigest()

    def __repr__(self) -> str:
        return f"OpenAIEngine({self._endpoint.place!r}, {self._model!r})"

    def close(self) -> None:
        """End the connections."""
        self._endpoint.close()

    @cached_property
    def can(self) -> frozenset[str]:
        """``chat``, ``generate`` where there are completions, ``loglikelihood`` where proved.

        Asks the endpoint once, for an echo of a sentence.

        Raises:
            EndpointError: Where it cannot be reached, or refuses the key or the model.
        """
        if self._no_completions:
            return frozenset({"chat"})
        if self._no_likelihoods:
            return frozenset({"chat", "generate"})
        return frozenset({"chat", "generate", "loglikelihood"})

    def tokenize(self, text: str) -> list[int]:
        """Raise Unsupported: the protocol does not tell tokens."""
        raise Unsupported(
            f"an endpoint does not tell the tokens of a text ({len(text)} characters)",
            where=self._endpoint.place,
        )

    def apply_template(self, messages: tuple[Message, ...]) -> str:
        """Raise Unsupported: the endpoint puts conversations into its template itself."""
        raise Unsupported(
            f"an endpoint does not show its chat template ({len(messages)} messages)",
            where=self._endpoint.place,
            fix="hand it the messages: it puts them into its template",
        )

    def loglikelihood(self, documents: Sequence[Sequence[int]], *, stride: int) -> list[float]:
        """Raise Unsupported: tokens mean nothing to an endpoint."""
        raise Unsupported(
            f"an endpoint takes no tokens ({len(documents)} documents, stride {stride})",
            where=self._endpoint.place,
        )

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest]
    ) -> Iterator[tuple[int, list[Continuation]]]:
        """Yield the index of a request and one continuation a choice, as they are done.

        A token that begins in the context and ends in the choice is the choice's. Where the
        endpoint says that a prompt is longer than its window, `cut` is 1, for at least one token,
        and the choice has no tokens: it is to be left out.

        Raises:
            Unsupported: Where the endpoint does not prove that it echoes likelihoods.
            EndpointError: Where it refuses or fails; what is done before that is yielded.
        """
        if self._no_likelihoods:
            raise Unsupported(self._no_likelihoods, where=self._endpoint.place)
        yield from self._each(requests, self._choices)

    def generate_many(self, requests: Sequence[GenerateRequest]) -> Iterator[tuple[int, Generated]]:
        """Yield the index of a request and what was written, as they are done.

        Tokens are those that the endpoint counts; 0, and no cost, where it does not. Where it says
        that a prompt is longer than its window, nothing is written, and `cut` is 1, for at least
        one token.

        Raises:
            Unsupported: For a prompt that is text, where the endpoint only has conversations.
            EndpointError: Where it refuses or fails. What others it is asked are then still
                waited for, and yielded before.
        """
        yield from self._each(requests, self._generate)

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
        """Yield the answer piece by piece. Nothing is asked twice.

        `top_k` is not of OpenAI's own protocol: where it is not 0, it is sent, and an endpoint
        that does not know it may refuse.

        Raises:
            EndpointError: Where the endpoint refuses, fails, or breaks off.
            TooLong: Where it says that the conversation is longer than its window.
        """
        request = GenerateRequest(prompt, max_new_tokens, stop, temperature, seed)
        path, body = self._request(request)
        more = {"top_k": top_k} if top_k else {}
        return Stream(self._pieces(path, {"top_p": top_p, **more, **body, "stream": True}, stop))

    def _pieces(
        self, path: str, body: dict[str, Any], stop: tuple[str, ...]
    ) -> Generator[str, None, Generated]:
        stops = Stops(stop)
        shown: list[str] = []
        said = ""
        try:
            with self._endpoint.opened(path, body) as chunks:
                for piece, finish in pieces(chunks):
                    said = finish or said
                    if text := stops.add(piece):
                        shown.append(text)
                        yield text
                    if stops.found:
                        break
        except Again as again:
            raise self._endpoint.failed(again) from None
        except EndpointError as error:
            if _is_too_long(error):
                raise TooLong(error.what, where=error.where) from error
            raise
        if text := stops.rest():
            shown.append(text)
            yield text
        whole = "".join(shown)
        return Generated(text=whole, tokens=0, finish=_ended(whole, said, stop, found=stops.found))

    def _generate(self, request: GenerateRequest) -> Generated:
        path, body = self._request(request)
        if self._streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        try:
            answer = self._endpoint.ask(path, body, read_stream if self._streams else read_whole)
        except EndpointError as error:
            if _is_too_long(error):
                return Generated(text="", tokens=0, finish="empty", cut=1)
            if path == _COMPLETIONS and error.status in (404, 405):
                raise self._only_chat(error) from error
            raise
        cost = self._count(answer)
        text, found = cut_at(answer.text, request.stop)
        return Generated(
            text=text,
            tokens=answer.tokens or 0,
            finish=_ended(text, answer.finish, request.stop, found=found),
            prompt_tokens=answer.prompt_tokens or 0,
            cost=cost,
        )

    def _request(self, request: GenerateRequest) -> tuple[str, dict[str, Any]]:
        """Path and body."""
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
        }
        stops = [stop for stop in request.stop if stop][:_STOPS_SENT]
        if stops:
            body["stop"] = stops
        body |= self._parameters
        body = {key: value for key, value in body.items() if value is not None}
        if isinstance(request.prompt, str):
            return _COMPLETIONS, {**body, "prompt": request.prompt}
        return _CHAT, {**body, "messages": [asdict(turn) for turn in request.prompt]}

    def _choices(self, request: ChoiceRequest) -> list[Continuation]:
        return [self._choice(request.context, choice) for choice in request.choices]

    def _choice(self, context: str, choice: str) -> Continuation:
        kept = context.rstrip()
        prompt = context + choice
        body = {"model": self._model, **body_of_echo(prompt)}
        try:
            answer = self._endpoint.ask(_COMPLETIONS, body, read_whole)
            self._count(answer)
            tokens = echoed(answer.choice, prompt)
        except EndpointError as error:
            if _is_too_long(error):
                return Continuation(0.0, 0, cut=1)
            raise
        except NotEchoedError as error:
            raise Unsupported(
                f"the endpoint echoed a sentence before, but now {error}",
                where=self._endpoint.place,
            ) from error
        of_choice = [token for token in tokens if token.stop > len(kept)]
        total = 0.0
        for token in of_choice:
            if token.logprob is None:
                raise Unsupported(
                    "the endpoint puts nothing before a text, so its first token has no likelihood",
                    where=self._endpoint.place,
                )
            total += token.logprob
        return Continuation(total, len(of_choice), all(token.greedy for token in of_choice))

    @cached_property
    def _probed(self) -> tuple[str, str]:
        """Why there are no completions, and why no likelihoods; empty where there are."""
        body = {"model": self._model, **body_of_echo(PROBE)}
        try:
            answer = self._endpoint.ask(_COMPLETIONS, body, read_whole)
            self._count(answer)
            check_probe(echoed(answer.choice, PROBE))
        except NotEchoedError as error:
            return "", f"no likelihoods of a prompt: {error}"
        except EndpointError as error:
            if error.status in (404, 405):
                return error.what, f"no likelihoods of a prompt: {error.what}"
            if error.status in (400, 422, 501):  # it knows `echo`, and refuses it
                return "", f"no likelihoods of a prompt: {error.what}"
            raise
        return "", ""

    @property
    def _no_completions(self) -> str:
        return self._probed[0]

    @property
    def _no_likelihoods(self) -> str:
        return self._probed[1]

    def _only_chat(self, error: EndpointError) -> Unsupported:
        return Unsupported(
            f"the endpoint does not continue texts: {error.what}",
            where=self._endpoint.place,
            fix="ask it in conversations (the chat template on); and is the model's name right?",
        )

    def _count(self, answer: Answer) -> float | None:
        """Add an answer to what was spent; its cost, where that is known."""
        cost = None
        if self._prices and answer.prompt_tokens is not None and answer.tokens is not None:
            of_prompts, of_answers = self._prices
            cost = (of_prompts * answer.prompt_tokens + of_answers * answer.tokens) / 1e6
        with self._lock:
            self.spent.answers += 1
            self.spent.prompt_tokens += answer.prompt_tokens or 0
            self.spent.tokens += answer.tokens or 0
            self.spent.cost += cost or 0.0
        return cost

    def _each(self, items: Sequence[S], work: Callable[[S], T]) -> Iterator[tuple[int, T]]:
        """Several at once; each is given away as soon as it is done, before any error."""
        todo = iter(enumerate(items))
        under_way: dict[Future[T], int] = {}
        failure: BaseException | None = None
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="endpoint")
        try:
            while True:
                while failure is None and len(under_way) < self._concurrency:
                    item = next(todo, None)
                    if item is None:
                        break
                    under_way[pool.submit(_at, item[0], work, item[1])] = item[0]
                if not under_way:
                    break
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    index = under_way.pop(future)
                    error = future.exception()
                    if error is None:
                        yield index, future.result()
                    elif failure is None:
                        failure = error
        except KeyboardInterrupt:
            self.close()  # or the threads would wait for answers that nobody wants
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if failure is not None:
            raise failure


def _at(index: int, work: Callable[[S], T], item: S) -> T:
    """Do the work, and say of an error which item it is of."""
    try:
        return work(item)
    except EndpointError as error:
        error.index = index
        raise


def _ended(text: str, said: str, stops: Sequence[str], *, found: bool) -> Finish:
    """How a text ended, of which the endpoint said `said`; was a stop string `found` in it?"""
    if not text:
        return "empty"
    if not found and said == "length":
        return "length"
    # "stop" is both: a stop string that is not shown, and the model's own end.
    return "stop" if stops else "eos"


def _is_too_long(error: EndpointError) -> bool:
    return error.status in (400, 413) and any(sign in error.body for sign in _TOO_LONG)
