"""Files to records, one format a module; every input record gives one `Record` or one `Skipped`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._records import Record, Skipped
from mowa.collect.readers._streams import uncompressed
from mowa.errors import DataError, UsageError

Reader = Callable[[Path, str, ReaderOptions], Iterator[Record | Skipped]]

# Formats by name: the module that reads it. A module is imported when its format is met.
_READERS = {
    "arrow": "_arrow:read_arrow",
    "conllu": "_conllu:read_conllu",
    "epub": "_epub:read_epub",
    "html": "_html:read_html",
    "json": "_json_records:read_json",
    "jsonl": "_jsonl:read_jsonl",
    "markdown": "_markdown:read_markdown",
    "mediawiki": "_mediawiki:read_mediawiki",
    "opus": "_opus:read_opus",
    "parquet": "_parquet:read_parquet",
    "pdf": "_pdf:read_pdf",
    "rst": "_rst:read_rst",
    "sentences": "_sentences:read_sentences",
    "speakleash": "_speakleash:read_speakleash",
    "sql": "_sql:read_sql",
    "squad": "_squad:read_squad",
    "srt": "_srt:read_srt",
    "tei": "_tei:read_tei",
    "text": "_text:read_text",
    "warc": "_warc:read_warc",
    "wet": "_wet:read_wet",
    "wikiextract": "_wikiextract:read_wikiextract",
    "wolne-lektury": "_wolne_lektury:read_wolne_lektury",
    "xml": "_xml:read_xml",
}

_SUFFIXES = {
    ".arrow": "arrow",
    ".conllu": "conllu",
    ".epub": "epub",
    ".feather": "arrow",
    ".htm": "html",
    ".html": "html",
    ".json": "squad",
    ".jsonl": "jsonl",
    ".markdown": "markdown",
    ".md": "markdown",
    ".parquet": "parquet",
    ".pdf": "pdf",
    ".rst": "rst",
    ".sql": "sql",
    ".srt": "srt",
    ".tmx": "opus",
    ".txt": "text",
    ".warc": "warc",
    ".wet": "wet",
    ".xhtml": "html",
    ".xml": "xml",
}

# What `datasets` writes beside its Arrow files.
_NAMES = dict.fromkeys(("dataset_dict.json", "dataset_info.json", "state.json"), "arrow")

_UNPACKED = {"arrow", "parquet"}  # compressed inside, if at all
_PLAIN_OR_GZIP = {"warc", "wet"}  # a record in zstd or bzip2 could not be found by its place


def read_file(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """Yield every record of one file, in its order.

    Under ``split_parts`` a record that has parts is one record for each of them.

    Args:
        path: The file.
        relative: Its path relative to its source's folder, with slashes; begins every locator.
        options: Format, field names, limits, and what to do with broken input.

    Raises:
        UsageError: Where the format cannot be told from the file's name.
        DataError: Where the file may not be read or is not of its format at all; and where
            anything in it is broken, unless ``bad_input = "skip"``.
    """
    module, _, function = _READERS[format_of(relative, options)].partition(":")
    reader: Reader = getattr(import_module(f"{__name__}.{module}"), function)
    try:
        for item in reader(path, relative, options):
            if options.split_parts and isinstance(item, Record) and item.parts:
                yield from _split(item)
            else:
                yield item
    except OSError as error:
        fix = "put it back" if isinstance(error, FileNotFoundError) else "see that it can be read"
        raise DataError(
            f"this file cannot be read: {error.strerror or error}",
            where=str(path),
            fix=f"{fix}, or leave it out with the inventory's exclude",
        ) from error


def format_of(relative: str, options: ReaderOptions) -> str:
    """The format that `relative` is read as, such as ``text`` or ``warc``.

    Raises:
        UsageError: Under ``format = "auto"``, where the name says nothing.
    """
    if options.format != "auto":
        return options.format
    found = _NAMES.get(Path(relative).name) or _SUFFIXES.get(
        Path(uncompressed(relative)).suffix.lower()
    )
    packed = relative.removeprefix(uncompressed(relative))
    if (found in _UNPACKED and packed) or (found in _PLAIN_OR_GZIP and packed not in {"", ".gz"}):
        found = None
    if found is None:
        known = ", ".join(_SUFFIXES)
        raise UsageError(
            "the name of this file does not say what its format is",
            where=relative,
            fix=f"known are {known} (those of lines and of text also with .gz, .zst, .bz2 or .xz,"
            " .warc and .wet with .gz); name the format in reader.format, or leave the file out"
            " with the inventory's exclude",
        )
    return found


def _split(record: Record) -> Iterator[Record]:
    """One record a part: its place is added to key and locator."""
    for part in record.parts:
        sign = "&" if "#" in record.locator else "#"
        yield replace(
            record,
            key=f"{record.key}#{part.label}",
            locator=f"{record.locator}{sign}{part.label}",
            text=part.text,
            parts=(),
        )
