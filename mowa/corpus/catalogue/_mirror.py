"""A catalogue that others can mirror: `speakleash.json`, datasets with their sizes and hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.workspace import digest, write_text

CATALOGUE = "speakleash.json"
_MOST_BYTES = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset: its name, manifest, and the size and hashes of its packed texts."""

    name: str
    manifest: dict[str, Any]
    file: str
    file_size: int
    blake2b: str
    sha256: str


def write_mirror(folder: Path) -> tuple[Entry, ...]:
    """Write `speakleash.json` anew from the datasets that lie in `folder`.

    Raises:
        UsageError: Where a manifest is damaged, or its texts are absent or of another size.
    """
    entries = []
    for path in sorted(folder.glob("*.manifest")):
        name = path.name.removesuffix(".manifest")
        manifest = _parsed(path)
        data = folder / f"{name}.jsonl.zst"
        if not isinstance(manifest, dict) or manifest.get("name") != name:
            raise UsageError(f"the manifest does not name {name}", where=str(path))
        if not data.is_file():
            raise UsageError(f"there is no {data.name} beside its manifest", where=str(folder))
        size = data.stat().st_size
        if manifest.get("file_size") not in {None, size}:
            raise UsageError(
                f"the file has {size:,} bytes, its manifest says {manifest['file_size']}",
                where=str(data),
                fix="export or download the dataset again",
            )
        entries.append(Entry(name, manifest, data.name, size, digest(data), _sha256(data)))
    if not entries:
        raise UsageError("there is no dataset here", where=str(folder), fix="export one first")
    whole = json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=1)
    write_text(folder / CATALOGUE, whole + "\n")
    return tuple(entries)


def check_mirror(folder: Path) -> list[str]:
    """What is wrong with a mirror, a line each; empty where all is as the catalogue says.

    Raises:
        UsageError: Where there is no catalogue, or it is damaged.
    """
    faults, named = [], set()
    for entry in read_catalogue(folder):
        name = entry["name"]
        named.add(f"{name}.manifest")
        data, beside = folder / f"{name}.jsonl.zst", folder / f"{name}.manifest"
        if not data.is_file():
            faults.append(f"{data.name} is gone")
        elif data.stat().st_size != entry.get("file_size", data.stat().st_size):
            faults.append(f"{data.name} has {data.stat().st_size:,} bytes, not as catalogued")
        elif any(
            entry.get(kind) not in {None, found(data)}
            for kind, found in (("blake2b", digest), ("sha256", _sha256))
        ):
            faults.append(f"{data.name} has other bytes than catalogued")
        if not beside.is_file():
            faults.append(f"{beside.name} is gone")
        elif "manifest" in entry and _parsed(beside) != entry["manifest"]:
            faults.append(f"{beside.name} says otherwise than the catalogue")
    new = sorted({path.name for path in folder.glob("*.manifest")} - named)
    return faults + [f"{name} is not catalogued" for name in new]


def read_catalogue(folder: Path) -> list[dict[str, Any]]:
    """The entries of `speakleash.json`; of others' catalogues, only `name` is sure to be there."""
    path = folder / CATALOGUE
    whole = _parsed(path)
    if not isinstance(whole, list) or not all(
        isinstance(entry, dict) and _is_name(entry.get("name")) for entry in whole
    ):
        raise UsageError("this is no catalogue: a list of objects with a name", where=str(path))
    return whole


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name not in {"", ".", ".."} and Path(name).name == name


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("the file is too large for what it is", where=str(path))
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path.name} here", where=str(path.parent)) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is no JSON in UTF-8 ({error})", where=str(path)) from error


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
