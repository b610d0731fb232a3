"""Bringing in others' datasets: files checked and copied whole, a source to fill in, a recipe."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mowa.collect import ReaderOptions, Skipped, read_file
from mowa.corpus.catalogue._mirror import CATALOGUE, read_catalogue
from mowa.errors import DataError, UsageError
from mowa.rights import canonical_licence
from mowa.workspace import digest, link_or_copy, write_text

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_TABULAR = {".parquet": "parquet", ".jsonl": "jsonl", ".zst": "jsonl", ".gz": "jsonl"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What was brought in: its folder, the source to fill in, and the steps that read it."""

    form: str
    folder: Path
    source: Path
    recipe: str
    documents: int
    characters: int
    skipped: int


def bring_in(
    path: Path, name: str, *, data: Path, sources: Path, day: str, force: bool = False
) -> Imported:
    """Check a dataset, copy its files byte for byte, and write what Mowa needs to read it.

    Args:
        path: ``NAME.manifest`` or ``NAME.jsonl.zst`` of SpeakLeash's form; a folder in the layout
            of Hugging Face datasets; a Parquet or JSON Lines file.
        name: The name of the source to be.
        data: The folder of data: the files come into its ``NAME/``.
        sources: The register: ``NAME.toml`` is written there, with what is known of its rights.
        day: The day of collection, YYYY-MM-DD.
        force: Write over what is there.

    Raises:
        UsageError: Where the dataset is damaged, at odds with its manifest or its catalogue, or
            something of that name is there.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a source", fix="as in wolne-lektury")
    form, files = _files(path)
    target, record = data / name, sources / f"{name}.toml"
    there = [str(item) for item in (target, record) if item.exists()]
    if there and not force:
        raise UsageError(f"{' and '.join(there)} is there already", fix="take another --name")
    _check_catalogue(files)
    documents, characters, skipped = _measure(form, files)
    manifest = _manifest(files)
    # The record comes last: what has one is whole.
    for relative, file in files.items():
        link_or_copy(file, target / relative)
    write_text(record, _record(path, manifest, day, form))
    recipe = (
        f'[steps.{name}]\ndoes = "inventory"\nsource = "{name}"\npath = "{name}"\n\n'
        f'[steps.documents]\ndoes = "documents"\nreads = "{name}"\n'
        + (f'reader.format = "{form}"\n' if form == "speakleash" else "")
    )
    return Imported(form, target, record, recipe, documents, characters, skipped)


def _files(path: Path) -> tuple[str, dict[str, Path]]:
    """The form of a dataset, and its files by where they come to lie."""
    if path.is_dir():
        found = sorted(path.glob("data/*.parquet")) or sorted(path.glob("*.parquet"))
        if not found:
            raise UsageError("there is no Parquet file here, nor in data/", where=str(path))
        return "parquet", {file.name: file for file in found}
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    name = path.name.removesuffix(".manifest").removesuffix(".jsonl.zst")
    beside = path.with_name(f"{name}.manifest")
    if path.suffix == ".manifest" or (path.name.endswith(".jsonl.zst") and beside.is_file()):
        files = [path.with_name(f"{name}{end}") for end in (".jsonl.zst", ".manifest", ".sample")]
        if not files[0].is_file():
            raise UsageError(f"there is no {files[0].name} beside it", where=str(path))
        return "speakleash", {file.name: file for file in files if file.is_file()}
    if path.suffix not in _TABULAR:
        raise UsageError(
            "this is none of the forms that are known",
            where=str(path),
            fix="give NAME.manifest, a folder of Parquet files, a .parquet or a .jsonl(.zst) file",
        )
    return _TABULAR[path.suffix], {path.name: path}


def _check_catalogue(files: dict[str, Path]) -> None:
    """Where a catalogue lies beside the files, they must be those that it names."""
    for file in files.values():
        if not (file.parent / CATALOGUE).is_file():
            return
        for entry in read_catalogue(file.parent):
            if file.name != f"{entry['name']}.jsonl.zst":
                continue
            if entry.get("blake2b") not in {None, digest(file)}:
                raise UsageError(
                    "the file has other bytes than its catalogue says",
                    where=str(file),
                    fix="download it again",
                )


def _measure(form: str, files: dict[str, Path]) -> tuple[int, int, int]:
    """Documents, characters and records skipped, as the readers see them; ids are never summed."""
    options = ReaderOptions.model_validate({"format": form, "bad_input": "skip"})
    documents = characters = skipped = 0
    for relative, file in files.items():
        if file.suffix in {".manifest", ".sample"}:
            continue
        try:
            for item in read_file(file, relative, options):
                if not isinstance(item, Skipped):
                    documents += 1
                    characters += len(item.text or "")
                    continue
                if item.reason == "manifest-disagrees":
                    raise UsageError(
                        f"the manifest disagrees: {item.detail}",
                        where=str(file),
                        fix="download the dataset again; both files must be of one time",
                    )
                skipped += 1
        except (DataError, OSError) as error:
            raise UsageError(f"this cannot be read: {error}", where=str(file)) from error
    if not documents:
        raise UsageError(
            "there is no document in it",
            where=str(next(iter(files.values()))),
            fix="its texts must be in a column or field text",
        )
    return documents, characters, skipped


def _manifest(files: dict[str, Path]) -> dict[str, Any]:
    for relative, file in files.items():
        if relative.endswith(".manifest"):
            found = json.loads(file.read_text("utf-8"))
            return found if isinstance(found, dict) else {}
    return {}


def _record(path: Path, manifest: dict[str, Any], day: str, form: str) -> str:
    """A source that is right in form and careful in substance: a steward has to complete it."""
    told = manifest.get("license")
    try:
        licence = canonical_licence(told) if isinstance(told, str) and told else "NOASSERTION"
    except ValueError:
        licence = "NOASSERTION"
    places = manifest.get("sources")
    first = places[0] if isinstance(places, list) and places and isinstance(places[0], dict) else {}
    url = first.get("url")
    lines = {
        "title": str(manifest.get("description") or manifest.get("name") or path.name)[:300],
        "holder": str(first.get("name") or "To be filled in")[:300],
        **({"url": url} if isinstance(url, str) and re.match(r"https?://\S+$", url) else {}),
        "licence": licence,
        # Until a steward has looked, no more is claimed than what the law allows everyone.
        "legal_basis": "tdm_art26_3",
        "release": "research",
        "collected_at": day,
        "collected_how": f"Imported from {path.name}",
        "notes": f"Look at the rights, then set legal_basis and release. Licence as told: {told}.",
    }
    # A JSON string without lone surrogates and DEL is a TOML string.
    written = "".join(
        f"{key} = {json.dumps(value.replace(chr(127), ' '), ensure_ascii=False)}\n"
        for key, value in lines.items()
    )
    return written + f'\n[reader]\nformat = "{form}"\n'
