"""One question and one answer a row: the instructions of SpeakLeash, and Alpaca's form."""

from __future__ import annotations

from dataclasses import replace

from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.importers._common import Fields, text_of, with_own_facts

_SPEAKLEASH = ("source_name", "source_url", "source_description", "script_name", "updated_by")
_TAKEN = ("instruct", "instruction", "input", "output", "system")


def is_speakleash(row: Fields) -> bool:
    """Does the row say which script made it, of which source?"""
    return _asked(row) is not None and "output" in row and any(key in row for key in _SPEAKLEASH)


def is_alpaca(row: Fields) -> bool:
    """Is there an instruction with its output?"""
    return _asked(row) is not None and "output" in row


def from_instruction(row: Fields, base: Dialogue) -> list[Dialogue]:
    """`instruct` or `instruction` with `input` under it is the question, `output` the answer.

    Raises:
        BadRowError: Where one of them is no text.
    """
    question = text_of(row[_asked(row) or "instruction"])
    given = text_of(row.get("input"))
    system = text_of(row.get("system"))
    turns = (
        *([Message("system", system)] if system else []),
        Message("user", f"{question}\n\n{given}" if given else question),
        Message("assistant", text_of(row["output"])),
    )
    return [replace(with_own_facts(base, row, _TAKEN), messages=turns)]


def _asked(row: Fields) -> str | None:
    return next((name for name in ("instruct", "instruction") if name in row), None)
