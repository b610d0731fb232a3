"""Converters: a TOML file that says how rows of a data set become dialogues, without a model."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mowa.errors import UsageError
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue, Origin, Span
from mowa.instructions._wording import NoFieldError, at_path, check_path, filled, parsed
from mowa.instructions.importers import BadRowError, licence_of
from mowa.rights import canonical_licence
from mowa.workspace import first_problem

_AT = "at"
_ROW = ""  # the whole row, by a name that no template has
_MOST_LEVELS = 8
_MOST_BYTES = 1 << 20  # of a converter's file

_Value = str | int | float | bool
_Wordings = Annotated[tuple[str, ...], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Labels(_Table):
    """A field whose values stand for words: the words are a field of their own."""

    field: str = Field(description="the field that holds the value")
    words: dict[str, str] = Field(min_length=1, description="the word for each value")

    @field_validator("field")
    @classmethod
    def _is_path(cls, value: str) -> str:
        check_path(value)
        return value


class Stand(_Table):
    """The document of a corpus that the answer stands on, and the piece of it."""

    document: str = Field(description="the record's own key in its source, as its reader gives it")
    text: str = Field(description="the field that holds the document's text")
    quote: str | None = Field(None, description="the field with the piece; else the whole text")
    start: str | None = Field(None, description="the field that says where the piece begins")


class Case(_Table):
    """One kind of row and how it is put: a row is of the first case whose conditions it meets."""

    where: dict[str, _Value | list[_Value]] = Field({}, description="values that fields must have")
    characters: dict[str, tuple[int, int]] = Field(
        {}, description="fewest and most characters of fields"
    )
    system: tuple[str, ...] = Field((), description="wordings of what the assistant is told first")
    prompts: _Wordings = Field(description="wordings of the question; one is drawn for each row")
    answers: _Wordings = Field(description="wordings of the answer")
    span: Stand | None = Field(None, description="what the answer stands on")

    @field_validator("system", "prompts", "answers")
    @classmethod
    def _are_templates(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            parsed(value)
        return values

    @field_validator("where", "characters")
    @classmethod
    def _are_paths(cls, values: dict[str, Any]) -> dict[str, Any]:
        for path in values:
            check_path(path)
        return values


class Converter(_Table):
    """How rows of a data set become dialogues."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="of the converter")
    about: str = Field("", description="which data set, and where it is found")
    licence: str | None = Field(None, description="SPDX, of the data set")
    author: str | None = Field(None, description="of the data set")
    language: str | None = Field(None, pattern=r"^[a-z]{3}$", description="ISO 639-3")
    origin: Origin = Field("human", description="who made the answers")
    each: tuple[str, ...] = Field(
        (), description='lists to go down into, outermost first; "*" for the members of an object'
    )
    id: str = Field("", description="the row's own id; else a hash of its place")
    details: tuple[str, ...] = Field((), description="fields to keep beside the turns")
    labels: dict[str, Labels] = Field({}, description="words for values, by the name of the field")
    cases: tuple[Case, ...] = Field(min_length=1, description="kinds of rows")

    @field_validator("licence")
    @classmethod
    def _spdx(cls, value: str | None) -> str | None:
        return None if value is None else canonical_licence(value)

    @field_validator("id")
    @classmethod
    def _is_template(cls, value: str) -> str:
        parsed(value)
        return value

    @model_validator(mode="after")
    def _few_levels(self) -> Converter:
        if len(self.each) > _MOST_LEVELS:
            raise ValueError(f"each goes down at most {_MOST_LEVELS} lists")
        return self


