"""Does reading stay small? Every format, a gigabyte of it, read in a process of its own.

    python benchmarks/reader_memory.py [FORMAT …] [--megabytes 1000] [--json FILE]

Each row writes so many megabytes of content (as it is when uncompressed) into a temporary folder,
reads it with `read_file`, and asks the system for the memory of the process: the peak, and what is
held after a tenth of the records and at the end, whose ratio is the flatness. The peer is Python
reading the same files line by line.

There is no row for `json` and `squad`, which are parsed whole by design, up to 256 MiB, and none
for `xml`, which only chooses among the formats of XML. Of `html` and `warc` the pages are read and
not yet made into text: that is the documents step's.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import itertools
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from processes import memory
from record import versions, write_record

from mowa.collect import ReaderOptions, Record, read_file
from mowa.collect.readers import _READERS
from mowa.sample._compose import compose
from mowa.sample._pdf import pdf

_LIBRARIES = ("mowa", "fastwarc", "pyarrow", "pypdfium2", "resiliparse", "zstandard")
_FLAT = 1.1  # memory at the end, of that after a tenth
_FILE_BYTES = 200_000  # of a file in formats that have one record a file
_ROWS = 2_000  # of a batch of Parquet or Arrow
_EACH = 1_000  # records behind each of which memory is measured; then behind every 64th
_LEFT_OUT = {"json", "squad", "xml"}  # see above
_FEW = 20  # with fewer records a tenth of them says nothing


@dataclass(frozen=True)
class Text:
    """One of our own texts, with its place in an endless row of them."""

    number: int
    title: str
    paragraphs: tuple[str, ...]

    @property
    def whole(self) -> str:
        """Its paragraphs, an empty line between them."""
        return "\n\n".join(self.paragraphs)


@dataclass(frozen=True)
class Row:
    """A format to try: `write` puts `size` bytes of content into a folder, and says how many."""

    name: str
    format: str
    write: Callable[[Path, int], int]


def texts(size: int) -> Iterator[Text]:
    """Texts of the sample, over and over, until `size` bytes of them were given."""
    documents = _documents()
    given = 0
    for number in itertools.count():
        document = documents[number % len(documents)]
        yield Text(number, document.title, document.paragraphs)
        given += len(document.text.encode())
        if given >= size:
            return


@cache
def _documents() -> list[Any]:
    return compose("notes", 400, seed=7, seen=set())


# ---- writing: one file of many records


def _one_file(
    name: str,
    record: Callable[[Text], str | bytes],
    *,
    head: str = "",
    foot: str = "",
    packed: Callable[[Path], Any] = lambda path: path.open("wb"),
) -> Callable[[Path, int], int]:
    """A writer of a file that is `record` of each text, one behind the other."""

    def write(folder: Path, size: int) -> int:
        written = 0
        with packed(folder / name) as file:
            file.write(head.encode())
            for text in texts(size):
                made = record(text)
                raw = made.encode() if isinstance(made, str) else made
                written += len(raw)
                file.write(raw)
                if written >= size:
                    break
            file.write(foot.encode())
        return written

    return write


def _zstd(path: Path) -> Any:
    return zstandard.open(path, "wb", cctx=zstandard.ZstdCompressor(level=3))


def _gzip(path: Path) -> gzip.GzipFile:
    return gzip.GzipFile(path, "wb", compresslevel=1, mtime=0)


def _bzip2(path: Path) -> bz2.BZ2File:
    return bz2.open(path, "wb", compresslevel=1)


def _line(text: Text) -> str:
    return json.dumps({"id": str(text.number), "text": text.whole}, ensure_ascii=False) + "\n"


def _conllu(text: Text) -> str:
    sentence = text.paragraphs[0]
    words = sentence.split()
    rows = (f"{at}\t{word}" + "\t_" * 8 for at, word in enumerate(words, start=1))
    number = text.number
    return f"# newdoc id = d{number}\n# sent_id = s{number}\n# text = {' '.join(words)}\n" + (
        "\n".join(rows) + "\n\n"
    )


def _wiki_page(text: Text) -> str:
    number = text.number + 1
    return (
        f"<page><title>{escape(text.title)} {number}</title><ns>0</ns><id>{number}</id>"
        f"<revision><id>{number}</id><timestamp>2026-01-01T00:00:00Z</timestamp>"
        "<model>wikitext</model><format>text/x-wiki</format>"
        f'<text xml:space="preserve">{escape(text.whole)}</text></revision></page>\n'
    )


def _translation(text: Text) -> str:
    pieces = (
        f'<tu><tuv xml:lang="pl"><seg>{escape(piece)}</seg></tuv></tu>\n'
        for piece in text.paragraphs
    )
    return "".join(pieces)


def _sql_row(text: Text) -> str:
    body = text.whole.replace("'", "''")
    return f"INSERT INTO posts (id, text) VALUES ({text.number}, '{body}');\n"  # noqa: S608 - read as text


def _sentence(text: Text) -> str:
    return f"{text.number + 1}\t{' '.join(text.whole.split())}\n"


def _article(text: Text) -> str:
    address = f"https://a.example/{text.number}"
    title = escape(text.title)
    head = f'<doc id="{text.number}" url="{address}" title="{title}">'
    return f"{head}\n{title}\n\n{text.whole}\n</doc>\n"


def _page(text: Text) -> str:
    paragraphs = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.paragraphs)
    return (
        f'<!doctype html><html lang="pl"><head><meta charset="utf-8"><title>{escape(text.title)}'
        f"</title></head><body><main><h1>{escape(text.title)}</h1>{paragraphs}</main></body></html>"
    )


def _warc(kind: str, body: Callable[[Text], bytes]) -> Callable[[Text], bytes]:
    media = "text/plain" if kind == "conversion" else "application/http; msgtype=response"

    def record(text: Text) -> bytes:
        block = body(text)
        return (
            (
                f"WARC/1.1\r\nWARC-Type: {kind}\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{text.number:012}>\r\n"
                f"WARC-Target-URI: https://a.example/{text.number}\r\n"
                f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: {media}\r\n"
                f"Content-Length: {len(block)}\r\n\r\n"
            ).encode()
            + block
            + b"\r\n\r\n"
        )

    return record


def _response(text: Text) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return head + _page(text).encode()


class _Members(io.RawIOBase):
    """Each write is a gzip member of its own, as WARC files have them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("wb")

    def write(self, raw: Any, /) -> int:
        if raw:
            self._file.write(gzip.compress(raw, 1, mtime=0))
        return len(raw)

    def close(self) -> None:
        self._file.close()
        super().close()


