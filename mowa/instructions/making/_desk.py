"""Asking models for many things at once: nothing twice, nothing beyond the budget, in order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any, TypeVar

from mowa.errors import MowaError, StoppedEarly, UsageError
from mowa.execution import Journal
from mowa.inference import EndpointError, Generated, GenerateRequest, Message
from mowa.instructions.making._config import Budget
from mowa.instructions.making._teacher import Teacher

T = TypeVar("T")

# Works under way at once: enough that an endpoint is seldom idle while the last of them end.
_PORTION = 512

# What is known of tokens and money is known when an answer has come: so many may come too many.
_AT_ONCE = 16

# Refusals that mean every request, whatever it asks: keys, money, rights, paths.
_OF_ALL = frozenset({401, 402, 403, 404, 405})

# Refusals of what one request asks: too long, filtered. So many, and never an answer, mean all.
_OF_ONE = frozenset({400, 413, 422})
_REFUSED_FIRST = 10

_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Ask:
    """What one model is asked.

    Attributes:
        teacher: The model.
        messages: The turns.
        attempt: How many there were before.
    """

    teacher: Teacher
    messages: tuple[Message, ...]
    attempt: int = 0


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        id: Under which it is written down.
        model: That wrote it.
        text: What it wrote.
        finish: How that ended, as in `Generated`.
        cut: Tokens of the prompt that did not fit.
        tokens: That were made.
        prompt_tokens: Of the prompt.
        cost: Where there are prices.
        joules: Where this machine's counters measured them.
        failure: Why there is no answer, None where there is one.
    """

    id: str
    model: str
    text: str = ""
    finish: str = "empty"
    cut: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    cost: float | None = None
    joules: float | None = None
    failure: str | None = None


Work = Generator[Sequence[Ask], Sequence[Reply], T]
"""One thing to make: it asks, is sent the replies, asks again, and returns what it made."""


@dataclass
class Usage:
    """What the answers of one model took, those of earlier runs too.

    Attributes:
        answers: How many.
        prompt_tokens: Of their prompts.
        tokens: That were made.
        cost: In the currency of the prices; None without prices.
        kwh: Measured by this machine; None where nothing measured.
    """

    answers: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float | None = None
    kwh: float | None = None