def load_converter(named: str, data: Path) -> tuple[Converter, str]:
    """The converter that a recipe names, and the hash of its file.

    Raises:
        UsageError: Where there is none, or a key is wrong.
    """
    if named.endswith(".toml"):
        path = data / named
        where = str(path)
        try:
            raw = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        except OSError as error:
            raise UsageError(
                f"this converter cannot be read ({error.strerror})",
                where=where,
                fix="name a .toml file relative to the recipe's data folder,"
                f" or one of {', '.join(shipped())}",
            ) from error
    else:
        if named not in shipped():
            raise UsageError(
                f"there is no converter {named!r}",
                where="converter",
                fix=f"there are {', '.join(shipped())}; one of your own is named by its .toml file",
            )
        where = named
        raw = (resources.files("mowa.instructions") / "converters" / f"{named}.toml").read_bytes()
    try:
        made = Converter.model_validate(tomllib.loads(raw.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"this is not TOML in UTF-8 ({error})", where=where) from error
    except ValidationError as error:
        key, wrong = first_problem(error)
        raise UsageError(wrong, where=f"{where}: {key}" if key else where) from error
    return made, hashlib.blake2b(raw, digest_size=16).hexdigest()


def shipped() -> list[str]:
    """Names of the converters that come with Mowa."""
    folder = resources.files("mowa.instructions") / "converters"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def pieces(
    converter: Converter, value: Any, file: str, number: int
) -> Iterator[dict[str, Any] | BadRowError]:
    """The rows within a row: the members of the lists that the converter goes down into.

    A member has its own and all outer ones' fields under the names of their lists, and under `at`
    the file, the row's number and the place in each list, from 0. Where there is no such list, an
    error stands for what would be in it.
    """
    if converter.each:
        yield from _below(converter.each, value, {_ROW: value}, {"file": file, "row": number})
    elif isinstance(value, Mapping):
        yield {**value, _AT: {"file": file, "row": number}}
    else:
        yield BadRowError("the row is no object", type(value).__name__)


def member_of(converter: Converter, piece: Mapping[str, Any]) -> Any:
    """The innermost member of a piece, without all that stands around it."""
    return piece[_level(converter.each[-1])]


def convert(
    converter: Converter, row: Mapping[str, Any], base: Dialogue, seed: int
) -> tuple[Dialogue, bool]:
    """The dialogue of one row, and whether what it should stand on was not found in the text.

    The wordings are drawn by a hash of the seed and the row's id. A licence that the innermost
    member states, or else one that stands around it, is the dialogue's; where its words name none,
    it has none.

    Raises:
        BadRowError: Where the row is of none of the cases, or lacks a field.
    """
    row = {**row, **_labelled(converter, row)}
    case = next((case for case in converter.cases if _meets(case, row)), None)
    if case is None:
        raise BadRowError("left out by the converter")
    try:
        own = filled(converter.id, row) if converter.id else base.id
        turns = tuple(
            Message(role, filled(_drawn(wordings, f"{seed}/{converter.name}/{own}/{role}"), row))
            for role, wordings in (
                ("system", case.system),
                ("user", case.prompts),
                ("assistant", case.answers),
            )
            if wordings
        )
        span = _span(case.span, row, base.source) if case.span else None
    except NoFieldError as error:
        raise BadRowError("a field is missing", error.path) from error
    kept = {path: at_path(row, path) for path in converter.details}
    details = {"converter": converter.name, **{k: v for k, v in kept.items() if _is_plain(v)}}
    made = replace(
        base,
        id=own,
        messages=turns,
        licence=_licence(converter, row, base.licence),
        documents=(span,) if span else (),
        details=json.dumps(details, ensure_ascii=False),
    )
    return made, case.span is not None and span is None


def _below(
    names: tuple[str, ...], value: Any, levels: dict[str, Any], at: dict[str, Any]
) -> Iterator[dict[str, Any] | BadRowError]:
    if not names:
        yield {**levels, _AT: at}
        return
    name, *rest = names
    members = value
    if name != "*":
        members = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(members, Mapping):
        pairs = list(members.items())
    elif isinstance(members, list | tuple):
        pairs = list(enumerate(members))
    else:
        yield BadRowError("there is no such list", name)
        return
    level = _level(name)
    for key, member in pairs:
        yield from _below(tuple(rest), member, {**levels, level: member}, {**at, level: key})


def _licence(converter: Converter, row: Mapping[str, Any], of_the_set: str | None) -> str | None:
    """What the innermost member states that states any."""
    names = (*map(_level, reversed(converter.each)), _ROW)
    around = [row.get(name) for name in names] if converter.each else [row]
    stated = (licence_of(one) for one in around if isinstance(one, Mapping))
    return next((licence for licence, is_stated in stated if is_stated), of_the_set)


def _level(name: str) -> str:
    """What the members of a list are called in templates."""
    return "item" if name == "*" else name


def _labelled(converter: Converter, row: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, labels in converter.labels.items():
        value = at_path(row, labels.field)
        word = labels.words.get(str(value)) if isinstance(value, str | int) else None
        if word is None:
            raise BadRowError("unknown label", str(value)[:100])
        found |= {name: word, f"{name}_words": ", ".join(labels.words.values())}
    return found


def _meets(case: Case, row: Mapping[str, Any]) -> bool:
    for path, wanted in case.where.items():
        value = at_path(row, path)
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if not any(type(value) is type(one) and value == one for one in allowed):
            return False
    for path, (fewest, most) in case.characters.items():
        value = at_path(row, path)
        if not isinstance(value, str) or not fewest <= len(value) <= most:
            return False
    return True


def _drawn(wordings: tuple[str, ...], what: str) -> str:
    digest = hashlib.blake2b(what.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return wordings[int.from_bytes(digest) % len(wordings)]


def _span(stand: Stand, row: Mapping[str, Any], source: str | None) -> Span | None:
    """Where the piece stands in the text as a corpus has it; None where it cannot be found."""
    from mowa.corpus import document_id

    text = at_path(row, stand.text)
    if not isinstance(text, str) or not source:
        return None
    document = document_id(source, filled(stand.document, row))
    whole = _normalised(text)
    if stand.quote is None:
        return Span(document, 0, len(whole)) if whole else None
    quote, start = at_path(row, stand.quote), at_path(row, stand.start or "")
    if not isinstance(quote, str) or not _normalised(quote):
        return None
    piece = _normalised(quote)
    begins = 0
    if isinstance(start, int) and 0 <= start <= len(text):
        begins = len(_normalised(text[:start]))
    at = whole.find(piece, begins)
    # Of what lies before, white space at the end was dropped; nothing else may lie between.
    if at < 0 or (stand.start is not None and whole[begins:at].strip()):
        return None
    return Span(document, at, at + len(piece))


@lru_cache(maxsize=64)
def _normalised(text: str) -> str:
    """As a corpus has it; of a text with many questions, once."""
    import polars as pl

    from mowa.corpus._normalise import normalised, without_surrogates

    plain = without_surrogates(text)[0]
    return str(pl.DataFrame({"text": [plain]}).select(normalised(pl.col("text"))).item())


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | bool) and value != ""
