"""What a page says of itself in JSON-LD (schema.org), which may be anything at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# One page of a shop has some 30 kB of it; more is a catalogue, and nothing of it is said here.
_MOST_CHARACTERS = 500_000
_MOST_SCRIPTS = 16
_MOST_NODES = 2_000
_MOST_DEPTH = 8
_MOST_NAMES = 16

# What is the work itself, and what only holds it; a page that names both means the work.
_WORKS = ("article", "posting", "report", "recipe", "book", "chapter", "creativework", "review")
_PAGES = ("webpage", "itempage", "faqpage", "qapage", "aboutpage")


@dataclass
class Said:
    """Values in the order of their weight, not yet checked."""

    titles: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    publishers: list[str] = field(default_factory=list)


def said_in(scripts: list[str]) -> Said:
    """What the scripts say of the page; nothing where they are no JSON, or too much of it."""
    nodes: list[dict[str, Any]] = []
    budget = [_MOST_NODES]
    for script in scripts[:_MOST_SCRIPTS]:
        nodes.extend(_nodes(_parsed(script), budget, 0))
    named = {
        key: node for node in nodes if isinstance(key := node.get("@id"), str) if "name" in node
    }
    said = Said()
    for kinds in (_WORKS, _PAGES):
        for node in nodes:
            if _is_one(node, kinds):
                _add(said, node, named)
    return said


def _parsed(script: str) -> Any:
    text = script.strip()
    if len(text) > _MOST_CHARACTERS:
        return None
    for mark in ("//<![CDATA[", "/*<![CDATA[*/", "<![CDATA[", "<!--"):
        text = text.removeprefix(mark)
    for mark in ("//]]>", "/*]]>*/", "]]>", "-->"):
        text = text.removesuffix(mark)
    try:
        return json.loads(text.strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None


def _nodes(value: Any, budget: list[int], depth: int) -> Iterator[dict[str, Any]]:
    """The objects that may be of the page: at the top, in lists and graphs, and main entities."""
    if depth > _MOST_DEPTH or budget[0] <= 0:
        return
    if isinstance(value, list):
        for item in value[:_MOST_NODES]:
            yield from _nodes(item, budget, depth + 1)
    elif isinstance(value, dict):
        budget[0] -= 1
        yield value
        for key in ("@graph", "mainEntity", "mainEntityOfPage"):
            if key in value:
                yield from _nodes(value[key], budget, depth + 1)


def _is_one(node: dict[str, Any], kinds: tuple[str, ...]) -> bool:
    kind = node.get("@type")
    types = kind if isinstance(kind, list) else [kind]
    return any(isinstance(one, str) and one.lower().endswith(kinds) for one in types[:8])


def _add(said: Said, node: dict[str, Any], named: dict[str, dict[str, Any]]) -> None:
    said.titles += _texts(node.get("headline"), ())
    # When a page was changed says little of when its text was written.
    said.dates += _texts(node.get("datePublished") or node.get("dateCreated"), ())
    if not said.authors:
        said.authors += _names(node.get("author") or node.get("creator"), named)
    said.licences += _texts(node.get("license"), ("@id", "url", "name"))
    said.publishers += _names(node.get("publisher"), named)


def _names(value: Any, named: dict[str, dict[str, Any]]) -> list[str]:
    people = value if isinstance(value, list) else [value]
    resolved: list[Any] = []
    for person in people[:_MOST_NAMES]:
        key = person.get("@id") if isinstance(person, dict) and "name" not in person else None
        resolved.append(named.get(key, person) if isinstance(key, str) else person)
    return _texts(resolved, ("name",))


def _texts(value: Any, keys: tuple[str, ...]) -> list[str]:
    """Strings of a value that may be a string, an object with a name, or a list of these."""
    found: list[str] = []
    for item in (value if isinstance(value, list) else [value])[:_MOST_NAMES]:
        if isinstance(item, dict):
            item = next((item[key] for key in keys if item.get(key)), None)  # noqa: PLW2901
            if isinstance(item, list):
                item = item[0]  # noqa: PLW2901
        if isinstance(item, str) and item.strip():
            found.append(item)
    return found
