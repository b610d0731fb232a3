"""What a recipe says of an inventory and of the readers; free of heavy imports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mowa.workspace import StepConfig, runtime

Format = Literal[
    "arrow",
    "auto",
    "conllu",
    "epub",
    "html",
    "json",
    "jsonl",
    "markdown",
    "mediawiki",
    "opus",
    "parquet",
    "pdf",
    "rst",
    "sentences",
    "speakleash",
    "sql",
    "squad",
    "srt",
    "tei",
    "text",
    "warc",
    "wet",
    "wikiextract",
    "wolne-lektury",
    "xml",
]


class InventoryConfig(StepConfig):
    """The files of one source, as they are now.

    Where the files lie does not change what is made of them: the fingerprint holds the source's
    record and the path (relative to `path`), size and hash of every file.
    """

    source: str = Field(description="the source's name in the register")
    path: str = runtime(
        ..., "folder of the files, relative to the recipe's data folder; or s3://bucket/prefix"
    )
    include: list[str] = runtime(["**/*"], "globs of the files to take, relative to path")
    exclude: list[str] = runtime(
        ["fetched.jsonl", "**/*.part", "**/*.part.json", "**/*.bad"],
        "globs of the files to leave out; by itself, what `mowa fetch` keeps for itself",
    )
    s3_endpoint: str = runtime("", "s3://: the server's URL; else AWS_ENDPOINT_URL_S3, Amazon")
    s3_region: str = runtime("", "s3://: the bucket's region; else AWS_REGION, or it is looked up")
    s3_anonymous: bool = runtime(default=False, description="s3://: ask without credentials")


class ReaderOptions(StepConfig):
    """How files become records."""

    format: Format = Field("auto", description="format of the files; auto goes by their names")
    encoding: str = Field(
        "auto", description="text, markdown, rst: how bytes are decoded; auto goes by them"
    )
    # Formats of fields (jsonl, json, parquet, arrow, sql): `meta.url` is url in the object meta.
    text_field: str | Annotated[list[str], Field(min_length=1)] = Field(
        "text", description="field that holds the text; of several, joined by an empty line"
    )
    text_is_html: bool = Field(default=False, description="the text's field holds HTML")
    id_field: str = Field("id", description="field: the record's own id; else its line number")
    url_field: str = Field("url", description="field: the address of the page")
    title_field: str = Field("title", description="field: the title")
    author_field: str = Field("author", description="field: the author, for attribution")
    date_field: str = Field("date", description="field: the date")
    language_field: str = Field("language", description="field: the language, as declared")
    licence_field: str = Field("licence", description="field: the record's own licence")
    records_path: str = Field("", description="json: where the records are, such as data.items")
    sql_table: str = Field("", description="sql: the only table to read; else all with the text")
    max_record_bytes: int = Field(
        16 << 20, ge=1, description="a longer line, text or page is not read into memory"
    )
    split_parts: bool = Field(
        default=False, description="pages and chapters are documents of their own"
    )
    footnotes: Literal["apart", "leave_out"] = Field(
        "apart", description="TEI, Wolne Lektury: notes are a record of their own, or left out"
    )
    tmx_language: str = Field("pl", description="TMX: the language whose segments are read")
    wiki_namespaces: list[int] = Field(
        [0], description="MediaWiki: namespaces whose pages are read"
    )
    bad_input: Literal["refuse", "skip"] = Field(
        "refuse", description="broken input stops the step, or is counted and left out"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value in ("auto", "mazovia"):
            return value
        try:
            # Not every codec of Python makes text of bytes; those that do not say so themselves.
            b"a".decode(value)
        except UnicodeError:
            pass  # one that takes more bytes to a letter
        except LookupError as error:
            raise ValueError(
                f"{value!r} is no encoding; write auto, utf-8, windows-1250, iso-8859-2, cp852 …"
            ) from error
        return value
