"""Writing the sample: good documents, what is planted among them, dialogues, and their files."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.sample._builder import Builder, Paper
from mowa.sample._compose import Document, compose
from mowa.sample._pdf import pdf
from mowa.sample._plant import Good, good_truth, plant, spare_documents
from mowa.sample._sites import Sites
from mowa.sample._truth import Truth, truth_lines
from mowa.sample._warc import record_id, records_of, warc
from mowa.sample._web import HOSTS, Host
from mowa.workspace import writing

__all__ = ["SampleSummary", "write_sample"]

_SMALLEST = 40
_PAPERS, _STORIES, _WEB = 0.015, 0.08, 0.45  # shares of the good documents; the rest are notes
_ELSEWHERE = 0.35  # share of a host's documents that stand on one of its neighbours
_NOTES = ("notes-00.jsonl.zst", "notes-01.jsonl.zst", "notes-02.jsonl.gz", "notes-03.jsonl")
_CRAWLS = 4
_STORY_ENCODINGS = ("cp1250", "cp1250", "iso8859_2")  # of the first stories; then UTF-8
_PARTS = (3, 6)  # documents in a paper, least and most
_SHEET = 1_700  # characters of a page of a paper, about
_LATIN_2 = str.maketrans({"„": '"', "”": '"', "’": "'", "–": "-", "—": "-", "…": "..."})


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What the sample holds: records by kind, good documents, their characters, files written."""

    folder: Path
    seed: int
    records: dict[str, int]
    documents: int
    characters: int
    written: list[Path]


