"""Writing the sample: what goes into which file, what is planted where, and the truth table."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from mowa.errors import UsageError
from mowa.sample import _planted
from mowa.sample._compose import Document, compose
from mowa.sample._facts import tables
from mowa.sample._web import HOSTS, Page, WarcRecord, page_url, record_id, records_of, warc
from mowa.workspace import writing

__all__ = ["SampleSummary", "write_sample"]

_SMALLEST = 40
_STORIES, _WEB = 0.08, 0.45  # shares of the good documents; the rest are notes
_NOTES = ("notes-00.jsonl.zst", "notes-01.jsonl.zst", "notes-02.jsonl.gz", "notes-03.jsonl")


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What the sample holds: records by kind, good documents, their characters, files written."""

    folder: Path
    seed: int
    records: dict[str, int]
    documents: int
    characters: int
    written: list[Path]


@dataclass(slots=True)
class _Builder:
    """The files as they grow, and the truth about each record."""

    seed: int
    rng: random.Random
    pages: list[tuple[Page, dict[str, Any]]] = field(default_factory=list)
    stories: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    notes: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def page(self, host: str, title: str, text: str, truth: dict[str, Any], **more: Any) -> None:
        site = HOSTS[host]
        url = page_url(site, title, len(self.pages))
        paragraphs = tuple(text.split("\n\n")) if text else ()
        self.pages.append((Page(url, site, title, paragraphs, **more), truth))

    def story(self, text: str, truth: dict[str, Any]) -> None:
        self.stories.append((text, truth))

    def note(self, title: str, text: str, truth: dict[str, Any]) -> None:
        person = self.rng.choice(tables()["people"])
        day = date(2023, 1, 1) + timedelta(days=self.rng.randrange(3 * 365))
        record = {
            "text": text,
            "title": title,
            "author": str(person["nom"]),
            "date": day.isoformat(),
        }
        self.notes.append((record, truth))


