"""The details of a dialogue: JSON in which each step adds what it did."""

from __future__ import annotations

import json
from typing import Any


def with_step(details: str | None, step: dict[str, Any], **more: Any) -> str:
    """`details` with a step at the end of the list ``made``, and `more` beside it.

    What is no JSON object is kept under ``before``.

    Example:
        >>> with_step('{"a": 1}', {"step": "x"})
        '{"a": 1, "made": [{"step": "x"}]}'
    """
    found: Any = {}
    if details:
        try:
            found = json.loads(details)
        except (ValueError, RecursionError):
            found = details
    if not isinstance(found, dict):
        found = {"before": found}
    made = found.get("made")
    found["made"] = [*(made if isinstance(made, list) else []), step]
    return json.dumps(found | more, ensure_ascii=False, sort_keys=True)
