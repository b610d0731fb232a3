"""Composing documents: a kind, a plan, lines drawn without repetition, paragraphs."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mowa.sample._facts import tables
from mowa.sample._leaks import Leaks
from mowa.sample._registers import Draw, Kind, kinds
from mowa.sample._relations import Fact, may_follow_that, statements_about
from mowa.sample._template import Scene, render

__all__ = ["Document", "compose"]

_SHORTEST, _LONGEST = 300, 3_000  # characters of a good document's text
_ATTEMPTS = 50
_FRAMED = 0.72  # share of statements put into a clause with "że", where the wording allows it


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


def compose(
    place: str, count: int, *, seed: int, seen: set[str], without: Collection[Fact] = ()
) -> list[Document]:
    """`count` documents for a place (web, stories, notes), none like one in `seen`, which grows.

    No document mentions both the subject and an answer of a fact in `without`, in any of their
    forms; sentences that would are left out.
    """
    leaks = Leaks(without)
    return [_one(f"{place}/{index:05d}", place, seed, seen, leaks) for index in range(count)]


def _one(name: str, place: str, seed: int, seen: set[str], leaks: Leaks) -> Document:
    candidates = [kind for kind in kinds() if kind.places.get(place)]
    weights = [kind.places[place] for kind in candidates]
    rng = random.Random(f"{seed}/{name}")
    for _ in range(_ATTEMPTS):
        document = _document(rng.choices(candidates, weights)[0], name, rng, leaks)
        if document is None:
            continue
        if _SHORTEST <= len(document.text) <= _LONGEST and document.text not in seen:
            seen.add(document.text)
            return document
    raise AssertionError(f"no fresh text of a fitting length for {name} in {_ATTEMPTS} attempts")


def _document(kind: Kind, name: str, rng: random.Random, leaks: Leaks) -> Document | None:
    """A document, or nothing where its very title tells what is held out."""
    scene = Scene(rng, tables())
    leaks.start()
    for slot, source in kind.bind.items():
        table, _, gender = source.partition(":")
        scene.bound[slot] = scene.draw(table, gender)
    title = render(rng.choice(kind.titles), scene)
    if not leaks.admits(title):
        return None
    left = {block: list(range(len(options))) for block, options in kind.blocks.items()}
    used: dict[tuple[str, str], list[int]] = {}
    paragraphs: list[str] = []
    for paragraph in rng.choice(kind.plans):
        sentences: list[str] = []
        for draw in paragraph:
            if draw.optional and rng.random() < 0.5:
                continue
            if draw.field in ("relations", "questions"):
                drawn = _stated(draw, kind, scene, used)
            else:
                drawn = [render(line, scene) for line in _drawn(draw, kind, scene, left, used)]
            sentences += [sentence for sentence in drawn if leaks.admits(sentence)]
        paragraphs += _paragraphs(sentences)
    return Document(
        name,
        kind.name,
        kind.host,
        unicodedata.normalize("NFC", title),
        tuple(unicodedata.normalize("NFC", text) for text in paragraphs),
    )


def _stated(
    draw: Draw, kind: Kind, scene: Scene, used: dict[tuple[str, str], list[int]]
) -> list[str]:
    """What the relations of a bound entity state, or their questions with the answers.

    A relation comes once a document.
    """
    row = scene.bound[draw.name]
    known = statements_about(kind.bind[draw.name].partition(":")[0])
    holding = [index for index, relation in enumerate(known) if relation.holds_for(row)]
    free = used.setdefault((draw.name, "relations"), holding)
    chosen = scene.rng.sample(free, min(draw.count, len(free)))
    scene.bound["s"] = row
    sentences: list[str] = []
    for index in chosen:
        free.remove(index)
        line = scene.rng.choice(known[index].statements)
        if may_follow_that(line) and scene.rng.random() < _FRAMED:
            line = f"{scene.draw('frames')['t']} {line}"
        stated = render(line, scene)
        if draw.field == "questions":
            asker = render(str(scene.draw("askers")["t"]), scene)
            asked = render(scene.rng.choice(known[index].questions), scene)
            stated = f"– {asker} {asked} // – {stated}"
        sentences.append(stated)
    del scene.bound["s"]
    return sentences


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
