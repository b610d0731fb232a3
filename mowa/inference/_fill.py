"""Prompts with fields: `{name}` is what stands under that name, and nothing is evaluated."""

from __future__ import annotations

import re


def filled(template: str, fields: dict[str, str]) -> str:
    """The template with its ``{field}``s; whatever else stands in braces stays as it is.

    Example:
        >>> filled("{a} i {b.c} {a}", {"a": "{b}"})
        '{b} i {b.c} {b}'
    """
    return re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), template)


def fields_of(template: str) -> set[str]:
    """The names of the fields that a template asks for."""
    return set(re.findall(r"\{(\w+)\}", template))
