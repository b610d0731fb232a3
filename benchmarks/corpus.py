"""From WARC to a decided corpus: how fast, on one core, against datatrove on the same pages?

    python benchmarks/pages.py WARCS --help-pages FOLDER --real-pages FOLDER
    python benchmarks/corpus.py WARCS [--limit PAGES] [--no-peer] [--json FILE]

Each row runs in a process of its own that is bound to one core, and is timed by the CPU seconds
that the system charges it and its children. What starting costs is left out, on both sides: the
speed is that of the pages after the first hundred. Megabytes are those of the pages, uncompressed.
Ours is documents, signals and corpus: it also identifies the language, hashes, and keeps what it
rejects with the reason. All pages go through all of our steps, whatever their language; the peer's
filters pass on what they keep. The floor is decompression and parsing of the same pages alone. Two
workers are timed by the clock, so that other work on the machine counts. `--limit` takes the first
pages only. The peer gets an environment of its own, made once
(`--peer-environment`); it needs the system's libmagic.
"""
# ruff: noqa: PLC0415 - the process that measures stays small: a child's peak memory begins with it

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from record import versions, write_record

_MODES = {"fast": 15.0, "learned": 8.0, "exact": 2.5}  # and how many times datatrove's speed
_TWO_WORKERS = 1.8  # at least, of one
_FIRST = 100  # pages whose run is taken off, so that what starting costs counts for nobody
_PARTS = 8  # files that a WARC is split into, so that two workers have something to share
_PEER = (
    "datatrove[io,processing]==0.10.1",
    "spacy>=3.8,<3.9",
    "lxml_html_clean",
    "faust-cchardet",
    "python-magic",
)
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
_PACKAGES = ("mowa", "polars", "pyarrow", "fastwarc", "resiliparse", "trafilatura")

_SOURCE = """
title = "Pages of a benchmark"
holder = "Mowa"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
collected_at = 2026-01-01
collected_how = "made by benchmarks/pages.py"
"""
_RECIPE = """
name = "benchmark"
language = "pol"
data = "."
sources = "sources"
steps.pages = {{ does = "inventory", source = "pages", path = "pages" }}
steps.documents = {{ does = "documents", reads = "pages"{mode} }}
steps.signals = {{ does = "signals", reads = "documents" }}
steps.corpus = {{ does = "corpus", reads = ["documents", "signals"], held_out = 0.2 }}
"""


@dataclass(frozen=True)
class Run:
    """What one process took, and what it said of its work; None where it said nothing."""

    cpu: float
    wall: float
    peak: float  # MB
    said: dict[str, Any]


# ---- in a process of its own


def _ours(folder: Path, mode: str, workers: int, *, split: bool) -> None:
    """Documents, signals and corpus of `folder`/pages; prints what they came to.

    With `split` each file is a unit of its own, so that two workers have something to share.
    """
    from mowa.corpus import DocumentsConfig, _documents
    from mowa.recipe import Recipe
    from mowa.recipe import run as run_recipe

    field = ""
    if "extraction" in DocumentsConfig.model_fields:
        field = f', extraction = "{mode}"'
    elif mode != "fast":
        print(json.dumps({"absent": mode}))
        return
    if split:
        _documents._UNIT_BYTES = 1  # noqa: SLF001 - nobody but this benchmark has so small files
    (folder / "sources").mkdir(exist_ok=True)
    (folder / "sources" / "pages.toml").write_text(_SOURCE, "utf-8")
    path = folder / "recipe.toml"
    path.write_text(_RECIPE.format(mode=field), "utf-8")
    with tempfile.TemporaryDirectory(prefix="mowa-corpus-") as workspace:
        done = run_recipe(Recipe.load(path, []), Path(workspace) / "w", workers=workers)
    seconds = {item.artifact.kind: round(item.seconds, 2) for item in done}
    documents = done[1].artifact.metrics["documents"]
    print(json.dumps({"documents": documents, "seconds": seconds}))


