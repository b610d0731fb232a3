"""Language packs: what is particular to a language, as TOML files beside this module."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mowa.errors import UsageError


class Threshold(BaseModel):
    """A bound on a signal, with where the number comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum: float | None = None
    maximum: float | None = None
    origin: str


class SignalBound(Threshold):
    """A bound on a column of a signal: one condition of a filter."""

    signal: str
    column: str


class PersonalDataDensity(BaseModel):
    """From how many findings of persons, and how many by 1,000 characters, a document goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    findings: int = Field(ge=1)
    density: float = Field(gt=0)
    origin: str


class LanguagePack(BaseModel):
    """What Mowa knows of one language.

    `code` is ISO 639-3, `code1` ISO 639-1; `letters` are those beyond a–z; `protected` are
    varieties (ISO 639-3) whose documents are never rejected for their language; `thresholds` are
    the default rules of the corpus step, by signal. `filters` are named lists of bounds on columns
    of signals, all of which a document must keep to; `terminal_punctuation` are the signs that end
    a line of running text, `policy_phrases` stand in notices of cookies and terms, and
    `notice_phrases` on pages that have nothing to read.
    `personal_data_density` says from how much personal data on a document goes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[a-z]{3}$")
    code1: str = Field(pattern=r"^[a-z]{2}$")
    name: str
    letters: str
    stop_words: tuple[str, ...]
    protected: tuple[str, ...] = ()
    terminal_punctuation: tuple[str, ...] = (".", "?", "!")
    policy_phrases: tuple[str, ...] = ()
    notice_phrases: tuple[str, ...] = ()
    thresholds: dict[str, Threshold]
    filters: dict[str, tuple[SignalBound, ...]] = {}
    personal_data_density: PersonalDataDensity | None = None


def available() -> list[str]:
    """Codes of the packs that are installed."""
    folder = resources.files("mowa.languages")
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


@cache
def load(code: str) -> LanguagePack:
    """The pack of the language `code` (ISO 639-3).

    Raises:
        UsageError: Where there is no such pack, or it is malformed.
    """
    if code not in available():
        raise UsageError(
            f"there is no language pack {code!r}", fix=f"choose one of: {', '.join(available())}"
        )
    text = resources.files("mowa.languages").joinpath(f"{code}.toml").read_text("utf-8")
    try:
        return LanguagePack.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise UsageError(
            f"the language pack is malformed: {error}", where=f"{code}.toml"
        ) from error