def _columns(folder: Path, size: int, *, arrow: bool) -> int:
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    written = 0
    with ExitStack() as stack:
        if arrow:
            writer = stack.enter_context(pa.ipc.new_stream(str(folder / "a.arrow"), schema))
        else:
            writer = stack.enter_context(pq.ParquetWriter(folder / "a.parquet", schema))
        source = texts(size)
        while rows := list(itertools.islice(source, _ROWS)):
            columns = {"id": [str(row.number) for row in rows], "text": [row.whole for row in rows]}
            written += sum(len(text.encode()) for text in columns["text"])
            writer.write_table(pa.table(columns, schema=schema))
    return written


def _parquet(folder: Path, size: int) -> int:
    return _columns(folder, size, arrow=False)


def _arrow(folder: Path, size: int) -> int:
    return _columns(folder, size, arrow=True)


# ---- writing: a folder of files with one record each


def _folder(
    suffix: str, made: Callable[[list[Text]], str | bytes], file_bytes: int = _FILE_BYTES
) -> Callable[[Path, int], int]:
    """A writer of files that hold some texts each; of the same few files, over and over."""

    def write(folder: Path, size: int) -> int:
        source = texts(sys.maxsize)
        originals: list[tuple[Path, int]] = []
        written = 0
        for number in itertools.count():
            if written >= size:
                return written
            path = folder / f"{number:07}{suffix}"
            if len(originals) < 20:
                some, filled = [], 0
                while filled < file_bytes:
                    some.append(next(source))
                    filled += len(some[-1].whole.encode())
                raw = made(some)
                path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
                originals.append((path, filled))
            else:
                path.hardlink_to(originals[number % 20][0])
            written += originals[number % 20][1]
        raise AssertionError("unreachable")

    return write


def _plain(some: list[Text]) -> str:
    return "\n\n".join(text.whole for text in some)


def _html(some: list[Text]) -> str:
    return _page(Text(0, some[0].title, tuple(p for text in some for p in text.paragraphs)))


def _markdown(some: list[Text]) -> str:
    return "\n\n".join(f"# {text.title}\n\n{text.whole}" for text in some)


def _restructured(some: list[Text]) -> str:
    return "\n\n".join(f"{text.title}\n{'=' * len(text.title)}\n\n{text.whole}" for text in some)


def _tei(some: list[Text]) -> str:
    body = "".join(
        f"<div><head>{escape(text.title)}</head>"
        + "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.paragraphs)
        + "</div>"
        for text in some
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader>'
        f"<fileDesc><titleStmt><title>{escape(some[0].title)}</title></titleStmt></fileDesc></teiHeader>"
        f"<text><body>{body}</body></text></TEI>"
    )