def _floor(folder: Path) -> None:
    """Decompress and parse every page, no more; prints how many pages and bytes there are."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    pages = size = 0
    for path in sorted((folder / "pages").iterdir()):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                raw = record.reader.read()
                HTMLTree.parse_from_bytes(raw, detect_encoding(raw))
                pages += 1
                size += len(raw)
    print(json.dumps({"pages": pages, "bytes": size}))


# ---- around it


def _timed(command: list[str], core: set[int], **environment: str) -> Run:
    """Run `command` on the cores of `core`; CPU and memory as the system accounts for them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    start = time.perf_counter()
    try:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(
                command, stdout=out, stderr=err, env={**os.environ, **environment}
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            lines = out.read().strip().splitlines()
            if process.returncode:
                raise SystemExit(f"{' '.join(command)}\n{err.read()[-3000:]}")
    finally:
        os.sched_setaffinity(0, before)
    said: dict[str, Any] = {}
    with contextlib.suppress(ValueError, IndexError):
        said = json.loads(lines[-1])
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1e3, said)


def _members(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Each gzip member of a WARC file as it lies, and whether it is an answer of a server."""
    raw = path.read_bytes()
    while raw:
        unpack = zlib.decompressobj(wbits=31)
        head = unpack.decompress(raw)
        rest = unpack.unused_data
        yield raw[: len(raw) - len(rest)], b"WARC-Type: response" in head[:2_000]
        raw = rest


def _split(path: Path, folder: Path, parts: int, limit: int | None) -> None:
    """The first `limit` pages of a WARC as `parts` files of about as many pages each."""
    members = []
    pages = 0
    for member, is_page in _members(path):
        members.append(member)
        pages += is_page
        if pages == limit:
            break
    (folder / "pages").mkdir(parents=True)
    each = -(-len(members) // parts)
    for number, at in enumerate(range(0, len(members), each)):
        (folder / "pages" / f"{number}.warc.gz").write_bytes(b"".join(members[at : at + each]))


def _peer_python(environment: Path) -> str:
    python = environment / "bin" / "python"
    if not python.exists():
        print(f"making an environment for {_PEER[0]} in {environment}", file=sys.stderr)
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_PEER], check=True)
    return str(python)


def _peer_versions(python: str) -> dict[str, str]:
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({n: m.version(n) for n in ('datatrove', 'trafilatura', 'spacy')}))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return {f"peer {name}": value for name, value in json.loads(done.stdout).items()}


def _own(what: str, folder: Path, *rest: str, cores: set[int]) -> Run:
    return _timed([sys.executable, __file__, what, str(folder), *rest], cores, **_ONE_THREAD)


def _peer(python: str, folder: Path, out: Path, core: set[int]) -> Run:
    """The peer over all files of `folder`; its log goes to standard error."""
    script = str(Path(__file__).with_name("datatrove_pipeline.py"))
    run = _timed([python, script, str(folder / "pages"), str(out)], core, **_ONE_THREAD)
    steps = json.loads((out / "logs" / "stats.json").read_text("utf-8"))
    done = {step["name"]: step["stats"] for step in steps}
    read, extracted = (
        next(stats for name, stats in done.items() if word in name)
        for word in ("Warc", "Trafilatura")
    )
    # A peer whose extractor dies on every page is fast.
    if extracted.get("extracted", 0) < read["documents"]["total"]:
        raise SystemExit(f"the peer did not extract all pages: {extracted}")
    return run


def measure(warc: Path, python: str | None, limit: int | None) -> list[dict[str, Any]]:
    """Every row of one WARC file."""
    cores = sorted(os.sched_getaffinity(0))
    one = {cores[-1]}
    name = warc.name.partition(".")[0]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="mowa-corpus-") as temporary:
        whole, first = Path(temporary) / "whole", Path(temporary) / "first"
        _split(warc, whole, _PARTS, limit)
        _split(warc, first, 1, _FIRST)
        few = Path(temporary) / "few"
        _split(warc, few, _PARTS, _FIRST)
        floor = _own("--floor", whole, cores=one)
        head = _own("--floor", first, cores=one)
        pages = floor.said["pages"] - head.said["pages"]
        megabytes = (floor.said["bytes"] - head.said["bytes"]) / 1e6
        bare = floor.cpu - head.cpu
        rows.append(_row(f"{name}: decompress and parse", "docs/s", pages / bare))
        peer = None
        if python is not None:
            run = _peer(python, whole, Path(temporary) / "peer", one)
            start = _peer(python, first, Path(temporary) / "peer-first", one)
            peer = run.cpu - start.cpu
            rows.append(_row(f"{name}: datatrove's peak memory", "MB", run.peak))
        for mode, target in _MODES.items():
            run = _own("--ours", whole, mode, "1", cores=one)
            if "absent" in run.said:
                continue
            cpu = run.cpu - _own("--ours", first, mode, "1", cores=one).cpu
            what = f"{name}, {mode}"
            speed = _row(f"{what}: documents", "docs/s", pages / cpu)
            volume = _row(f"{what}: pages", "MB/s", megabytes / cpu)
            if peer is not None:
                speed |= _against("datatrove", pages / cpu, pages / peer) | {"target": target}
                volume |= _against("datatrove", megabytes / cpu, megabytes / peer)
            rows += [
                speed,
                volume,
                _row(f"{what}: peak memory", "MB", run.peak),
                _row(f"{what}: share of the floor", "%", 100 * bare / cpu),
                *(
                    _row(f"{what}: step {kind}", "s", seconds)
                    for kind, seconds in run.said["seconds"].items()
                ),
            ]
            if len(cores) > 1 and mode == "fast":
                rows += _two_workers(what, whole, few, pages, cores)
    return rows


def _two_workers(
    what: str, whole: Path, few: Path, pages: int, cores: list[int]
) -> list[dict[str, Any]]:
    """How much faster two are by the clock, with their start and without it."""
    runs = {}
    for workers in (1, 2):
        where = set(cores[-workers:])
        runs[workers] = [
            _own("--ours", folder, "fast", str(workers), "--split", cores=where)
            for folder in (whole, few)
        ]
    (one, one_start), (two, two_start) = runs[1], runs[2]
    return [
        _row(f"{what}: two workers, whole run", "s", two.wall)
        | _against("one worker, speed", 1 / two.wall, 1 / one.wall)
        | {"peer_value": round(one.wall, 2)},
        _row(
            f"{what}: two workers, without starting", "docs/s", pages / (two.wall - two_start.wall)
        )
        | _against(
            "one worker", pages / (two.wall - two_start.wall), pages / (one.wall - one_start.wall)
        )
        | {"target": _TWO_WORKERS},
        _row(f"{what}: two workers, processor time", "s", two.cpu)
        | _against("one worker", two.cpu, one.cpu),
    ]


def _row(what: str, unit: str, ours: float) -> dict[str, Any]:
    empty = dict.fromkeys(("peer", "peer_value", "ratio", "target"))
    return {"what": what, "unit": unit, "ours": round(ours, 2), **empty}


def _against(peer: str, ours: float, value: float) -> dict[str, Any]:
    return {"peer": peer, "peer_value": round(value, 2), "ratio": round(ours / value, 2)}


def main() -> None:
    if sys.argv[1:2] == ["--ours"]:
        _ours(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), split=sys.argv[5:] == ["--split"])
        return
    if sys.argv[1:2] == ["--floor"]:
        _floor(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("warcs", type=Path, help="a folder of WARC files, made by pages.py")
    parser.add_argument("--limit", type=int, help="only the first pages of each file")
    parser.add_argument("--no-peer", action="store_true", help="only ours and the floor")
    default = Path(tempfile.gettempdir()) / "mowa-datatrove"
    parser.add_argument("--peer-environment", type=Path, default=default)
    parser.add_argument("--json", type=Path, help="write the results there too")
    arguments = parser.parse_args()
    python = None if arguments.no_peer else _peer_python(arguments.peer_environment)
    found = versions(_PACKAGES)
    found |= _peer_versions(python) if python else {}
    results = []
    for warc in sorted(arguments.warcs.glob("*.warc.gz")):
        rows = measure(warc, python, arguments.limit)
        print(json.dumps(rows), file=sys.stderr)  # not lost where the next file fails
        results += rows
    print(" ".join(f"{name} {version}" for name, version in found.items()))
    for row in results:
        against = f"  {row['ratio']} x {row['peer']} ({row['peer_value']})" if row["peer"] else ""
        target = f", target {row['target']}" if row["target"] else ""
        print(f"{row['what']:40} {row['ours']:>12,.2f} {row['unit']}{against}{target}")
    if arguments.json:
        write_record(arguments.json, found, results)


if __name__ == "__main__":
    main()
