"""The details of a dialogue: JSON in which each step adds what it did."""

from __future__ import annotations

import json
from typing import Any

_CHOSEN, _REJECTED = "chosen", "rejected"
_OF_BOTH = ("scores", "said")  # by a judge of the chosen answer, then of the rejected one


def with_step(details: str | None, step: dict[str, Any], **more: Any) -> str:
    """`details` with a step at the end of the list ``made``, and `more` beside it.

    What is no JSON object is kept under ``before``.

    Example:
        >>> with_step('{"a": 1}', {"step": "x"})
        '{"a": 1, "made": [{"step": "x"}]}'
    """
    found = _read(details)
    if not isinstance(found, dict):
        found = {"before": found}
    return _written(found | {"made": [*_steps(found), step]} | more)


def steps_of(details: str | None) -> list[dict[str, Any]]:
    """What the steps did, in their order."""
    return _steps(_read(details))


def turned_round(details: str | None) -> str | None:
    """The `details` of a preference whose chosen answer is now the rejected one.

    Of two fields whose names differ in ``chosen`` and ``rejected`` alone each has what the other
    had, in the steps and in the original of a translation too; scores of both change places.

    Example:
        >>> turned_round('{"chosen_model": "a", "rejected_model": "b", "topic": "c"}')
        '{"chosen_model": "b", "rejected_model": "a", "topic": "c"}'
    """
    found = _read(details)
    if not details or not isinstance(found, dict):
        return details
    turned = _turned(found)
    if steps := _steps(found):
        turned["made"] = [_turned_step(step) for step in steps]
    if isinstance(turned.get("original"), dict):
        turned["original"] = _turned(turned["original"])
    return _written(turned)


def _read(details: str | None) -> Any:
    try:
        return json.loads(details) if details else {}
    except (ValueError, RecursionError):
        return details


def _steps(found: Any) -> list[dict[str, Any]]:
    made = found.get("made") if isinstance(found, dict) else None
    return [step for step in made if isinstance(step, dict)] if isinstance(made, list) else []


def _written(details: dict[str, Any]) -> str:
    return json.dumps(details, ensure_ascii=False, sort_keys=True)


def _turned(fields: dict[str, Any]) -> dict[str, Any]:
    others = {name.replace(_CHOSEN, _REJECTED): name for name in fields if _CHOSEN in name}
    others = {other: name for other, name in others.items() if other in fields}
    places = others | {name: other for other, name in others.items()}
    return {name: fields[places.get(name, name)] for name in fields}


def _turned_step(step: dict[str, Any]) -> dict[str, Any]:
    turned = _turned(step)
    if step.get("step") == "judge-dialogues" and isinstance(step.get("judges"), list):
        turned["judges"] = [
            {name: value[::-1] if name in _OF_BOTH else value for name, value in judge.items()}
            for judge in step["judges"]
            if isinstance(judge, dict)
        ]
    return turned
