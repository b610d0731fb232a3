"""Conversations in a file, one a line of JSON; the last of them goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mowa.errors import DataError, UsageError
from mowa.inference import Message
from mowa.workspace import write_text

_ROLES = ("system", "user", "assistant")
_MOST_BYTES = 64 << 20  # read as a whole, and written again after each turn


class History:
    """One conversation, and those before it in the same file, which stay as they are.

    Args:
        path: Where it is kept; None keeps it nowhere.
        model: Who answers, as the file says it.

    Attributes:
        turns: What was said, a system prompt first where there is one.
        unfinished: Places of answers that were stopped or cut off.

    Raises:
        DataError: Where the file is not of conversations.
    """

    def __init__(self, path: Path | None, model: str) -> None:
        self.path, self._model = path, model
        self.turns: list[Message] = []
        self.unfinished: list[int] = []
        self._before: list[str] = []
        self._known = ""
        if path is not None and path.exists():
            self._known = _text(path)
            *self._before, last = self._known.removesuffix("\n").split("\n")
            if last:
                self.turns, self.unfinished = _conversation(last, f"{path}:{len(self._before) + 1}")

    @property
    def system(self) -> str | None:
        """The system prompt."""
        return self.turns[0].content if self.turns and self.turns[0].role == "system" else None

    def set_system(self, text: str) -> None:
        """Put `text` in the place of the system prompt."""
        had = self.system is not None
        self.turns[: int(had)] = [Message("system", text)]
        self.unfinished = [place + (not had) for place in self.unfinished]

    def say(self, role: str, text: str, *, unfinished: bool = False) -> None:
        """Add a turn."""
        if unfinished:
            self.unfinished.append(len(self.turns))
        self.turns.append(Message(role, text))

    def undo(self) -> str | None:
        """Take back the last question, with its answer where there is one; which it was."""
        while self.turns and self.turns[-1].role == "assistant":
            self.turns.pop()
        self.unfinished = [place for place in self.unfinished if place < len(self.turns)]
        if not self.turns or self.turns[-1].role != "user":
            return None
        return self.turns.pop().content

    def reset(self) -> None:
        """Begin a new conversation under the same system prompt; the one so far stays."""
        system = self.system
        if len(self.turns) > (system is not None):
            self._before.append(self._line())
        self.turns = [] if system is None else [Message("system", system)]
        self.unfinished = []

    def save(self) -> None:
        """Write the file anew.

        Raises:
            DataError: Where another program has changed it meanwhile.
        """
        if self.path is None:
            return
        if (_text(self.path) if self.path.exists() else "") != self._known:
            raise DataError(
                "another program has changed this conversation meanwhile",
                where=str(self.path),
                fix="save this one elsewhere (/save FILE), or begin again with another --history",
            )
        lines = [*self._before, *([self._line()] if self.turns or self._before else [])]
        text = "".join(f"{line}\n" for line in lines)
        write_text(self.path, text)
        self._known = text

    def save_copy(self, path: Path) -> None:
        """Write this conversation alone into a new file.

        Raises:
            UsageError: Where the file is there.
        """
        if path.exists():
            raise UsageError("this file is there already", where=str(path), fix="name a new one")
        write_text(path, f"{self._line()}\n")

    def _line(self) -> str:
        line: dict[str, Any] = {"messages": list(map(asdict, self.turns)), "model": self._model}
        if self.unfinished:
            line["unfinished"] = self.unfinished
        return json.dumps(line, ensure_ascii=False)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("this is too large for conversations", where=str(path))
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"this cannot be read ({error})", where=str(path)) from error


def _conversation(line: str, where: str) -> tuple[list[Message], list[int]]:
    try:
        value = json.loads(line)
        turns = [Message(**turn) for turn in value["messages"]]
        unfinished = value.get("unfinished", [])
        known = all(turn.role in _ROLES and isinstance(turn.content, str) for turn in turns)
        known = known and all(type(place) is int for place in unfinished)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"this is not a conversation ({error})", where=where, fix="name another --history"
        ) from error
    if not known:
        raise DataError(
            "a turn has another role than system, user or assistant, or no text",
            where=where,
            fix="name another --history",
        )
    return turns, list(unfinished)
