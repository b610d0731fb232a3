"""A source: where text comes from, who holds it, and why it may be used; one TOML file each."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mowa.errors import DataError, UsageError
from mowa.rights._fetch import Fetch
from mowa.rights._licence import NOASSERTION, canonical_licence

LegalBasis = Literal[
    "public_domain",
    "official_text",
    "open_licence",
    "agreement",
    "consent",
    "tdm_art26_3",
    "research_art26_2",
]
"""Why the text may be used.

`official_text`: article 4 of the Polish Act on Copyright (normative acts and official documents).
`tdm_art26_3`, `research_art26_2`: its articles 26³ (text and data mining unless reserved; article 4
of Directive (EU) 2019/790) and 26² (mining by research organisations and heritage institutions).
"""

Release = Literal["open", "research"]
"""`open`: may stand in what is published for any use; `research`: only in research builds."""

# Whoever mines a text under an exception need not know its licence; every other basis is one, or
# rests on one.
_WITHOUT_LICENCE = ("tdm_art26_3", "research_art26_2")

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


class Source(BaseModel):
    """A place that text comes from, as a steward registers it in ``sources/NAME.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: str = Field(description="the file's name without .toml")
    title: str = Field(min_length=1, description="what it is called")
    holder: str = Field(min_length=1, description="who holds the rights, or publishes the text")
    url: str | None = Field(None, description="where it is found")
    licence: str = Field(description="SPDX expression, LicenseRef-NAME, or NOASSERTION")
    legal_basis: LegalBasis = Field(description="why the text may be used")
    agreement: str | None = Field(
        None, min_length=1, description="which agreement; with legal_basis agreement, only then"
    )
    release: Release = Field(description="open, or research")
    attribution: str = Field("", description="the words that the licence asks to be shown")
    language: str | None = Field(None, pattern=r"^[a-z]{3}$", description="ISO 639-3")
    collected_at: str = Field(description="day of collection, YYYY-MM-DD")
    collected_how: str = Field(min_length=1, description="how the text was obtained")
    notes: str = Field("", description="anything else that a reader should know")
    reader: dict[str, Any] = Field({}, description="which reader reads it, for a recipe to copy")
    fetch: Fetch | None = Field(None, description="how its files are brought from the network")

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                "a name is lower-case letters, digits and hyphens, as in wolne-lektury"
            )
        return value

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^\s/]", value):
            raise ValueError("a url begins with https:// or http://")
        return value

    @field_validator("licence")
    @classmethod
    def _spdx(cls, value: str) -> str:
        return canonical_licence(value)

    @field_validator("collected_at", mode="before")
    @classmethod
    def _iso_date(cls, value: Any) -> Any:
        """TOML has dates of its own: `2026-05-01` without quotes is as good as with them."""
        if isinstance(value, datetime):
            value = value.date()
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value).isoformat()
        raise ValueError("a day is written YYYY-MM-DD")

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        if (self.legal_basis == "agreement") != (self.agreement is not None):
            raise ValueError(
                'the key agreement goes with legal_basis = "agreement", and only with it'
            )
        if self.licence == NOASSERTION and self.legal_basis not in _WITHOUT_LICENCE:
            raise ValueError(
                f'legal_basis = "{self.legal_basis}" needs a licence; NOASSERTION is for '
                + " and ".join(_WITHOUT_LICENCE)
            )
        if self.legal_basis == "research_art26_2" and self.release != "research":
            raise ValueError('legal_basis = "research_art26_2" allows only release = "research"')
        return self


def available_sources(folder: Path) -> list[str]:
    """Names of the sources that stand in `folder`, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml") if not path.name.startswith("."))


def shipped_register() -> Path | None:
    """The register that comes with Mowa: ready sources to copy from; None where it is left out."""
    here = Path(__file__).resolve()
    for folder in (here.parent / "register", here.parents[2] / "sources"):
        if (folder / "wolne-lektury.toml").is_file():
            return folder
    return None


def load_source(folder: Path, name: str) -> Source:
    """Read the source `name` from the register in `folder`.

    Raises:
        UsageError: Where there is no such source or a key is wrong: file, key and the way out.
        DataError: Where the file may not be read.
    """
    path = folder / f"{name}.toml"
    if not _NAME.fullmatch(name):
        raise _no_such_source(folder, name)
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise _no_such_source(folder, name) from error
    except OSError as error:
        raise DataError(
            f"this source cannot be read ({error.strerror})",
            where=str(path),
            fix="make the file readable for the user who runs this",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"this is not TOML in UTF-8 ({error})", where=str(path)) from error
    if values.setdefault("name", name) != name:
        raise UsageError(
            f"the file is called {name}.toml but its name is {values['name']!r}",
            where=f"{path}: name",
            fix="make the two the same, or leave the key name out",
        )
    try:
        return Source.model_validate(values)
    except ValidationError as error:
        raise _explained(error, path) from error


def _no_such_source(folder: Path, name: str) -> UsageError:
    known = available_sources(folder)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        fix = f"did you mean {near[0]}?"
    elif known:
        fix = f"registered are: {', '.join(known)}"
    else:
        fix = f"register it: write {folder / (name if _NAME.fullmatch(name) else 'NAME')}.toml"
    return UsageError(f"there is no source {name!r} in the register", where=str(folder), fix=fix)


def _explained(error: ValidationError, path: Path) -> UsageError:
    """All that is wrong with a source in one message; the way out of the first mistake."""
    mistakes = [_mistake(dict(item)) for item in error.errors(include_url=False)]
    what = "; ".join(f"{key}: {text}" if key else text for key, text, _ in mistakes)
    fix = next((fix for _, _, fix in mistakes if fix), None)
    return UsageError(f"this source is not complete or not right: {what}", where=str(path), fix=fix)


def _mistake(item: dict[str, Any]) -> tuple[str, str, str | None]:
    key = ".".join(str(part) for part in item["loc"])
    fields = Source.model_fields
    if len(item["loc"]) > 1:  # within a table: its own keys are not those of a source
        return key, item["msg"].removeprefix("Value error, "), None
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, fields, n=1)
        return (
            key,
            "unknown key",
            (f"did you mean {near[0]}?" if near else f"keys are: {', '.join(fields)}"),
        )
    if item["type"] == "missing":
        return key, "missing", f"add the key {key}: {fields[key].description}"
    if item["type"] == "literal_error" and isinstance(item["input"], str):
        near = difflib.get_close_matches(str(item["input"]), _choices(item), n=1)
        return (
            key,
            f"{item['input']!r} is none of {item['ctx']['expected']}",
            (f'did you mean {key} = "{near[0]}"?' if near else None),
        )
    text = item["msg"].removeprefix("Value error, ")
    known = key in fields
    return key, text, f"{key} is {fields[key].description}" if known else None


def _choices(item: dict[str, Any]) -> list[str]:
    return re.findall(r"'([^']+)'", item["ctx"]["expected"])
