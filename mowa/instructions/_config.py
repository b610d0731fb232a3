"""What a recipe says of dialogues that come in; free of heavy imports."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mowa.instructions._dialogue import Origin
from mowa.rights import canonical_licence
from mowa.workspace import StepConfig, runtime

Format = Literal[
    "auto",
    "mowa",
    "oasst-trees",
    "oasst-messages",
    "allamo-dpo",
    "preferences",
    "messages",
    "sharegpt",
    "speakleash",
    "alpaca",
]


class DialoguesConfig(StepConfig):
    """How rows of files become dialogues.

    What a row says of itself counts first, then what stands here, then the converter, then the
    inventory's source.
    """

    format: Format = Field("auto", description="form of the rows; auto goes by each file's fields")
    converter: str = runtime(
        "",
        "in the place of a form: a converter that comes with Mowa, by name, or a .toml file"
        " relative to the recipe's data folder; its content is in the fingerprint, where it lies"
        " is not",
    )
    origin: Origin | None = Field(
        None, description="who made the answers: human, generated (a model) or translated (by one)"
    )
    licence: str | None = Field(None, description="SPDX expression, or LicenseRef-NAME")
    source: str | None = Field(
        None, description="the source's name in the register; else the inventory's"
    )
    author: str | None = Field(None, min_length=1, description="person or body to name")
    model: str | None = Field(None, min_length=1, description="that generated or translated them")
    language: str | None = Field(None, description="ISO 639-3; else it is identified")
    require_licence: bool = Field(default=False, description="rows without a licence are rejected")
    languages: list[str] = Field(
        [], description="ISO 639-3: what is surely in none of these is rejected; empty for any"
    )
    minimum_language_confidence: float = Field(
        0.5, ge=0, le=1, description="how sure the identifier must be, to reject or to name"
    )
    language_characters: int = Field(
        2_000, ge=100, le=100_000, description="so many letters are looked at, answers first"
    )
    personal_data: Literal["mask", "reject", "keep"] = Field(
        "mask", description="personal data: placeholders stand for them, or the row is rejected"
    )
    near_duplicates: bool = Field(
        default=True, description="also reject what is nearly the same in question and answer"
    )
    turn_characters: int = Field(100_000, ge=1, description="longest turn")
    turns: int = Field(1_000, ge=1, description="most turns")
    max_row_bytes: int = Field(16 << 20, ge=1, description="a longer row is not read into memory")
    seed: int = Field(0, description="converter: which wordings are drawn")

    @field_validator("licence")
    @classmethod
    def _spdx(cls, value: str | None) -> str | None:
        return None if value is None else canonical_licence(value)

    @field_validator("language", "languages")
    @classmethod
    def _are_codes(cls, value: str | list[str] | None) -> str | list[str] | None:
        for code in [value] if isinstance(value, str) else value or []:
            if not (len(code) == 3 and code.isascii() and code.isalpha() and code.islower()):
                raise ValueError(f"{code!r} is no code of ISO 639-3, such as pol")
        return sorted(set(value)) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _one_way_to_read(self) -> Self:
        if self.converter and self.format != "auto":
            raise ValueError("a converter reads rows of its own: leave format or converter out")
        return self