class Desk:
    """Where requests go out and answers are kept.

    Args:
        journal: The answers so far.
        budget: What this run may spend.
        total: How many works there will be, for messages.

    Attributes:
        usage: By model, of all answers that were used.
    """

    def __init__(self, journal: Journal, budget: Budget, *, total: int) -> None:
        self.usage: dict[str, Usage] = {}
        self._journal, self._budget, self._total = journal, budget, total
        self._failed: dict[str, Reply] = {}
        self._used: set[str] = set()
        self._finished = 0
        self._requests, self._tokens, self._cost = 0, 0, 0.0
        self._in_a_row, self._refused = 0, 0

    def results(self, works: Iterable[Work[T]]) -> Iterator[T]:
        """What the works return, in their order; several hundred are under way at once.

        Raises:
            StoppedEarly: Where the budget is used up, after what is finished by then.
            MowaError: Where a model cannot be asked, after the same; the answers are kept.
        """
        waiting = iter(works)
        while portion := list(islice(waiting, _PORTION)):
            yield from self._portion(portion)

    def _portion(self, works: list[Work[T]]) -> Iterator[T]:
        found: dict[int, T] = {}
        open_: dict[int, Sequence[Ask]] = {}

        def go_on(place: int, replies: Sequence[Reply] | None) -> None:
            try:
                work = works[place]
                open_[place] = next(work) if replies is None else work.send(replies)
            except StopIteration as ended:
                open_.pop(place, None)
                found[place] = ended.value
                self._finished += 1

        for place in range(len(works)):
            go_on(place, None)
        stopped: MowaError | None = None
        while open_:
            stopped = stopped or self._stopped_by(ask for asks in open_.values() for ask in asks)
            # After a stop those go on whose answers are there.
            ready = [(place, asks) for place, asks in open_.items() if self._are_answered(asks)]
            if not ready:
                break
            for place, asks in ready:
                go_on(place, [self._reply(ask) for ask in asks])
        for place in sorted(found):
            yield found[place]
        if stopped is not None:
            raise self._used_up() if isinstance(stopped, StoppedEarly) else stopped

    def _stopped_by(self, asks: Iterable[Ask]) -> MowaError | None:
        """Ask; why no more can be asked, None where all went well."""
        try:
            self._ask(asks)
        except MowaError as error:
            return error
        return None

    def _ask(self, asks: Iterable[Ask]) -> None:
        """Ask what is not answered, model by model."""
        missing: dict[int, tuple[Teacher, dict[str, GenerateRequest]]] = {}
        met = set()
        for ask in asks:
            request = ask.teacher.request(ask.messages, ask.attempt)
            key = ask.teacher.id_of(request)
            if key not in self._journal and key not in self._failed and key not in met:
                met.add(key)
                of_engine = missing.setdefault(id(ask.teacher.engine), (ask.teacher, {}))
                of_engine[1][key] = request
        for teacher, requests in missing.values():
            self._ask_teacher(teacher, requests)

    def _ask_teacher(self, teacher: Teacher, requests: dict[str, GenerateRequest]) -> None:
        todo = list(requests)
        while todo:
            now = todo[: self._room()]
            done = set()
            uncounted: list[str] = []
            joules = _Joules(teacher)
            try:
                for index, made in teacher.engine.generate_many([requests[key] for key in now]):
                    reply = _reply_of(now[index], teacher, made, joules.since())
                    self._keep(reply)
                    uncounted = self._uncounted(reply, teacher) or uncounted
                    done.add(now[index])
                    self._in_a_row = 0
            except EndpointError as error:
                if error.index is None:
                    raise
                uncounted = self._note(now[error.index], teacher, error) or uncounted
                done.add(now[error.index])
            if uncounted:
                raise UsageError(
                    f"{teacher.name} does not say how many tokens its answers take, so that"
                    f" {uncounted[0]} cannot hold; the answers that came are kept",
                    fix=f"take {uncounted[0]} away, or limit max_requests instead",
                )
            todo = [key for key in todo if key not in done]

    def _room(self) -> int:
        """How many requests may go out now."""
        budget = self._budget
        room = _PORTION
        if budget.max_tokens is not None or budget.max_cost is not None:
            room = _AT_ONCE
        if budget.max_requests is not None:
            room = min(room, budget.max_requests - self._requests)
        spent_tokens = budget.max_tokens is not None and self._tokens >= budget.max_tokens
        spent_money = budget.max_cost is not None and self._cost >= budget.max_cost
        if room <= 0 or spent_tokens or spent_money:
            raise self._used_up()
        return room

    def _used_up(self) -> StoppedEarly:
        cost = f", cost {self._cost:,.4f}" if self._cost else ""
        return StoppedEarly(
            f"the budget of this run is used up ({self._requests:,} requests,"
            f" {self._tokens:,} tokens{cost}): {self._finished:,} of"
            f" {self._total:,} are finished, {self._total - self._finished:,} are left",
            fix="run the same command again to go on: no answer is asked for twice",
        )

    def _keep(self, reply: Reply) -> None:
        self._journal.add({key: value for key, value in asdict(reply).items() if value is not None})
        self._requests += 1
        self._tokens += reply.tokens + reply.prompt_tokens
        self._cost += reply.cost or 0.0

    def _uncounted(self, reply: Reply, teacher: Teacher) -> list[str]:
        """The limits that cannot hold, since the endpoint does not say what the answer took."""
        if reply.cut and not reply.text:
            return []  # the prompt was too long: nothing was made, and nothing is to be paid for
        unsaid = {
            "max_tokens": not reply.prompt_tokens,
            "max_cost": reply.cost is None and not teacher.is_local,
        }
        return [
            key for key, is_so in unsaid.items() if is_so and getattr(self._budget, key) is not None
        ]

    def _note(self, key: str, teacher: Teacher, error: EndpointError) -> list[str]:
        """Pass over a request that failed; raise where it seems that all would.

        Returns:
            The limits that cannot hold: nobody says what an answer without an end took.
        """
        if error.status in _OF_ONE:
            self._refused += 1
        else:
            self._in_a_row += not error.endless
        refuses_all = self._refused >= _REFUSED_FIRST and not len(self._journal)
        if error.status in _OF_ALL or refuses_all or self._in_a_row >= _FAILURES_IN_A_ROW:
            raise error
        reply = Reply(key, teacher.name, failure=error.what)
        if error.endless:
            self._keep(reply)  # it was paid for
            return self._uncounted(reply, teacher)
        self._failed[key] = reply
        self._requests += 1
        return []

    def _are_answered(self, asks: Sequence[Ask]) -> bool:
        return all(key in self._failed or key in self._journal for key in map(_key, asks))

    def _reply(self, ask: Ask) -> Reply:
        key = _key(ask)
        if key in self._failed:
            return self._failed[key]
        reply = _read(self._journal.get(key))
        if key not in self._used:
            self._used.add(key)
            self._count(reply)
        return reply

    def _count(self, reply: Reply) -> None:
        usage = self.usage.setdefault(reply.model, Usage())
        usage.answers += 1
        usage.prompt_tokens += reply.prompt_tokens
        usage.tokens += reply.tokens
        if reply.cost is not None:
            usage.cost = (usage.cost or 0.0) + reply.cost
        if reply.joules is not None:
            usage.kwh = (usage.kwh or 0.0) + reply.joules / 3.6e6


def _key(ask: Ask) -> str:
    return ask.teacher.id_of(ask.teacher.request(ask.messages, ask.attempt))


class _Joules:
    """Energy between answers; nothing where no counter measures it."""

    def __init__(self, teacher: Teacher) -> None:
        self._meter = teacher.meter
        self._last = self._meter.read().joules if self._meter else 0.0

    def since(self) -> float | None:
        if self._meter is None:
            return None
        now = self._meter.read()
        last, self._last = self._last, now.joules
        return None if now.how == "estimated" else max(now.joules - last, 0.0)


def _reply_of(key: str, teacher: Teacher, made: Generated, joules: float | None) -> Reply:
    return Reply(
        key,
        teacher.name,
        made.text,
        made.finish,
        made.cut,
        made.tokens,
        made.prompt_tokens,
        made.cost,
        joules,
    )


def _read(record: dict[str, Any]) -> Reply:
    known = {field.name for field in fields(Reply)}
    try:
        return Reply(**{key: value for key, value in record.items() if key in known})
    except TypeError as error:
        raise MowaError(
            f"an answer that was written down cannot be read: {error}", where=str(record.get("id"))
        ) from error
