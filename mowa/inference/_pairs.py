"""A context and its choices as token ids, and as rows that hold what they share only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mowa.inference._protocol import ChoiceRequest
from mowa.inference._template import Rendered


class Encode(Protocol):
    """Texts to ids, without anything before them."""

    def __call__(self, texts: Sequence[str], *, template: bool = False) -> list[list[int]]:
        """With `template`, what looks like a special token is one."""


@dataclass(frozen=True)
class Pair:
    """A context and one continuation, with what of the context fits.

    Attributes:
        request: Index of the request.
        choice: Index of the choice.
        ids: Context and continuation.
        start: Where the continuation begins, from 1 on.
        cut: Tokens of the context that did not fit.
    """

    request: int
    choice: int
    ids: list[int]
    start: int
    cut: int


def pairs(
    requests: Sequence[ChoiceRequest],
    encode: Encode,
    *,
    lead: Callable[[str], list[int]],
    start: int,
    window: int,
) -> Iterator[Pair]:
    """Every choice of every request as token ids.

    Context and continuation are encoded together, and what follows as many tokens as the context
    has alone is the continuation's; where that is nothing, for the two grew together, the
    continuation is encoded alone. White space that ends a context begins the continuation.

    Args:
        requests: Contexts and choices.
        encode: Texts to ids.
        lead: What stands before a context: BOS, say.
        start: What stands in the place of a context that is nothing.
        window: A continuation and what stands before it are cut on the left to one token more
            than that, since the last one is never fed.
    """
    parted = [_parted(request.context) for request in requests]
    by_kind: dict[bool, list[str]] = {False: [], True: []}
    for request, (context, moved) in zip(requests, parted, strict=True):
        texts = by_kind[isinstance(request.context, Rendered)]
        texts.append(context)
        texts.extend(context + moved + choice for choice in request.choices)
    encoded = {kind: iter(encode(texts, template=kind)) for kind, texts in by_kind.items()}
    for number, (request, (_, moved)) in enumerate(zip(requests, parted, strict=True)):
        kind = isinstance(request.context, Rendered)
        alone = next(encoded[kind])
        before = [*lead(request.context), *alone] or [start]
        for choice, text in enumerate(request.choices):
            after = next(encoded[kind])[len(alone) :]
            if not after and moved + text:
                (after,) = encode([moved + text], template=kind)
            # At least one token stands before the continuation, however long that is.
            cut = min(max(len(before) + len(after) - window - 1, 0), len(before) - 1)
            yield Pair(number, choice, (before + after)[cut:], len(before) - cut, cut)


def _parted(context: str) -> tuple[str, str]:
    kept = context.rstrip()
    return kept, context[len(kept) :]


@dataclass(frozen=True)
class Row:
    """Pairs that begin alike: a trunk, and a branch for each, without the tokens never fed.

    Attributes:
        pairs: Of one request.
        trunk: Their common beginning.
        branches: What of each follows it.
    """

    pairs: list[Pair]
    trunk: list[int]
    branches: list[list[int]]

    @classmethod
    def of(cls, members: list[Pair]) -> Row:
        """One row of pairs that have the same `start` and the same context."""
        longest = max(len(pair.ids) for pair in members)
        shared = min(common([pair.ids for pair in members]), longest - 1)
        return cls(
            members,
            members[0].ids[:shared],
            [pair.ids[shared:-1] for pair in members],
        )

    def __len__(self) -> int:
        return len(self.trunk) + sum(map(len, self.branches))


def rows(found: Sequence[Pair]) -> list[Row]:
    """Pairs of one request together, unless something of their context was cut."""
    made: list[Row] = []
    members: list[Pair] = []
    for pair in found:
        if members and (pair.request != members[0].request or pair.cut or members[0].cut):
            made.append(Row.of(members))
            members = []
        members.append(pair)
    if members:
        made.append(Row.of(members))
    return made


def common(sequences: Sequence[list[int]]) -> int:
    """How many tokens all of them begin with."""
    # The first and the last in order differ earliest.
    least, most = min(sequences), max(sequences)
    for place, (one, other) in enumerate(zip(least, most, strict=False)):
        if one != other:
            return place
    return min(len(least), len(most))
