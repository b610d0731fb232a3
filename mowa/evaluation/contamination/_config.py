"""The configuration of the step `contamination-index`, free of heavy imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from mowa.workspace import StepConfig


class ContaminationIndexConfig(StepConfig):
    """How a corpus, or a set of dialogues, is indexed, so that tasks can be looked for in it."""

    lemmas: Literal["auto", "morfeusz2", "prefix", "none"] = Field(
        "auto",
        description="what takes the endings off words: morfeusz2 (the extra pl), their first"
        " letters, or nothing, so that only verbatim copies are found; auto takes morfeusz2 where"
        " it is installed",
    )
    window: int = Field(
        2,
        ge=1,
        le=5,
        description="of so many neighbouring runs of words at least one is in the index: a larger"
        " window makes it smaller, and lets no text be judged that has not window - 1 words more",
    )

    def check_reads(self, kinds: Sequence[str]) -> None:
        """Refuse more than one corpus or set of dialogues: each has an index of its own."""
        if len(kinds) != 1:
            raise ValueError("an index is of one corpus, or of one set of dialogues")
