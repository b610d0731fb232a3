"""The small template language that the sample's texts are written in.

`[a|b|]`           one of the alternatives, drawn at random; may nest
`{city.in}`        a form of an entity: the document's binding `city`, or one drawn from that table
`{Cities2.nom}`    a capital asks for a capital; a digit for another entity of the same table
`<poszedł/poszła>` the form that agrees with `hero`: masculine, feminine, neuter, plural
`<city:ten/ta>`    the form that agrees with another binding or table
`<a+b:szli/szły>`  the form that agrees with two persons: any man among them, or women only
`{#5-20}`          a whole number, both ends included

A line starts with a capital letter, and spaces left by empty alternatives are closed up.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

__all__ = ["Entity", "Scene", "Table", "names_used", "parse", "render"]

Entity = Mapping[str, "str | Sequence[str]"]
Table = Sequence[Entity]

_GENDERS = "mfnp"
_SPECIAL = re.compile(r"[\[\]|{}<>]")
_NAME = re.compile(r"([A-Za-z_]+)(\d?)")
_SPACES = re.compile(r" {2,}")
_SPACE_BEFORE = re.compile(r" (?=[,.;:!?”])")


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    form: str
    capital: bool


@dataclass(frozen=True, slots=True)
class _Number:
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class _Agree:
    name: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[tuple[_Node, ...], ...]


_Node = str | _Slot | _Number | _Agree | _Choice


@dataclass(slots=True)
class Scene:
    """What one document knows: its random numbers, the fact tables, and its bound entities."""

    rng: random.Random
    tables: Mapping[str, Table]
    bound: dict[str, Entity] = field(default_factory=dict)
    drawn: set[tuple[str, int]] = field(default_factory=set)

    def draw(self, table: str, gender: str = "", others: Collection[Entity] = ()) -> Entity:
        """An entity that this document has not seen; when all were seen, one not in `others`."""
        rows = self.tables[table]
        candidates = [i for i, row in enumerate(rows) if not gender or row["g"] == gender]
        fresh = [i for i in candidates if (table, i) not in self.drawn]
        index = self.rng.choice(fresh or [i for i in candidates if rows[i] not in others])
        self.drawn.add((table, index))
        return rows[index]


@cache
def parse(template: str) -> tuple[_Node, ...]:
    """The template as nodes.

    Raises:
        ValueError: Where a bracket is not closed or a slot is malformed.
    """
    nodes, rest = _sequence(template, 0, inside=False)
    if rest != len(template):
        raise ValueError(f"unexpected {template[rest]!r} at {rest} in {template!r}")
    return nodes


def render(template: str, scene: Scene, *, capital: bool = True) -> str:
    """The template with everything drawn and agreed, from a capital; at most one sentence a line.

    Without `capital` it begins as it stands, to follow on from other words.
    """
    text = _spell(parse(template), scene, {})
    text = _SPACE_BEFORE.sub("", _SPACES.sub(" ", text)).strip()
    return _capitalised(text) if capital else text


def names_used(template: str) -> set[tuple[str, str | int]]:
    """All (name, form) of its slots and (name, number of forms) of its agreements."""
    found: set[tuple[str, str | int]] = set()
    todo = list(parse(template))
    while todo:
        node = todo.pop()
        if isinstance(node, _Slot):
            found.add((node.name, node.form))
        elif isinstance(node, _Agree):
            found |= {(name, len(node.forms)) for name in node.name.split("+")}
        elif isinstance(node, _Choice):
            todo += [inner for option in node.options for inner in option]
    return found


def _spell(nodes: Sequence[_Node], scene: Scene, local: dict[str, Entity]) -> str:
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, _Choice):
            parts.append(_spell(scene.rng.choice(node.options), scene, local))
        elif isinstance(node, _Number):
            parts.append(str(scene.rng.randint(node.low, node.high)))
        elif isinstance(node, _Agree):
            names = node.name.split("+")
            genders = [str(_entity(name, scene, local)["g"]) for name in names]
            gender = genders[0] if len(genders) == 1 or "m" not in genders else "m"
            parts.append(node.forms[_GENDERS.index(gender)])
        else:
            value = _entity(node.name, scene, local)[node.form]
            chosen = value if isinstance(value, str) else scene.rng.choice(value)
            text = _spell(parse(chosen), scene, local)
            parts.append(_capitalised(text) if node.capital else text)
    return "".join(parts)


def _entity(name: str, scene: Scene, local: dict[str, Entity]) -> Entity:
    """Bindings of the document first; a table's name draws once per line."""
    if name in scene.bound:
        return scene.bound[name]
    if name not in local:
        match = _NAME.fullmatch(name)
        assert match is not None
        local[name] = scene.draw(match[1], others=local.values())
    return local[name]


def _capitalised(text: str) -> str:
    for index, character in enumerate(text):
        if character.isalnum():
            return text[:index] + character.upper() + text[index + 1 :]
    return text


def _sequence(text: str, start: int, *, inside: bool) -> tuple[tuple[_Node, ...], int]:
    """Nodes from `start` to the end, or within brackets to the next `|` or `]`."""
    nodes: list[_Node] = []
    position = start
    while match := _SPECIAL.search(text, position):
        if match.start() > position:
            nodes.append(text[position : match.start()])
        position = match.start()
        sign = text[position]
        if sign in "|]" and inside:
            return tuple(nodes), position
        node: _Node
        if sign == "[":
            node, position = _choice(text, position)
        elif sign in "{<":
            end = text.find("}" if sign == "{" else ">", position)
            if end < 0:
                raise ValueError(f"{sign!r} is not closed in {text!r}")
            inner = text[position + 1 : end]
            node = _slot(inner) if sign == "{" else _agreement(inner)
            position = end + 1
        else:
            raise ValueError(f"unexpected {sign!r} at {position} in {text!r}")
        nodes.append(node)
    if inside:
        raise ValueError(f"'[' is not closed in {text!r}")
    if position < len(text):
        nodes.append(text[position:])
    return tuple(nodes), len(text)


def _choice(text: str, start: int) -> tuple[_Choice, int]:
    options: list[tuple[_Node, ...]] = []
    position = start
    while True:
        nodes, position = _sequence(text, position + 1, inside=True)
        options.append(nodes)
        if text[position] == "]":
            return _Choice(tuple(options)), position + 1


def _slot(inner: str) -> _Slot | _Number:
    if inner.startswith("#"):
        low, _, high = inner[1:].partition("-")
        return _Number(int(low), int(high))
    name, _, form = inner.partition(".")
    if not _NAME.fullmatch(name) or not form:
        raise ValueError(f"malformed slot {{{inner}}}")
    return _Slot(name[0].lower() + name[1:], form, name[0].isupper())


def _agreement(inner: str) -> _Agree:
    name, colon, forms = inner.rpartition(":")
    return _Agree(name if colon else "hero", tuple(forms.split("/")))