def write_sample(folder: Path, *, seed: int = 7, size: int = 2_000) -> SampleSummary:
    """Write the sample into `folder`: `web/`, `stories/`, `notes/` and the table `truth.jsonl`.

    The same seed, size and versions give the same bytes. A file that is already as it should be is
    left alone, with its time; stories of an earlier, larger sample are removed.

    Args:
        folder: Where to write; made if need be.
        seed: Another seed gives other texts of the same kinds.
        size: Good documents, at least 40; what is planted comes on top, about one for fifteen.

    Raises:
        UsageError: Where `size` is too small to plant everything.
    """
    if size < _SMALLEST:
        raise UsageError(
            f"a sample of {size} documents is too small", fix=f"ask for at least {_SMALLEST}"
        )
    builder = _Builder(seed, random.Random(f"{seed}/planted"))
    good = _compose_all(builder, size)
    _plant(builder, good, max(1, size // 400))
    files, truth = _files(builder)
    files["truth.jsonl"] = _jsonl(truth)
    _remove_stale(folder, set(files))
    written = [path for name, content in files.items() if (path := _put(folder / name, content))]
    return SampleSummary(
        folder=folder,
        seed=seed,
        records=dict(sorted(Counter(str(line["kind"]) for line in truth).items())),
        documents=size,
        characters=sum(len(document.text) for documents in good.values() for document in documents),
        written=written,
    )


def _compose_all(builder: _Builder, size: int) -> dict[str, list[Document]]:
    seen: set[str] = set()
    counts = {"stories": round(size * _STORIES), "web": round(size * _WEB)}
    counts["notes"] = size - sum(counts.values())
    good = {
        place: compose(place, count, seed=builder.seed, seen=seen)
        for place, count in counts.items()
    }
    for document in good["web"]:
        builder.page(document.host, document.title, document.text, _truth("good", document))
    for document in good["stories"]:
        builder.story(document.page, _truth("good", document))
    for document in good["notes"]:
        builder.note(document.title, document.text, _truth("good", document))
    return good


def _truth(kind: str, document: Document | None = None, **more: Any) -> dict[str, Any]:
    """`document` is the name that originals and their duplicates have in common."""
    if document is not None:
        more |= {"document": document.name, "register": document.kind}
    return {"kind": kind, **more}


def _plant(builder: _Builder, good: dict[str, list[Document]], scale: int) -> None:
    rng = builder.rng
    _plant_duplicates(builder, good, scale)
    for index in range(4 * scale):
        language = _planted.LANGUAGES[index % 4]
        truth = _truth("foreign", language=language)
        code = {"eng": "en", "deu": "de", "ces": "cs", "ukr": "uk"}[language]
        host = rng.choice(sorted(HOSTS))
        builder.page(host, "", _planted.foreign(language, rng), truth, language=code)
        builder.note("", _planted.foreign(language, rng), _truth("foreign", language=language))
    builder.story(_planted.foreign("eng", rng), _truth("foreign", language="eng"))
    builder.story("", _truth("empty"))
    builder.story(_planted.short(rng), _truth("short"))
    for _ in range(scale):
        builder.page(rng.choice(sorted(HOSTS)), "", "", _truth("empty"))
        builder.note("", "", _truth("empty"))
        for _ in range(2):
            builder.page(rng.choice(sorted(HOSTS)), "", _planted.short(rng), _truth("short"))
            builder.note("", _planted.short(rng), _truth("short"))
        builder.page("poradnik", "", _planted.spam_list(rng), _truth("spam-list"))
        builder.note("", _planted.spam_list(rng), _truth("spam-list"))
    builder.page("forum", "", _planted.garbage(rng), _truth("garbage"))
    builder.note("", _planted.garbage(rng), _truth("garbage"))
    for _ in range(2 * scale):
        _plant_other_answers(builder)


def _plant_duplicates(builder: _Builder, good: dict[str, list[Document]], scale: int) -> None:
    """Within each form and from one to another; across forms the title is part of the text."""
    rng = builder.rng
    for document in rng.sample(good["web"], 4 * scale):
        builder.page(
            rng.choice(sorted(HOSTS)), document.title, document.text, _truth("duplicate", document)
        )
    for document in rng.sample(good["stories"], scale):
        builder.story(document.page, _truth("duplicate", document))
        builder.page("opowiadania", document.title, document.text, _truth("duplicate", document))
        builder.note("", document.page, _truth("duplicate", document))
    for document in rng.sample(good["web"], scale):
        builder.story(document.page, _truth("duplicate", document))
        builder.note("", document.page, _truth("duplicate", document))
    for document in rng.sample(good["notes"], 3 * scale):
        builder.note(document.title, document.text, _truth("duplicate", document))


def _plant_other_answers(builder: _Builder) -> None:
    """What an archive holds besides pages: a missing page, a redirect, an image."""
    original = builder.rng.choice(builder.pages)[0]
    site, number = original.host, len(builder.pages)
    answers = (
        Page(page_url(site, "stary-adres", number), site, "Nie ma takiej strony", status=404),
        Page(page_url(site, "przeniesione", number + 1), site, status=301, location=original.url),
        Page(f"https://{site.domain}/obrazki/{number + 2}.gif", site, image=True),
    )
    for page in answers:
        reason = "not-html" if page.image else "http-status"
        builder.pages.append((page, _truth("skipped", reason=reason)))


def _files(builder: _Builder) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Every file's bytes by its path, and the truth about every record, in order."""
    files: dict[str, bytes] = {}
    truth: list[dict[str, Any]] = []
    for entries in (builder.pages, builder.stories, builder.notes):
        builder.rng.shuffle(entries)
    half = len(builder.pages) // 2
    for number, part in enumerate((builder.pages[:half], builder.pages[half:])):
        name = f"crawl-{number:02d}.warc.gz"
        about = {record_id(page.url): line for page, line in part}
        records = records_of(name, [page for page, _ in part], first=number * half)
        files[f"web/{name}"] = warc(records)
        truth += [
            {"path": f"web/{name}", "key": record.key, **_record_truth(record, about)}
            for record in records
        ]
    for number, (text, line) in enumerate(builder.stories):
        name = f"story-{number:04d}.txt"
        files[f"stories/{name}"] = f"{text}\n".encode() if text else b""
        truth.append({"path": f"stories/{name}", "key": name, **line})
    step = -(-len(builder.notes) // len(_NOTES))
    for position, name in enumerate(_NOTES):
        rows = []
        for number, (record, line) in enumerate(
            builder.notes[position * step : (position + 1) * step], position * step
        ):
            rows.append({"id": f"note-{number:05d}", **record})
            truth.append({"path": f"notes/{name}", "key": rows[-1]["id"], **line})
        files[f"notes/{name}"] = _packed(name, _jsonl(rows))
    return files, truth


def _record_truth(record: WarcRecord, about: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if record.kind == "response":
        return about[record.key]
    return _truth("skipped", reason="not-a-response")


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
    """Stories beyond the number that there is now; nothing that we did not name ourselves."""
    for path in sorted((folder / "stories").glob("story-[0-9][0-9][0-9][0-9].txt")):
        if f"stories/{path.name}" not in names:
            path.unlink()
