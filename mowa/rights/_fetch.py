"""What a source's `[fetch]` table may say: how its files are brought from the network."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Form = Literal["links", "lines", "hashes", "dumpstatus"]

_GIB = 1 << 30


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Key(_Table):
    """A key that the server asks for; it stands in the environment, never in a file."""

    env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="the environment variable")
    parameter: str | None = Field(None, description="the query parameter that carries the key")
    header: str | None = Field(None, description="or the header that carries it")
    get_one: str = Field("", description="where a person gets such a key")

    @model_validator(mode="after")
    def _one_place(self) -> Key:
        if (self.parameter is None) == (self.header is None):
            raise ValueError("a key travels in a parameter or in a header: name one of the two")
        return self


class _Common(_Table):
    base: str = Field(description="address that all others are relative to; ends with /")
    values: dict[str, str] = Field({}, description="what {name} stands for in addresses")
    delay: float = Field(1.0, ge=0, le=600, description="seconds between requests to one host")
    max_file_bytes: int = Field(128 * _GIB, ge=1, description="a larger file is refused")
    max_bytes: int | None = Field(None, ge=1, description="one run fetches no more than this")
    limit: int | None = Field(None, ge=1, description="how many files, where --limit says nothing")
    refresh: Literal["check", "never"] = Field(
        "check", description="ask whether a fetched file has changed, or never ask again"
    )
    key: Key | None = Field(None, description="the key that the server asks for")

    @field_validator("base")
    @classmethod
    def _web_folder(cls, value: str) -> str:
        if not re.match(r"https?://[^\s/?#@]+/", value) or not value.endswith("/"):
            raise ValueError("a base begins with https:// or http:// and ends with /")
        if urlsplit(value).hostname is None:
            raise ValueError("a base names a host")
        return value


class FileEntry(_Table):
    """One file, with what is known of it."""

    url: str = Field(min_length=1, description="address, relative to base or whole")
    name: str | None = Field(None, min_length=1, description="path in the target folder")
    bytes: int | None = Field(None, ge=0, description="its size")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="its SHA-256")
    sha1: str | None = Field(None, pattern=r"^[0-9a-f]{40}$", description="its SHA-1")
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$", description="its MD5")


class FetchFiles(_Common):
    """A list of files."""

    kind: Literal["files"]
    files: list[FileEntry] = Field(min_length=1, description="the files")


class FetchIndex(_Common):
    """Files that a listing names.

    Forms: `links`, a page with hyperlinks; `lines`, a text of one address a line (gzip too);
    `hashes`, a text of ``HASH  NAME`` lines; `dumpstatus`, Wikimedia's dated dumps: `index` is the
    listing of dates, and the newest dump whose `job` is done is taken.
    """

    kind: Literal["index"]
    index: str = Field(description="address of the listing, relative to base")
    form: Form = Field("links", description="what the listing is")
    include: list[str] = Field(["**"], min_length=1, description="globs over paths below base")
    exclude: list[str] = Field([], description="globs of what is left out")
    url: str = Field("{path}", description="the address of an entry, from what pattern finds")
    pattern: str | None = Field(None, description="regular expression with named groups over paths")
    next_page: str | None = Field(None, description="links: glob of links to further listings")
    job: str | None = Field(None, description="dumpstatus: the job that made the files")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"this is no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _job_goes_with_its_form(self) -> FetchIndex:
        if (self.form == "dumpstatus") != (self.job is not None):
            raise ValueError('the key job goes with form = "dumpstatus", and only with it')
        return self


class Page(_Table):
    """How a list goes on: by a count in a parameter, or by a link or cursor in the answer."""

    by: Literal["number", "offset", "cursor", "link"]
    parameter: str | None = Field(None, description="the query parameter; not for link")
    first: str = Field("0", description="its first value")
    step: int = Field(1, ge=1, description="what is added for the next page")
    next: str | None = Field(None, description="path to the next link or cursor in the answer")

    @model_validator(mode="after")
    def _complete(self) -> Page:
        counted = self.by in ("number", "offset")
        if (self.by == "link") != (self.parameter is None):
            raise ValueError("parameter is for number, offset and cursor, and needed there")
        if counted != (self.next is None):
            raise ValueError("next is for cursor and link, and needed there")
        if counted and not self.first.isdigit():
            raise ValueError("first is a whole number where pages are counted")
        return self


class Level(_Table):
    """One list of an API; the fields of its items are {names} for all that follows."""

    url: str = Field(description="address of the list, relative to base")
    items: str = Field("", description="dotted path to the items; empty: the answer itself")
    item: str | None = Field(None, description="the {name} of an item that is no object")
    each: dict[str, str] = Field({}, description="name = path of a list: one item a value of it")
    where: dict[str, list[str]] = Field({}, description="path = globs that its value must match")
    page: Page | None = Field(None, description="how the list goes on")


class Document(_Table):
    """The address of an item's document."""

    url: str = Field(min_length=1, description="address with {names}, relative to base or whole")
    name: str | None = Field(None, min_length=1, description="path in the target folder")
    where: dict[str, list[str]] = Field({}, description="only for items that match")


class FetchApi(_Common):
    """Items that a JSON API lists: stored as rows, or each item's documents fetched."""

    kind: Literal["api"]
    levels: list[Level] = Field(min_length=1, max_length=4, description="lists, outermost first")
    store: Literal["rows", "documents"] = Field(description="what is kept of an item")
    documents: list[Document] = Field([], description="with store = documents: what is fetched")

    @model_validator(mode="after")
    def _stores_something(self) -> FetchApi:
        if (self.store == "documents") != bool(self.documents):
            raise ValueError('the key documents goes with store = "documents", and only with it')
        if self.store == "rows" and len(self.levels) != 1:
            raise ValueError('store = "rows" keeps the items of one list: write one level')
        return self


Fetch = Annotated[FetchFiles | FetchIndex | FetchApi, Field(discriminator="kind")]
