"""What a recipe says of documents, signals and the corpus; free of heavy imports."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mowa.collect import ReaderOptions
from mowa.workspace import StepConfig, runtime


class Triage(StepConfig):
    """Which pages a costly extractor is spared; the fast one's text decides, and is kept."""

    characters: int = Field(
        0, ge=0, description="fewer characters than this in the fast extractor's text"
    )
    languages: list[str] = Field(
        [],
        description="ISO 639-3: the fast extractor's text is surely in none of these, nor in a"
        " protected variety; empty for any",
    )

    @field_validator("languages")
    @classmethod
    def _are_codes(cls, value: list[str]) -> list[str]:
        for code in value:
            if not (len(code) == 3 and code.isascii() and code.isalpha() and code.islower()):
                raise ValueError(f"{code!r} is no code of ISO 639-3, such as pol")
        return sorted(set(value))


class DocumentsConfig(StepConfig):
    """How records become documents."""

    reader: ReaderOptions = Field(ReaderOptions(), description="how files become records")
    main_content: bool = Field(
        default=True,
        description="HTML: leave out navigation, comments and the like; false takes all text",
    )
    extraction: Literal["fast", "learned", "exact"] = Field(
        "learned",
        description="HTML: what tells main content, resiliparse (fast), boosted trees over its"
        " blocks (learned) or trafilatura (exact)",
    )
    markup: Literal["text", "markdown"] = Field(
        "text", description="HTML: headings, lists, tables and code as plain text or as Markdown"
    )
    triage: Triage = Field(
        Triage(), description="HTML: pages that the learned and the exact extractor are spared"
    )


class SignalsConfig(StepConfig):
    """What is measured of each document."""

    measure: list[str] = Field(
        [
            "counts",
            "language",
            "duplicates",
            "gopher",
            "c4",
            "fineweb",
            "composition",
            "notice",
            "boilerplate",
            "templated",
            "personal_data",
        ],
        description="names of the signals; several steps may measure different ones",
    )
    language_characters: int = Field(
        2_000,
        ge=100,
        le=100_000,
        description="the language is identified on so many characters from the start",
    )
    word_lists: dict[str, str] = runtime(
        {},
        "files of words and phrases whose hits are counted, by name, relative to the recipe's data"
        " folder; names and content are in the fingerprint, where the files lie is not",
    )

    @field_validator("word_lists")
    @classmethod
    def _names_of_columns(cls, lists: dict[str, str]) -> dict[str, str]:
        for name in lists:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(
                    f"{name[:50]!r} is no name for a list: take up to 40 lower-case letters,"
                    " digits and underscores, a letter first"
                )
        return lists


class PersonalDataDensity(StepConfig):
    """From how much personal data of persons on a document goes; both must be reached."""

    findings: int | None = Field(None, ge=1, description="so many findings in the document")
    density: float | None = Field(None, gt=0, description="so many by 1,000 characters")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.findings is None) != (self.density is None):
            raise ValueError("write both findings and density, or {} for no such rule")
        return self


class Bounds(StepConfig):
    """What a signal may be; both bounds belong to the range; neither switches the rule off."""

    minimum: float | None = Field(None, description="the least value that is kept")
    maximum: float | None = Field(None, description="the greatest value that is kept")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class HoldOut(StepConfig):
    """Documents to set aside for evaluation; all that is given must hold."""

    source: str | None = Field(None, description="name of the source")
    author: str | None = Field(None, description="words that the author's name has, in any order")
    years: tuple[int, int] | None = Field(
        None, description="first and last year; the year is the first four digits of the date"
    )

    @field_validator("years", mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        """TOML has lists, no tuples."""
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.source is None and self.author is None and self.years is None:
            raise ValueError("name a source, an author or years")
        if self.author is not None and not any(map(str.isalnum, self.author)):
            raise ValueError(f"there is no word in the author {self.author!r}")
        if self.years is not None and self.years[0] > self.years[1]:
            raise ValueError(f"the years {self.years[0]} to {self.years[1]} are in no order")
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
    filters: list[str] | None = Field(
        None, description="filters of the language pack that are applied; without it, all of them"
    )
    minimum_protected_confidence: float = Field(
        0.1,
        gt=0,
        le=1,
        description="how likely a protected variety must be for a document to be set apart",
    )
    personal_data_density: PersonalDataDensity | None = Field(
        None,
        description="from how much personal data on a document goes, in the place of the language"
        " pack's; {} switches the rule off",
    )
    keep_classes: dict[str, list[str]] = Field(
        {},
        description="classes of documents that are kept, by the signal that gives them, such as"
        " classifier_quality",
    )
    cut_lines: list[Literal["boilerplate", "c4"]] = Field(
        ["boilerplate"],
        description="lines to cut from kept texts: those that a host repeats on its pages, and"
        " those that C4's rules take out",
    )
    personal_data: dict[str, Literal["placeholder", "mask", "keep"]] = Field(
        {}, description="what becomes of personal data in kept texts, by kind, over the defaults"
    )
    release: Literal["open", "research"] | None = Field(
        None, description="open: refuse documents that are for research only"
    )
    near_duplicates: bool = Field(
        default=True, description="keep one of texts that are nearly the same"
    )
    priority: list[str] = Field(
        [],
        description="sources whose copy stays where several have the text, the best first; then the"
        " freer licence, the longer text",
    )
    host_documents: int | None = Field(
        None, ge=1, description="how many documents of one host are kept at most"
    )
    held_out: float = Field(
        0.05, ge=0, lt=1, description="share of the kept documents set aside for evaluation"
    )
    hold_out: list[HoldOut] = Field(
        [],
        description="documents set aside besides, by source, author or years, with every copy",
    )
    seed: int = Field(0, description="which documents are held out")

    @model_validator(mode="after")
    def _holds_out_something(self) -> Self:
        if self.held_out == 0 and not self.hold_out:
            raise ValueError("held_out = 0 leaves nothing to evaluate on; write some hold_out")
        return self
