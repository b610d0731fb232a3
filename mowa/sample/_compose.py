"""Composing documents: a kind, a plan, lines drawn without repetition, paragraphs."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mowa.sample._facts import tables
from mowa.sample._registers import Draw, Kind, kinds
from mowa.sample._template import Scene, render

__all__ = ["Document", "compose"]

_SHORTEST, _LONGEST = 300, 3_000  # characters of a good document's text
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Document:
    """A good text: `name` seeds it, `kind` and `host` say where it belongs."""

    name: str
    kind: str
    host: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paragraphs, with an empty line between them."""
        return "\n\n".join(self.paragraphs)

    @property
    def page(self) -> str:
        """Title and text: what a reader finds in a text file, and an extractor in a web page."""
        return f"{self.title}\n\n{self.text}"


def compose(place: str, count: int, *, seed: int, seen: set[str]) -> list[Document]:
    """`count` documents for a place (web, stories, notes), none like one in `seen`, which grows."""
    return [_one(f"{place}/{index:05d}", place, seed, seen) for index in range(count)]


def _one(name: str, place: str, seed: int, seen: set[str]) -> Document:
    candidates = [kind for kind in kinds() if kind.places.get(place)]
    weights = [kind.places[place] for kind in candidates]
    rng = random.Random(f"{seed}/{name}")
    for _ in range(_ATTEMPTS):
        document = _document(rng.choices(candidates, weights)[0], name, rng)
        if _SHORTEST <= len(document.text) <= _LONGEST and document.text not in seen:
            seen.add(document.text)
            return document
    raise AssertionError(f"no fresh text of a fitting length for {name} in {_ATTEMPTS} attempts")


def _document(kind: Kind, name: str, rng: random.Random) -> Document:
    scene = Scene(rng, tables())
    for slot, source in kind.bind.items():
        table, _, gender = source.partition(":")
        scene.bound[slot] = scene.draw(table, gender)
    title = render(rng.choice(kind.titles), scene)
    left = {block: list(range(len(options))) for block, options in kind.blocks.items()}
    used: dict[tuple[str, str], list[int]] = {}
    paragraphs: list[str] = []
    for paragraph in rng.choice(kind.plans):
        sentences: list[str] = []
        for draw in paragraph:
            if draw.optional and rng.random() < 0.5:
                continue
            templates = _drawn(draw, kind, scene, left, used)
            sentences += [render(template, scene) for template in templates]
        paragraphs += _paragraphs(sentences)
    return Document(
        name,
        kind.name,
        kind.host,
        unicodedata.normalize("NFC", title),
        tuple(unicodedata.normalize("NFC", text) for text in paragraphs),
    )


def _drawn(
    draw: Draw,
    kind: Kind,
    scene: Scene,
    left: dict[str, list[int]],
    used: dict[tuple[str, str], list[int]],
) -> list[str]:
    """The lines that one token of the plan asks for; a line comes at most once in a document."""
    if draw.field is None:
        options: Sequence[str] = kind.blocks[draw.name]
        free = left[draw.name]
    else:
        value = scene.bound[draw.name][draw.field]
        options = (value,) if isinstance(value, str) else value
        free = used.setdefault((draw.name, draw.field), list(range(len(options))))
    chosen = scene.rng.sample(free, min(draw.count, len(free)))
    for index in chosen:
        free.remove(index)
    return [options[index] for index in (sorted(chosen) if draw.in_order else chosen)]


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    """Sentences run on; a line of dialogue (`– …`, parts separated by `//`) stands by itself."""
    paragraphs: list[str] = []
    running: list[str] = []
    for sentence in sentences:
        if sentence.startswith("–") or "//" in sentence:
            if running:
                paragraphs.append(" ".join(running))
                running = []
            paragraphs += [part.strip() for part in sentence.split("//")]
        else:
            running.append(sentence)
    if running:
        paragraphs.append(" ".join(running))
    return paragraphs
