"""SpeakLeash's form: `NAME.jsonl.zst` of texts with `meta`, and `NAME.manifest` about them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError, encodable, lookup, record_of
from mowa.collect.readers._json import parse
from mowa.collect.readers._jsonl import json_lines
from mowa.collect.readers._licences import with_licence
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import uncompressed

_MOST_MANIFEST_BYTES = 16 << 20

# Those of SpeakLeash's keys that have one place, and those that an export of ours adds.
_FIELDS = {
    "text_field": "text",
    "text_is_html": False,
    "id_field": "meta.doc_id",
    "url_field": "meta.url",
    "author_field": "meta.author",
    "date_field": "meta.date",
    "licence_field": "meta.licence",
}


def read_speakleash(
    path: Path, relative: str, options: ReaderOptions
) -> Iterator[Record | Skipped]:
    """One record a line, with the manifest's licence where the line has none.

    A manifest that is absent, broken, or at odds with its file (its name and size; the documents
    and their characters, where no line is broken) is refused, or counted as one
    ``manifest-disagrees`` at the end of the file, whose texts are read all the same. Manifests and
    samples are no records. The metrics in ``meta`` are not read: a corpus measures its documents
    itself.
    """
    if path.suffix in {".manifest", ".sample"}:
        yield Skipped(relative, path.suffix.removeprefix("."))
        return
    manifest, problems = _manifest(path)
    about = f"{relative}#manifest"
    if problems and options.bad_input == "refuse":
        broken(about, "manifest-disagrees", "; ".join(problems), options)
    licence = manifest.get("license")
    documents = characters = failures = 0
    fields = options.model_copy(update=_FIELDS)
    for item in json_lines(path, relative, fields, _record):
        if isinstance(item, Skipped):
            failures += 1
            yield item
            continue
        documents += 1
        characters += len(item.text or "")
        yield with_licence(item, licence)
    if not failures:
        found = {"documents": documents, "characters": characters}
        problems += _differences(lookup(manifest, "stats"), found, "stats.")
    if problems:
        yield broken(about, "manifest-disagrees", "; ".join(problems), options)


def _manifest(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What the manifest beside `path` says, and what is wrong with it."""
    name = uncompressed(path.name).removesuffix(".jsonl")
    beside = path.with_name(f"{name}.manifest")
    try:
        with beside.open("rb") as file:
            raw = file.read(_MOST_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return {}, [f"there is no {beside.name}"]
    if len(raw) > _MOST_MANIFEST_BYTES:
        return {}, [f"{beside.name} is larger than {_MOST_MANIFEST_BYTES >> 20} MiB"]
    try:
        manifest = parse(raw)
    except BrokenRecordError as error:
        return {}, [f"{beside.name}: {error.reason}, {error.detail}"]
    if not isinstance(manifest, dict):
        return {}, [f"{beside.name} is no object"]
    found: dict[str, Any] = {"name": name}
    if path.suffix == ".zst":  # the size is that of the packed file
        found["file_size"] = path.stat().st_size
    return manifest, _differences(manifest, found)


def _differences(claimed: Any, found: dict[str, Any], prefix: str = "") -> list[str]:
    """How the manifest differs from what is found; what it does not say is no difference."""
    if not isinstance(claimed, dict):
        return []
    return [
        f"{prefix}{key} is {str(claimed[key])[:60]}, found {value}"
        for key, value in found.items()
        if claimed.get(key) is not None and claimed[key] != value
    ]


def _record(value: Any, fallback: str, locator: str, options: ReaderOptions) -> Record:
    record = record_of(value, fallback, locator, options)
    meta = lookup(value, "meta")
    language = lookup(meta, "language.lang") or lookup(meta, "language")
    titles = (lookup(meta, key) for key in ("title", "topic_title", "name"))
    title = next((title for title in titles if isinstance(title, str) and title.strip()), None)
    if title is not None and title == lookup(meta, "doc_id"):  # an export that had no better name
        title = None
    return replace(
        record,
        title=None if title is None else encodable(title),
        language=encodable(language) if isinstance(language, str) and language else None,
    )
