"""Reading what a model answered: lines with labels, or JSON, and nothing beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

# What models put around a label without being asked: bold type, a heading, a number.
_BEFORE, _AFTER = r"[ \t]*[*#]*[ \t]*", r"(?:[ \t]+\d+)?[ \t]*[*]*:[*]*[ \t]*"
_FENCE = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_SCORE = re.compile(r"(\d{1,2}(?:[.,]\d{1,3})?)(?:\s*/\s*10)?\.?")
_RESULT = "wynik"

Group = dict[str, str]


class NotInForm(Exception):  # noqa: N818 - an answer that is not as asked, which is counted
    """An answer that does not have the form; says why in a few words."""


def without_thoughts(text: str) -> str:
    """What follows the thoughts that some models write before they answer.

    Example:
        >>> without_thoughts("<think>Hm.</think>Wisła")
        'Wisła'
        >>> without_thoughts("<think>Hm, this will take")
        ''
    """
    if "</think>" in text:
        return text.rpartition("</think>")[2].strip()
    return "" if text.lstrip().startswith("<think>") else text.strip()


def read_groups(
    text: str, labels: Sequence[str], groups: tuple[int, int] = (1, 1), *, as_json: bool = False
) -> list[Group]:
    r"""What stands after each label, group by group.

    Args:
        text: The answer.
        labels: In the order in which they come in each group.
        groups: Least and most of them.
        as_json: ``{"wynik": [{label: text, …}, …]}`` instead of lines.

    Raises:
        NotInForm: Where something stands before the first label, a label is missing, out of its
            place or without a text, or there are too few or too many groups.

    Example:
        >>> read_groups("Pytanie: Kto?\nOdpowiedź: Ala.\nI kot.", ["Pytanie", "Odpowiedź"])
        [{'Pytanie': 'Kto?', 'Odpowiedź': 'Ala.\nI kot.'}]
    """
    found = _from_json(text, labels) if as_json else _from_lines(text, labels)
    least, most = groups
    if not least <= len(found) <= most:
        raise NotInForm(f"{len(found)} groups, not {least} to {most}")
    return found


def read_score(text: str) -> float:
    """A score from 0 to 10.

    Raises:
        NotInForm: For anything else.

    Example:
        >>> read_score("7,5"), read_score("8/10")
        (7.5, 8.0)
    """
    found = _SCORE.fullmatch(text.strip().strip("*").strip())
    score = float(found[1].replace(",", ".")) if found else -1.0
    if not 0 <= score <= 10:
        raise NotInForm("no score from 0 to 10")
    return score


def _from_lines(text: str, labels: Sequence[str]) -> list[Group]:
    one_of = "|".join(re.escape(label) for label in labels)
    parts = re.split(rf"^{_BEFORE}({one_of}){_AFTER}", text, flags=re.MULTILINE | re.IGNORECASE)
    if len(parts) == 1:
        raise NotInForm(f"no line begins with {labels[0]!r}")
    if parts[0].strip():
        raise NotInForm("something stands before the first label")
    known = {label.casefold(): label for label in labels}
    found = [known[label.casefold()] for label in parts[1::2]]
    for place, label in enumerate(found):
        if label != (due := labels[place % len(labels)]):
            raise NotInForm(f"{label!r} stands where {due!r} should")
    if len(found) % len(labels):
        raise NotInForm(f"no {labels[len(found) % len(labels)]!r} at the end")
    return _grouped([value.strip() for value in parts[2::2]], labels)


def _grouped(values: Sequence[str], labels: Sequence[str]) -> list[Group]:
    if any(not value for value in values):
        raise NotInForm("nothing stands after a label")
    size = len(labels)
    return [
        dict(zip(labels, values[at : at + size], strict=True)) for at in range(0, len(values), size)
    ]


def _from_json(text: str, labels: Sequence[str]) -> list[Group]:
    fenced = _FENCE.match(text)
    try:
        data = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        raise NotInForm("not JSON") from None
    rows = data.get(_RESULT) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise NotInForm(f"JSON without a list {_RESULT!r}")
    values = []
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(labels):
            raise NotInForm("JSON with other keys")
        # A score may be a number there.
        values += [_plain(row[label]) for label in labels]
    return _grouped(values, labels)


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise NotInForm("JSON with other values than texts")
