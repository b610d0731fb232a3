"""What a recipe says of an inventory and of the readers; free of heavy imports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mowa.workspace import StepConfig, runtime

Format = Literal["auto", "text", "jsonl", "warc", "squad"]


class InventoryConfig(StepConfig):
    """The files of one source, as they are now.

    Where the files lie does not change what is made of them: the fingerprint holds the source's
    record and the path (relative to `path`), size and hash of every file.
    """

    source: str = Field(description="the source's name in the register")
    path: str = runtime(..., "folder of the files, relative to the recipe's data folder")
    include: list[str] = runtime(["**/*"], "globs of the files to take, relative to path")
    exclude: list[str] = runtime(
        ["fetched.jsonl", "**/*.part", "**/*.part.json", "**/*.bad"],
        "globs of the files to leave out; by itself, what `mowa fetch` keeps for itself",
    )


class ReaderOptions(StepConfig):
    """How files become records."""

    format: Format = Field("auto", description="format of the files; auto goes by their names")
    text_field: str = Field("text", description="JSONL: the field that holds the text")
    id_field: str = Field("id", description="JSONL: the record's own id; else its line number")
    url_field: str = Field("url", description="JSONL: the address of the page")
    title_field: str = Field("title", description="JSONL: the title")
    author_field: str = Field("author", description="JSONL: the author, for attribution")
    date_field: str = Field("date", description="JSONL: the date")
    language_field: str = Field("language", description="JSONL: the language, as declared")
    licence_field: str = Field("licence", description="JSONL: the record's own licence")
    max_record_bytes: int = Field(
        16 << 20, ge=1, description="a longer line, text or page is not read into memory"
    )
    split_parts: bool = Field(
        default=False, description="pages and chapters are documents of their own"
    )
    bad_input: Literal["refuse", "skip"] = Field(
        "refuse", description="broken input stops the step, or is counted and left out"
    )
