"""What a reader yields: a record that may become a document, or the reason why one cannot."""

from __future__ import annotations

from dataclasses import dataclass

from mowa.collect._config import ReaderOptions
from mowa.errors import DataError


@dataclass(frozen=True, slots=True)
class Part:
    """A place inside a record that has a name of its own: a page, a chapter.

    Attributes:
        label: What it is called in locators: ``page=3``, ``chapter=12``; no ``#``, ``&`` or space.
        text: Its text.
        runs_on: Its first line goes on with the sentence at the end of the part before it (a page
            break), so the two are joined with a space and not with an empty line.
    """

    label: str
    text: str
    runs_on: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record that may become a document: by its `text`, its `parts`, or its `html`.

    Attributes:
        key: The record's own key within its source, the same however the file is compressed:
            WARC-Record-ID, the record's id, or the file's path, with ``#line`` where it holds many.
        locator: Where it lies: ``web/a.warc.gz#offset=1234&record=<urn:uuid:…>``,
            ``n.jsonl.zst#line=12``, ``a.txt``, ``data.json#paragraph=3/1``.
        text: Its text; None for HTML, and where it has parts.
        parts: Its text in parts, in order, where it has pages or chapters that locators name.
        html: The page as it was served, HTTP transfer and content encodings undone.
        encoding: The charset that the HTTP header claims.
        captured: When a crawler fetched it, which is the latest that it can be of.
        notes: What was done to it on the way in, each a short word in kebab-case that is counted:
            ``decoded-windows-1250``, ``repaired-double-utf-8``.
    """

    key: str
    locator: str
    text: str | None
    html: bytes | None = None
    encoding: str | None = None
    url: str | None = None
    title: str | None = None
    author: str | None = None
    date: str | None = None
    captured: str | None = None
    language: str | None = None
    licence: str | None = None
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """One record that cannot become a document; `reason` is a short word in kebab-case."""

    locator: str
    reason: str
    detail: str = ""


_WHAT = {
    "corrupt-arrow": "the Arrow data are damaged",
    "corrupt-bz2": "the bzip2 data are damaged",
    "corrupt-gzip": "the gzip data are damaged",
    "corrupt-parquet": "the Parquet data are damaged",
    "corrupt-xz": "the xz data are damaged",
    "corrupt-zstd": "the zstd data are damaged",
    "damaged-chapter": "a chapter of the book cannot be read",
    "decompression-bomb": "the compressed data grow more than a thousandfold",
    "empty-warc": "the file holds no record",
    "invalid-conllu": "this is not valid CoNLL-U",
    "invalid-epub": "this is not a valid EPUB",
    "invalid-id": "the record's id is neither text nor a whole number",
    "invalid-json": "this is not valid JSON",
    "invalid-pdf": "this is not a PDF file that can be read",
    "invalid-sentence": "the line is no number, tab and sentence",
    "invalid-sql": "the row is not read",
    "invalid-utf-8": "the text is not valid UTF-8",
    "invalid-warc-record": "this is not a valid WARC record",
    "invalid-xml": "this is not valid XML",
    "manifest-disagrees": "the manifest does not fit its file",
    "no-text-field": "the record has no text",
    "outside-article": "the line belongs to no article",
    "record-too-large": "the record is larger than max_record_bytes",
    "truncated-arrow": "the Arrow data end too early",
    "truncated-bz2": "the bzip2 data end too early",
    "truncated-gzip": "the gzip data end too early",
    "truncated-parquet": "the Parquet data end too early",
    "truncated-sql": "the dump ends within a statement",
    "truncated-warc": "the file ends in the middle of a record",
    "truncated-xml": "the XML ends too early",
    "truncated-xz": "the xz data end too early",
    "truncated-zstd": "the zstd data end too early",
    "unclosed-article": "the file ends in the middle of an article",
    "undecodable": "the text is not in the encoding that reader.encoding names",
    "unknown-columns": "nothing says which columns the table has",
    "unreadable-value": "the row holds a value that cannot be read",
    "window-too-large": "the compressed data ask for more than 128 MiB of memory",
    "xml-entities": "the XML has entities of its own, which could read files or fill the memory",
}

_FIX = {
    "decompression-bomb": "if the file is what you take it for, unpack it yourself",
    "invalid-pdf": "fetch the file again",
    "invalid-utf-8": "convert the file (`iconv -f WINDOWS-1250 -t UTF-8`), or name its encoding in"
    " reader.encoding",
    "manifest-disagrees": "fetch both files again",
    "no-text-field": "name the right field in reader.text_field",
    "record-too-large": "raise reader.max_record_bytes",
    "truncated-arrow": "fetch the file again",
    "truncated-bz2": "fetch the file again",
    "truncated-gzip": "fetch the file again",
    "truncated-parquet": "fetch the file again",
    "truncated-sql": "fetch the file again",
    "truncated-warc": "fetch the file again",
    "truncated-xml": "fetch the file again",
    "truncated-xz": "fetch the file again",
    "truncated-zstd": "fetch the file again",
    "unclosed-article": "fetch the file again",
    "undecodable": "name another in reader.encoding",
    "unknown-columns": "make the dump anew with column names",
    "window-too-large": "pack it anew without `--long` or a larger dictionary",
    "xml-entities": "expand them if you trust the file (`xmllint --noent --dropdtd --nonet`)",
}


def broken(locator: str, reason: str, detail: str, options: ReaderOptions) -> Skipped:
    """What to do with broken input: the `Skipped` that counts it, or a refusal.

    Raises:
        DataError: Under ``bad_input = "refuse"``.
    """
    if options.bad_input == "skip":
        return Skipped(locator, reason, detail)
    first = _FIX.get(reason, "repair the file")
    raise DataError(
        f"{_WHAT[reason]} ({detail})" if detail else _WHAT[reason],
        where=locator,
        fix=f"{first}, or leave such records out and count them:"
        ' `--set steps.<documents step>.reader.bad_input="skip"`',
    )
