"""The files of dialogues and preferences in a sample."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

from mowa.instructions import Dialogue, to_row
from mowa.sample.assistant._dialogues import dialogues
from mowa.sample.assistant._preferences import preferences


@cache
def dialogue_files(seed: int) -> dict[str, bytes]:
    """JSON lines by path: `dialogues/chat.jsonl` and `preferences/pairs.jsonl`."""
    return {
        "dialogues/chat.jsonl": _jsonl(dialogues(seed)),
        "preferences/pairs.jsonl": _jsonl(preferences(seed)),
    }


def _jsonl(rows: Iterable[Dialogue]) -> bytes:
    return "".join(json.dumps(to_row(row), ensure_ascii=False) + "\n" for row in rows).encode()
