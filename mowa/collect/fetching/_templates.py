"""Addresses and names with {names} in them, and dotted paths into JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from mowa.errors import UsageError

_NAME = re.compile(r"\{([\w.@:-]+)\}")


def fill(
    template: str, values: Mapping[str, Any], quoted: Callable[[str], str] | None = None
) -> str:
    """Put values in; in an address they are quoted, unless the template is one {name} alone.

    `quoted` says how a value is written where the template is not that of an address.

    Example:
        >>> fill("acts/{year}/{name}", {"year": 1997, "name": "a/b ż"})
        'acts/1997/a%2Fb%20%C5%BC'
        >>> fill("{file.url}", {"file": {"url": "https://a.example/x?y=1"}})
        'https://a.example/x?y=1'

    Raises:
        UsageError: For a {name} that has no value.
    """
    whole = _NAME.fullmatch(template)

    def value(match: re.Match[str]) -> str:
        found = look_up(values, match[1])
        if found is None or isinstance(found, dict | list):
            raise UsageError(
                f"there is no value for {match[0]}",
                where=f"[fetch]: {template}",
                fix=f"names with values are: {', '.join(sorted(values)) or '(none)'}",
            )
        text = as_text(found)
        if quoted is not None:
            return quoted(text)
        return text if whole else quote(text, safe="")

    return _NAME.sub(value, template)


def fill_name(template: str, values: Mapping[str, Any]) -> str:
    """A path from a template; a value is one part of it, whatever it holds."""
    return fill(template, values, lambda text: text.replace("/", "_"))


def look_up(value: Any, path: str) -> Any:
    """What lies at a dotted path; a key with dots in it is found too; None where nothing lies."""
    if not path:
        return value
    if isinstance(value, Mapping):
        if path in value:
            return value[path]
        head, dot, rest = path.partition(".")
        return look_up(value.get(head), rest) if dot else None
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        if head.isdigit() and int(head) < len(value):
            return look_up(value[int(head)], rest)
    return None


def fits(values: Mapping[str, Any], where: Mapping[str, Sequence[str]]) -> bool:
    """Does the value at each path match one of its globs? What is absent reads as nothing.

    A glob may hold {names} too.
    """
    return all(
        any(fnmatchcase(as_text(look_up(values, path)), fill(glob, values, str)) for glob in globs)
        for path, globs in where.items()
    )


def as_text(value: Any) -> str:
    """A JSON value as people write it: true, 12, text as it is, nothing for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