def write_sample(folder: Path, *, seed: int = 7, size: int = 2_000) -> SampleSummary:
    """Write the sample into `folder`: texts, the truth about them, dialogues.

    Texts lie in `web/`, `stories/`, `notes/` and `papers/`, the truth in `truth.jsonl`, dialogues
    in `dialogues/` and `preferences/`, which have one length whatever the size. The same seed, size
    and versions give the same bytes. A file that is already as it should be is left alone, with its
    time; stories and papers of an earlier, larger sample are removed.

    Args:
        folder: Where to write; made if need be.
        seed: Another seed gives other texts of the same kinds.
        size: Good documents, at least 40; what is planted comes on top.

    Raises:
        UsageError: Where `size` is too small to plant everything.
    """
    from mowa.sample.assistant import dialogue_files

    if size < _SMALLEST:
        raise UsageError(
            f"a sample of {size} documents is too small", fix=f"ask for at least {_SMALLEST}"
        )
    scale = max(1, size // 400)
    counts = {
        "stories": round(size * _STORIES),
        "web": round(size * _WEB),
        "papers": max(2, round(size * _PAPERS)),
    }
    counts["notes"] = size - sum(counts.values())
    spare = spare_documents(scale) + _PARTS[1] * counts["papers"]
    builder, good = _good(seed, counts, spare)
    plant(builder, good, scale)
    files, truth = _files(builder)
    files["truth.jsonl"] = truth_lines(truth)
    files |= dialogue_files(seed)
    _remove_stale(folder, set(files))
    written = [path for name, content in files.items() if (path := _put(folder / name, content))]
    fine = [line for line in truth if line.kind == "good"]
    return SampleSummary(
        folder=folder,
        seed=seed,
        records=dict(sorted(Counter(line.kind for line in truth).items())),
        documents=len(fine),
        characters=sum(len(line.text or "") for line in fine),
        written=written,
    )


def _good(seed: int, counts: dict[str, int], spare: int) -> tuple[Builder, Good]:
    """The good documents in their places; `spare` more are there to make the rest of."""
    seen: set[str] = set()
    documents = {
        form: compose(form, counts[form] + (spare if form == "web" else 0), seed=seed, seen=seen)
        for form in ("stories", "web", "notes")
    }
    pool = iter(documents["web"][counts["web"] :])
    builder = Builder(seed, random.Random(f"{seed}/planted"), pool)
    good: Good = {
        form: [(document, _host(document, seed)) for document in made[: counts[form]]]
        for form, made in documents.items()
    }
    for document, host in good["web"]:
        builder.page(host, document.title, document.text, good_truth(document))
    for number, (document, _) in enumerate(good["stories"]):
        encoding = _STORY_ENCODINGS[number] if number < len(_STORY_ENCODINGS) else "utf-8"
        text = document.page.translate(_LATIN_2) if encoding == "iso8859_2" else document.page
        builder.story(text, good_truth(document), encoding)
    for document, _ in good["notes"]:
        builder.note(document.title, document.text, good_truth(document))
    for number in range(counts["papers"]):
        _add_paper(builder, number)
    return builder, good


def _host(document: Document, seed: int) -> Host:
    host = HOSTS[document.host]
    rng = random.Random(f"{seed}/host/{document.name}")
    if host.neighbours and rng.random() < _ELSEWHERE:
        return HOSTS[rng.choice(host.neighbours)]
    return host


def _add_paper(builder: Builder, number: int) -> None:
    """A bulletin of several documents; a page may end in the middle of a sentence."""
    parts = [builder.fresh() for _ in range(builder.rng.randint(*_PARTS))]
    title = f"{parts[0].title}. Zeszyt {number + 1}"
    paragraphs = [text for part in parts for text in (part.title, *part.paragraphs)][1:]
    pages: list[list[str]] = [[]]
    for text in paragraphs:
        room = _SHEET - sum(map(len, pages[-1]))
        cut = text.find(" ", room) if 80 < room < len(text) - 80 else -1
        if cut > 0 and text[cut + 1].islower():
            pages[-1].append(text[:cut])
            pages.append([text[cut + 1 :]])
        elif pages[-1] and room < len(text) // 2:
            pages.append([text])
        else:
            pages[-1].append(text)
    truth = Truth("good", document=f"papers/{number:05}", register="paper", language="pol")
    paper = Paper(title, "Zespół redakcyjny", tuple(tuple(page) for page in pages))
    builder.paper(paper, "\n\n".join([title, *paragraphs]), truth)


def _files(builder: Builder) -> tuple[dict[str, bytes], list[Truth]]:
    """Every file's bytes by its path, and the truth about every record, in order."""
    # What ends a file comes after the shuffle, so that it ends one.
    last = [entry for entry in builder.pages if entry[0].damage in ("member", "length")]
    builder.pages = [entry for entry in builder.pages if entry not in last]
    for entries in (builder.pages, builder.stories, builder.notes):
        builder.rng.shuffle(entries)
    files: dict[str, bytes] = {}
    truth: list[Truth] = []
    sites = Sites(builder.seed, [page for page, line in builder.pages if line.kind == "good"])
    step = -(-len(builder.pages) // _CRAWLS)
    for number in range(_CRAWLS):
        name = f"crawl-{number:02}.warc.gz"
        part = builder.pages[number * step : (number + 1) * step] + last[number : number + 1]
        about = {record_id(page.url): line for page, line in part}
        other = Truth("skipped", "skip", "not-a-response")
        records = []
        for record in records_of(name, [page for page, _ in part], sites, first=number * step):
            records.append(record)
            line = about.get(record.key, other)
            truth.append(replace(line, path=f"web/{name}", key=record.key))
        files[f"web/{name}"] = warc(records)
    for number, (content, line) in enumerate(builder.stories):
        name = f"story-{number:04}.txt"
        files[f"stories/{name}"] = content
        truth.append(replace(line, path=f"stories/{name}", key=name))
    for number, (paper, line) in enumerate(builder.papers):
        name = f"paper-{number:03}.pdf"
        files[f"papers/{name}"] = _pdf(paper)
        truth.append(replace(line, path=f"papers/{name}", key=name))
    step = -(-len(builder.notes) // len(_NOTES))
    for position, name in enumerate(_NOTES):
        rows = []
        part_of = builder.notes[position * step : (position + 1) * step]
        for number, (row, line) in enumerate(part_of, position * step):
            rows.append({"id": f"note-{number:05}", **row})
            truth.append(replace(line, path=f"notes/{name}", key=rows[-1]["id"]))
        files[f"notes/{name}"] = _packed(name, _jsonl(rows))
    return files, truth


def _pdf(paper: Paper) -> bytes:
    content = pdf(
        paper.title, paper.author, paper.pages, encrypted=paper.encrypted, scanned=paper.scanned
    )
    return content[: len(content) // 3] if paper.cut else content


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _packed(name: str, content: bytes) -> bytes:
    if name.endswith(".zst"):
        import zstandard

        return zstandard.ZstdCompressor(level=10).compress(content)
    return zlib.compress(content, 9, wbits=31) if name.endswith(".gz") else content


def _put(path: Path, content: bytes) -> Path | None:
    """Write a file whole or not at all, and only where it is not yet so."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return None
    with writing(path) as partial:
        partial.write_bytes(content)
    return path


def _remove_stale(folder: Path, names: set[str]) -> None:
    """Stories and papers beyond the number that there is now; nothing that we did not name."""
    for pattern in ("stories/story-[0-9][0-9][0-9][0-9].txt", "papers/paper-[0-9][0-9][0-9].pdf"):
        for path in sorted(folder.glob(pattern)):
            if path.relative_to(folder).as_posix() not in names:
                path.unlink()
