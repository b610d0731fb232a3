"""What a recipe says of documents, signals and the corpus; free of heavy imports."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mowa.collect import ReaderOptions
from mowa.workspace import StepConfig


class DocumentsConfig(StepConfig):
    """How records become documents."""

    reader: ReaderOptions = Field(ReaderOptions(), description="how files become records")
    main_content: bool = Field(
        default=True,
        description="HTML: leave out navigation, comments and the like; false takes all text",
    )


class SignalsConfig(StepConfig):
    """What is measured of each document."""

    language_characters: int = Field(
        2_000, ge=100, description="the language is identified on so many characters from the start"
    )


class Bounds(StepConfig):
    """What a signal may be; both bounds belong to the range; neither switches the rule off."""

    minimum: float | None = Field(None, description="the least value that is kept")
    maximum: float | None = Field(None, description="the greatest value that is kept")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class CorpusConfig(StepConfig):
    """What is kept."""

    thresholds: dict[str, Bounds] = Field(
        {},
        description="bounds by signal in the place of the language pack's; {} switches one off",
    )
    minimum_language_confidence: float = Field(
        0.5, ge=0, le=1, description="how sure the identifier must be of the corpus's language"
    )
    held_out: float = Field(
        0.05, gt=0, lt=1, description="share of the kept documents set aside for evaluation"
    )
    seed: int = Field(0, description="which documents are held out")