def _work(some: list[Text]) -> str:
    body = "".join(
        f"<naglowek_rozdzial>{escape(text.title)}</naglowek_rozdzial>\n"
        + "".join(f"<akap>{escape(paragraph)}</akap>\n" for paragraph in text.paragraphs)
        for text in some
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><utwor>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(some[0].title)}</dc:title></rdf:Description></rdf:RDF>"
        f"<powiesc>{body}</powiesc></utwor>"
    )


def _subtitles(some: list[Text]) -> str:
    pieces = [piece for text in some for piece in text.paragraphs]
    return "".join(
        f"{at}\n00:{at // 60 % 60:02}:{at % 60:02},000 --> 00:{at // 60 % 60:02}:{at % 60:02},900\n"
        f"{piece}\n\n"
        for at, piece in enumerate(pieces, start=1)
    )


def _pdf(some: list[Text]) -> bytes:
    return pdf(some[0].title, "Benchmark", [text.paragraphs for text in some])


def _epub(some: list[Text]) -> bytes:
    names = [f"c{at}" for at in range(len(some))]
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>'
        for name in names
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"'
        ' unique-identifier="i"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="i">b</dc:identifier><dc:title>{escape(some[0].title)}</dc:title>'
        f"<dc:language>pl</dc:language></metadata><manifest>{items}</manifest><spine>{spine}</spine>"
        "</package>"
    )
    container = (
        '<?xml version="1.0"?><container version="1.0"'
        ' xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile'
        ' full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", container)
        book.writestr("c.opf", package)
        for name, text in zip(names, some, strict=True):
            body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.paragraphs)
            book.writestr(
                f"{name}.xhtml",
                '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head>'
                f"<body><h1>{escape(text.title)}</h1>{body}</body></html>",
            )
    return raw.getvalue()


# A new format: a line here, and above it the function that makes one record of a text.
ROWS = (
    Row("text", "text", _folder(".txt", _plain)),
    Row("jsonl", "jsonl", _one_file("a.jsonl", _line)),
    Row("jsonl.gz", "jsonl", _one_file("a.jsonl.gz", _line, packed=_gzip)),
    Row("jsonl.zst", "jsonl", _one_file("a.jsonl.zst", _line, packed=_zstd)),
    Row("warc.gz", "warc", _one_file("a.warc.gz", _warc("response", _response), packed=_Members)),
    Row("pdf", "pdf", _folder(".pdf", _pdf)),
    Row("pdf, long", "pdf", _folder(".pdf", _pdf, 12 << 20)),
    Row("parquet", "parquet", _parquet),
    Row("arrow", "arrow", _arrow),
    Row("conllu", "conllu", _one_file("a.conllu", _conllu)),
    Row(
        "wet.gz",
        "wet",
        _one_file(
            "a.warc.wet.gz",
            _warc("conversion", lambda text: text.whole.encode()),
            packed=_Members,
        ),
    ),
    Row(
        "mediawiki.bz2",
        "mediawiki",
        _one_file(
            "a.xml.bz2",
            _wiki_page,
            head='<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="pl">\n',
            foot="</mediawiki>\n",
            packed=_bzip2,
        ),
    ),
    Row(
        "opus.tmx.gz",
        "opus",
        _one_file(
            "a.tmx.gz",
            _translation,
            head='<?xml version="1.0"?><tmx version="1.4"><header srclang="pl"/><body>\n',
            foot="</body></tmx>\n",
            packed=_gzip,
        ),
    ),
    Row("sentences", "sentences", _one_file("a-sentences.txt", _sentence)),
    Row("sql", "sql", _one_file("a.sql", _sql_row)),
    Row("speakleash", "speakleash", _one_file("a.jsonl.zst", _line, packed=_zstd)),
    Row("wikiextract", "wikiextract", _one_file("wiki_00", _article)),
    Row("html", "html", _folder(".html", _html)),
    Row("markdown", "markdown", _folder(".md", _markdown)),
    Row("rst", "rst", _folder(".rst", _restructured)),
    Row("tei", "tei", _folder(".xml", _tei)),
    Row("wolne-lektury", "wolne-lektury", _folder(".xml", _work)),
    Row("srt", "srt", _folder(".srt", _subtitles)),
    Row("epub", "epub", _folder(".epub", _epub)),
)


# ---- reading, in a process of its own


