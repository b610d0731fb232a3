"""Drawing the pairs: every frame in turn, every table as a pack of cards, one seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mowa.errors import DataError
from mowa.evaluation.grammar._phenomena import Phenomenon, phenomena
from mowa.evaluation.grammar._template import Forms, make_pair, slot_names, table_of

__all__ = ["ITEMS", "PAIRS", "SEED", "Pair", "generate", "write_items"]

ITEMS = Path(__file__).parent.parent / "tasks" / "grammar" / "items.jsonl"
SEED = 1
PAIRS = 100  # of each phenomenon: a standard error of five points at most
_ATTEMPTS = 40  # draws from a frame that give nothing new before it counts as used up


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that differ in the point at issue: `good` is right, `bad` is wrong."""

    id: str
    phenomenon: str
    field: str
    good: str
    bad: str


def generate(*, seed: int = SEED, count: int = PAIRS) -> list[Pair]:
    """`count` pairs of each phenomenon, sorted by id, the same for the same seed.

    Raises:
        DataError: Where the templates of a phenomenon cannot make so many different pairs.
    """
    seen: set[str] = set()
    found = [pair for one in phenomena() for pair in _pairs_of(one, seed, count, seen)]
    return sorted(found, key=lambda pair: pair.id)


def write_items(pairs: Sequence[Pair], path: Path) -> None:
    """One JSON object a line, UTF-8, in the order given."""
    lines = [json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


class _Deck:
    """Rows dealt without repetition until all were dealt, then shuffled anew."""

    def __init__(self, rows: Sequence[Forms], rng: random.Random) -> None:
        self._rows, self._rng = rows, rng
        self._left: list[Forms] = []

    def deal(self) -> Forms:
        if not self._left:
            self._left = list(self._rows)
            self._rng.shuffle(self._left)
        return self._left.pop()


def _pairs_of(phenomenon: Phenomenon, seed: int, count: int, seen: set[str]) -> Iterator[Pair]:
    rng = random.Random(f"{seed}/{phenomenon.name}")
    frames: list[tuple[str, dict[str, _Deck]]] = []
    for scene in phenomenon.scenes:
        decks = {name: _Deck(rows, rng) for name, rows in scene.tables.items()}
        frames += [(frame, decks) for frame in scene.frames]
    made = 0
    while made < count:
        if not frames:
            raise DataError(
                f"the templates make {made} different pairs where {count} are asked for",
                where=phenomenon.name,
                fix="add frames or rows, or ask for fewer",
            )
        for entry in list(frames):
            drawn = _draw(*entry, seen)
            if drawn is None:
                frames.remove(entry)
            elif made < count:
                made += 1
                name = f"{phenomenon.name}-{made:03d}"
                yield Pair(name, phenomenon.name, phenomenon.field, *drawn)


def _draw(frame: str, decks: dict[str, _Deck], seen: set[str]) -> tuple[str, str] | None:
    """A pair with no sentence in `seen`, which grows; none where the frame is used up."""
    for _ in range(_ATTEMPTS):
        bound: dict[str, Forms] = {}
        for slot in slot_names(frame):
            deck = decks[table_of(slot)]
            others = [bound[other] for other in bound if table_of(other) == table_of(slot)]
            bound[slot] = next(row for row in iter(deck.deal, None) if row not in others)
        good, bad = make_pair(frame, bound)
        if good != bad and not seen & {good, bad}:
            seen |= {good, bad}
            return good, bad
    return None
