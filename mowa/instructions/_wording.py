"""The small template language of converters: `{field}`, and nothing that could run.

`{question}`            a field of the row
`{answers.0.text}`      a path of names and of places in lists
`{choices.(answer)}`    a step that another field names
`{answer|sentence}`     the value, changed by one of `CHANGES`
`{{` and `}}`           the brackets themselves

What is put in is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_STEP = re.compile(r"\w+|\((\w+(?:\.\w+)*)\)")
_ENDS = ".!?…"


class NoFieldError(ValueError):
    """The row has no text at a path that a template names."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def sentence(text: str) -> str:
    """With a capital letter first and a full stop last.

    Example:
        >>> sentence("co pięć lat,"), sentence("Ile?")
        ('Co pięć lat.', 'Ile?')
    """
    text = bare(text) if text.rstrip()[-1:] not in _ENDS else text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(tuple(_ENDS)) else ".")


def bare(text: str) -> str:
    """Without punctuation at its end."""
    return text.strip().rstrip(" ,;:.")


def stopped(text: str) -> str:
    """With a full stop last, where there is no other end; for abbreviations too.

    Example:
        >>> stopped("art. 5 k.c."), stopped("art. 5")
        ('art. 5 k.c.', 'art. 5.')
    """
    text = text.strip().rstrip(" ,;:")
    return text if text.endswith(tuple(_ENDS)) else f"{text}."


def quoted(text: str) -> str:
    """Without a full stop, in Polish quotation marks; those within become «».

    Example:
        >>> quoted("Płynął „Orzeł”.")
        '„Płynął «Orzeł»”'
    """
    return f"„{bare(text).replace('„', '«').replace('”', '»')}”"


def line(text: str) -> str:
    """On one line, with single spaces."""
    return " ".join(text.split())


def unwrapped(text: str) -> str:
    """With the lines joined that a page has broken.

    A line is one of its own after an empty line, unless it begins with a small letter, and where it
    begins as items of a list do: with a section sign, a number or letter before a bracket or full
    stop, or a dash. A hyphen after a letter at the end of a line goes.
    """
    paragraphs: list[str] = []
    joins = False
    for piece in text.splitlines():
        own = line(piece)
        if not own:
            joins = False
        elif not paragraphs or _ITEM.match(own) or not (joins or own[0].islower()):
            paragraphs.append(own)
            joins = True
        elif _CUT.search(paragraphs[-1]) and own[0].islower():
            paragraphs[-1] = paragraphs[-1][:-1] + own
        else:
            paragraphs[-1] += f" {own}"
    return "\n".join(paragraphs)


_ITEM = re.compile(r"§|\d+[a-z]?[.)]|[a-z]\)|[-–—•] ")
_CUT = re.compile(r"[^\W\d_]-$")

CHANGES: dict[str, Callable[[str], str]] = {
    "sentence": sentence,
    "bare": bare,
    "stopped": stopped,
    "quoted": quoted,
    "line": line,
    "unwrapped": unwrapped,
}


@dataclass(frozen=True)
class _Slot:
    path: str
    changes: tuple[str, ...]


@lru_cache(maxsize=4_096)
def parsed(template: str) -> tuple[str | _Slot, ...]:
    """A template as texts and slots.

    Raises:
        ValueError: For a bracket alone, a path that is none, or a change that is not known.
    """
    parts: list[str | _Slot] = []
    at = 0
    for found in _TOKEN.finditer(template):
        parts.append(template[at : found.start()])
        at = found.end()
        if found[0] in ("{{", "}}"):
            parts.append(found[0][0])
        elif found[1] is None:
            raise ValueError(f"a bracket stands alone at {found.start()}; write it twice")
        else:
            path, *changes = found[1].split("|")
            check_path(path)
            for change in changes:
                if change not in CHANGES:
                    known = ", ".join(CHANGES)
                    raise ValueError(f"there is no change {change!r}; there are {known}")
            parts.append(_Slot(path, tuple(changes)))
    return (*parts, template[at:])


def filled(template: str, row: Mapping[str, Any]) -> str:
    """The template with the row's values.

    Example:
        >>> filled("{a.0|sentence} {{x}}", {"a": ["tak"]})
        'Tak. {x}'

    Raises:
        NoFieldError: Where the row has no text or number there, or an empty one.
        ValueError: For a template that is none.
    """
    return "".join(
        part if isinstance(part, str) else _value(part, row) for part in parsed(template)
    )


def check_path(path: str) -> None:
    """See that it is one.

    Raises:
        ValueError: Where it is none.
    """
    if not all(_STEP.fullmatch(step) for step in _steps(path)):
        raise ValueError(f"{path!r} is no field: write names and numbers with dots between")


def at_path(row: Any, path: str) -> Any:
    """What `path` leads to in `row`; None where it leads nowhere.

    Example:
        >>> at_path({"choices": {"B": "tak"}, "answer": "B"}, "choices.(answer)")
        'tak'
    """
    value = row
    for step in _steps(path):
        name = step
        if step.startswith("("):
            named = at_path(row, step[1:-1])
            if isinstance(named, bool) or not isinstance(named, str | int):
                return None
            name = str(named)
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            value = value[int(name)] if _is_place(name, value) else None
        else:
            return None
    return value


def _steps(path: str) -> list[str]:
    """The steps of a path; dots within brackets belong to the step."""
    return re.split(r"\.(?![^()]*\))", path)


def _is_place(name: str, values: Sequence[Any]) -> bool:
    return len(name) < 10 and name.isascii() and name.isdigit() and int(name) < len(values)


def _value(slot: _Slot, row: Mapping[str, Any]) -> str:
    value = at_path(row, slot.path)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NoFieldError(slot.path)
    text = str(value).strip()
    if not text:
        raise NoFieldError(slot.path)
    for change in slot.changes:
        text = CHANGES[change](text)
    return text