def _read(folder: Path, reader: str) -> dict[str, Any]:
    """Read every file; memory in bytes, on the way and at the end."""
    options = ReaderOptions.model_validate({"format": reader, "bad_input": "skip"})
    files = sorted(folder.iterdir())
    records = skipped = characters = 0
    held: list[tuple[int, int]] = []  # records so far, memory then
    start = time.perf_counter()
    for path in files:
        for item in read_file(path, path.name, options):
            if isinstance(item, Record):
                records += 1
                characters += len(item.text or item.html or "") + sum(
                    len(part.text) for part in item.parts
                )
            else:
                skipped += 1
            count = records + skipped
            if count < _EACH or count % 64 == 0:
                held.append((count, memory("VmRSS")))
    end = memory("VmRSS")
    tenth = next((memory for count, memory in held if count * 10 >= records + skipped), end)
    return {
        "records": records,
        "skipped": skipped,
        "characters": characters,
        "seconds": time.perf_counter() - start,
        "peak": memory("VmHWM"),
        "tenth": tenth if records + skipped >= _FEW else None,
        "end": end,
    }


def _lines(folder: Path) -> dict[str, Any]:
    """The peer: every line of every file, decompressed and counted."""
    count = 0
    start = time.perf_counter()
    for path in sorted(folder.iterdir()):
        with _opened(path) as stream:
            for _ in stream:
                count += 1
    return {"lines": count, "seconds": time.perf_counter() - start}


def _opened(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".bz2":
        return bz2.open(path, "rb")
    if path.suffix == ".zst":
        return io.BufferedReader(zstandard.open(path, "rb"))
    return path.open("rb")


def _in_child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ---- the table


def _measure(row: Row, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mowa-reader-") as name:
        folder = Path(name)
        content = row.write(folder, size)
        peer = _in_child("--lines", name)
        ours = _in_child("--read", name, row.format)
    return {"row": row.name, "content": content, "peer_seconds": peer["seconds"], **ours}


def _results(found: dict[str, Any]) -> list[dict[str, Any]]:
    name, seconds = found["row"], found["seconds"]
    tenth = None if found["tenth"] is None else found["tenth"] / 1e6
    lines = _speed(found, "peer_seconds")
    return [
        _result(f"{name}: speed", "MB/s", _speed(found, "seconds"), "Python, by lines", lines),
        _result(f"{name}: records", "records/s", found["records"] / seconds),
        _result(f"{name}: peak memory", "MB", found["peak"] / 1e6),
        _result(f"{name}: memory at the end", "MB", found["end"] / 1e6, "after a tenth", tenth)
        | {"target": _FLAT},
    ]


def _result(
    what: str, unit: str, ours: float, peer: str | None = None, value: float | None = None
) -> dict[str, Any]:
    return {
        "what": what,
        "unit": unit,
        "ours": round(ours, 1),
        "peer": peer,
        "peer_value": None if value is None else round(value, 1),
        "ratio": None if value is None else round(ours / value, 3),
        "target": None,
    }


def _speed(found: dict[str, Any], seconds: str) -> float:
    return float(found["content"] / 1e6 / found[seconds])


def _show(found: dict[str, Any]) -> None:
    tenth = "" if found["tenth"] is None else f"{found['tenth'] / 1e6:.0f}"
    flat = "" if found["tenth"] is None else f"{found['end'] / found['tenth']:.2f}"
    cells = (
        f"{found['row']:14}",
        f"{found['content'] / 1e6:8.0f}",
        f"{found['records']:10,}{found['skipped']:8,}",
        f"{_speed(found, 'seconds'):9.1f}{_speed(found, 'peer_seconds'):9.0f}",
        f"{found['peak'] / 1e6:9.0f}{tenth:>9}{found['end'] / 1e6:9.0f}{flat:>7}",
    )
    print("".join(cells), flush=True)


def main() -> None:
    """Measure the formats that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", help="rows to measure; all without")
    parser.add_argument("--megabytes", type=int, default=1_000, help="of content, for each row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--read", nargs=2, metavar=("FOLDER", "FORMAT"), help=argparse.SUPPRESS)
    parser.add_argument("--lines", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(_read(Path(arguments.read[0]), arguments.read[1])))
        return
    if arguments.lines:
        print(json.dumps(_lines(Path(arguments.lines))))
        return
    rows = [row for row in ROWS if not arguments.formats or row.name in arguments.formats]
    if unmeasured := set(_READERS) - {row.format for row in ROWS} - _LEFT_OUT:
        raise SystemExit(f"no row measures {', '.join(sorted(unmeasured))}: add one to ROWS")
    print(
        f"{'format':14}{'MB':>8}{'records':>10}{'skipped':>8}{'MB/s':>9}{'lines':>9}{'peak MB':>9}"
        f"{'at 10 %':>9}{'at end':>9}{'flat':>7}"
    )
    results = []
    for row in rows:
        found = _measure(row, arguments.megabytes * 1_000_000)
        _show(found)
        results += _results(found)
    if arguments.json:
        write_record(arguments.json, versions(_LIBRARIES), results)


if __name__ == "__main__":
    main()
