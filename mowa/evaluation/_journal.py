"""The answers of a run that goes on, so that a killed one asks nothing twice."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mowa.evaluation._answers import Answer
from mowa.execution import Journal as Records


class Journal:
    """A file of answers, one a line; the last line of an id counts, a torn line does not."""

    def __init__(self, path: Path) -> None:
        self.answers: dict[str, Answer] = {}
        # A power cut loses a few answers that cost only time.
        self._records = Records(path, sync=False)
        for key in self._records.ids():
            self._read(key)

    def add(self, answer: Answer) -> None:
        """Write an answer down."""
        self.answers[answer.id] = answer
        self._records.add(asdict(answer))

    def close(self) -> None:
        """Keep what is there for the next run."""
        self._records.close()

    def _read(self, key: str) -> None:
        try:
            self.answers[key] = Answer.from_dict(self._records.get(key))
        except (ValueError, TypeError):
            return
