"""The inventory of a source: which files it has now, how large they are, and their hashes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mowa.collect._config import InventoryConfig
from mowa.collect._places import Place, files_at, hash_at, is_s3, s3_prefix
from mowa.collect._walk import unreadable
from mowa.errors import DataError, MowaError, UsageError
from mowa.execution import Context, PlainProgress, Progress
from mowa.report import Bars, Block, Figures, Page, Section, Table
from mowa.rights import Source, load_source
from mowa.workspace import Artifact, Inputs, Metrics, canonical, write_text

# A file may change twice within one tick of a file system's clock and keep its size and time; so
# the hash of a file is kept only when the file was at least this old (git: "racily clean").
_SETTLED_NS = 2_000_000_000

_COMPRESSED = ([".gz"], [".zst"], [".bz2"], [".xz"])
_SHOWN = 20  # rows of a table in the report


def observe(config: InventoryConfig, context: Context, cache: Path | None) -> dict[str, Any]:
    """What the outer world adds to the fingerprint: the source's record and the files' digest.

    Args:
        config: Which source, and where its files are.
        context: The folders of the register and of the data.
        cache: A JSON file that remembers hashes by path, size and time of change; or None.

    Returns:
        ``{"source": what documents carry of it, "files": digest, "count": files, "bytes": sum}``.
    """
    source, files = _look(config, context, cache)
    listing = canonical([[file["path"], file["bytes"], file["blake2b"]] for file in files])
    return {
        "source": _identity(source),
        "files": hashlib.blake2b(listing.encode(), digest_size=32).hexdigest(),
        "count": len(files),
        "bytes": sum(file["bytes"] for file in files),
    }


def run(config: InventoryConfig, inputs: Inputs, out: Path, context: Context) -> Metrics:
    """Write `inventory.json` and its report."""
    assert not inputs.artifacts
    source, files = _look(config, context, context.cache)
    record = {"source": _identity(source), "files": files}
    write_text(out / "inventory.json", json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    _report(source, files).write(out / "report.html")
    return {
        "files": len(files),
        "bytes": sum(file["bytes"] for file in files),
        "bytes_by_type": {key: size for key, (_, size) in sorted(_by_type(files).items())},
        "licence": source.licence,
        "release": source.release,
    }


def _identity(source: Source) -> dict[str, Any]:
    """What documents and rights carry of the register's record; a new title rebuilds nothing."""
    return source.model_dump(mode="json", include=_CARRIED)


_CARRIED = {
    "name",
    "holder",
    "licence",
    "legal_basis",
    "agreement",
    "release",
    "attribution",
    "language",
    "collected_at",
}


def inventory_of(artifact: Artifact) -> dict[str, Any]:
    """What an inventory holds: its `source`, and path, bytes and hash of its `files`.

    Raises:
        DataError: Where it cannot be read.
    """
    path = artifact.path / "inventory.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the inventory cannot be read ({error})",
            where=str(path),
            fix="remove the artifact and run the recipe again",
        ) from error
    return record


def groups_of(
    files: Iterable[dict[str, Any]], most_bytes: int
) -> list[tuple[tuple[str, str], ...]]:
    """Path and hash of files in their order, as many together as have `most_bytes`, or one."""
    groups: list[list[tuple[str, str]]] = []
    filled = 0
    for file in files:
        if not groups or filled + file["bytes"] > most_bytes:
            groups.append([])
            filled = 0
        groups[-1].append((file["path"], file["blake2b"]))
        filled += file["bytes"]
    return [tuple(group) for group in groups]


def root_of(inventory: Artifact, context: Context) -> Place:
    """The folder or the bucket's prefix under which the files of an inventory lie now."""
    settings = {"source": "", **inventory.runtime}
    return _place(InventoryConfig.model_validate(settings), context.data, inventory.id)


def scan(
    root: Place,
    include: Sequence[str],
    exclude: Sequence[str] = (),
    cache: Path | None = None,
    *,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Path (relative, with slashes), bytes and BLAKE2b-256 of every file that the globs take.

    Sorted by path; hidden files and folders are left out. A file is read only where `cache` does
    not hold its hash for the same size and time of change; `cache` is written anew.

    Raises:
        UsageError: For a glob that leaves `root`.
        DataError: Where a file or folder may not be read, or a link leads out of `root`.
    """
    now = time.time_ns()
    known = _read_cache(cache, root)
    files = files_at(root, include, exclude)
    marks = {
        relative: known[relative][2]
        for relative, size, changed in files
        if known.get(relative, ())[:2] == [size, changed]
    }
    with (progress or PlainProgress()).task(
        f"hashing {root.name}", total=len(files), done=len(marks)
    ) as advance:
        for relative, _, _ in files:
            if relative not in marks:
                marks[relative] = hash_at(root, relative)
                advance(1)
    if cache is not None:
        kept = {
            relative: [size, changed, marks[relative]]
            for relative, size, changed in files
            if now - changed > _SETTLED_NS
        }
        if kept != known:
            # What cannot be remembered is hashed again; that is no reason to stop.
            with suppress(OSError, MowaError):
                write_text(cache, json.dumps({"root": _own_name(root), "files": kept}) + "\n")
    return [
        {"path": relative, "bytes": size, "blake2b": marks[relative]} for relative, size, _ in files
    ]


def _own_name(root: Place) -> str:
    return str(root.resolve()) if isinstance(root, Path) else f"{root} at {root.endpoint}"


def _look(
    config: InventoryConfig, context: Context, cache: Path | None
) -> tuple[Source, list[dict[str, Any]]]:
    source = load_source(context.sources, config.source)
    root = _place(config, context.data, f"source {config.source}")
    files = scan(root, config.include, config.exclude, cache, progress=context.progress)
    if not files:
        own = [
            glob
            for glob in config.exclude
            if glob not in InventoryConfig.model_fields["exclude"].default
        ]
        but = f", except what {' '.join(own)} leaves out" if own else ""
        raise UsageError(
            f"no file of the source {config.source} matches {' '.join(config.include)}{but}",
            where=str(root),
            fix="look at path, include and exclude of this step, or name another folder with"
            " `--set data=FOLDER`",
        )
    return source, files


def _place(config: InventoryConfig, data: Path, where: str) -> Place:
    if not is_s3(config.path):
        return _root(config.path, data, where)
    return s3_prefix(
        config.path,
        endpoint=config.s3_endpoint,
        region=config.s3_region,
        anonymous=config.s3_anonymous,
    )


def _root(path: str, data: Path, where: str) -> Path:
    relative = Path(path)
    if ".." in relative.parts:
        raise UsageError(
            f"the path {path!r} leads out of the data folder",
            where=where,
            fix="name the data folder with `--set data=FOLDER`, or write an absolute path",
        )
    root = data / relative
    try:
        is_folder, is_there = root.is_dir(), root.exists()
    except OSError as error:
        raise unreadable(root, error) from error
    if is_folder:
        return root
    if is_there:
        raise UsageError(
            "path is a file, not a folder",
            where=f"{where}: {root}",
            fix=f'write its folder in path, and include = ["{root.name}"]',
        )
    raise UsageError(
        "there is no such folder",
        where=f"{where}: {root}",
        fix="put the source's files there, or say where they are: `--set data=FOLDER`",
    )


def _read_cache(cache: Path | None, root: Place) -> dict[str, list[Any]]:
    """Size, time and hash by path; a cache that is absent, damaged or of another root is empty."""
    if cache is None:
        return {}
    try:
        record = json.loads(cache.read_text("utf-8"))
        if record["root"] != _own_name(root):
            return {}
        files = record["files"].items()
        return {
            path: [size, mtime, mark]
            for path, (size, mtime, mark) in files
            if isinstance(mark, str) and len(mark) == 64
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _by_type(files: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Files and bytes by the end of their names, compression included."""

    def end(path: str) -> str:
        suffixes = Path(path).suffixes
        return "".join(suffixes[-2:] if suffixes[-1:] in _COMPRESSED else suffixes[-1:]) or "(none)"

    return _grouped(files, end)


def _by_folder(files: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Files and bytes by the first folder of their paths."""
    return _grouped(files, lambda path: path.rpartition("/")[0].partition("/")[0] or "(top)")


def _grouped(files: list[dict[str, Any]], key: Callable[[str], str]) -> dict[str, tuple[int, int]]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        name = key(file["path"])
        counts[name] += 1
        sizes[name] += file["bytes"]
    order = sorted(sizes, key=lambda name: (-sizes[name], name))
    return {name: (counts[name], sizes[name]) for name in order}


def _report(source: Source, files: list[dict[str, Any]]) -> Page:
    total = sum(file["bytes"] for file in files)
    record = source.model_dump(exclude={"reader", "fetch"})
    facts = [[key, value] for key, value in record.items() if value]
    figures = [
        ("files", f"{len(files):,}"),
        ("megabytes", f"{total / 1e6:,.2f}"),
        ("licence", source.licence),
        ("release", source.release),
    ]
    sections = [
        Section("At a glance", [Figures(figures)]),
        Section("The source", [Table(["key", "value"], facts)]),
    ]
    for heading, groups in (("By type", _by_type(files)), ("By folder", _by_folder(files))):
        shown = list(groups.items())[:_SHOWN]
        bars = Bars(heading, [(name, size / 1e6) for name, (_, size) in shown], "MB")
        rows = [[name, count, size] for name, (count, size) in shown]
        rest = len(groups) - len(shown)
        note = f"and {rest:,} more" if rest else ""
        blocks: list[Block] = [bars, Table([heading.lower(), "files", "bytes"], rows)]
        sections.append(Section(heading, blocks, note))
    largest = sorted(files, key=lambda file: (-file["bytes"], file["path"]))[:_SHOWN]
    rows = [[file["path"], file["bytes"]] for file in largest]
    sections.append(Section("Largest files", [Table(["path", "bytes"], rows)]))
    return Page(source.title, "the files of this source, as they were found", sections)
