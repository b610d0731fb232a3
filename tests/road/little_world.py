"""A project small enough to walk the whole road in seconds: texts, notes and a WARC."""

import gzip
import io
import json
import os
import random

from mowa.workspace import write_text

_PLACES = [
    "Zgierz",
    "Łódź",
    "Płock",
    "Żywiec",
    "Świdnica",
    "Chełm",
    "Gdynia",
    "Jasło",
    "Ełk",
    "Środa",
]
_WHO = [
    "burmistrz",
    "nauczycielka",
    "piekarz",
    "leśniczy",
    "ogrodniczka",
    "listonosz",
    "lekarka",
    "szewc",
]
_WHAT = ("naprawia most", "sadzi lipy", "piecze chleb na zakwasie", "liczy żurawie nad łąką",
         "czyta dzieciom baśnie", "gotuje żurek z jajkiem", "pisze list do urzędu")  # fmt: skip
_WHEN = ("wczesnym rankiem", "po południu", "w każdą środę", "na początku września", "zimą")
_MORE = (
    "Wszyscy we wsi wiedzą, że to dobra robota i że nie można się z nią spieszyć.",
    "Potem jest jeszcze chwila na herbatę, bo do wieczora zostało trochę czasu.",
    "Nikt nie pamięta, kto był pierwszy, ale każdy chętnie o tym opowiada przy stole.",
    "Kiedy pada deszcz, trzeba poczekać, aż woda w rzece opadnie i droga wyschnie.",
)

SOURCE = """
name = "{name}"
title = "Made-up texts"
holder = "Nobody"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
language = "pol"
collected_at = 2026-01-01
collected_how = "written by a test"
"""

RECIPE = """
name = "tiny"

[steps.texts]
does = "inventory"
source = "texts"
path = "texts"

[steps.web]
does = "inventory"
source = "web"
path = "web"

[steps.text-documents]
does = "documents"
reads = "texts"

[steps.web-documents]
does = "documents"
reads = "web"

[steps.signals]
does = "signals"
reads = ["text-documents", "web-documents"]

[steps.corpus]
does = "corpus"
reads = ["text-documents", "web-documents", "signals"]
held_out = 0.1

[steps.tokenizer]
does = "tokenizer"
reads = "corpus"
vocab_size = 400
reserved_tokens = 2

[steps.tokens]
does = "tokens"
reads = ["corpus", "tokenizer"]

[steps.base]
does = "pretrain"
reads = ["tokens", "tokenizer"]
sequence_length = 32
global_batch_size = 128
steps = 6
learning_rate = 1e-2
precision = "fp32"
threads = 1
checkpoint_every_steps = 2
prompts = ["W Krakowie"]
prompt_tokens = 5

[steps.base.architecture]
hidden_size = 16
layers = 1
heads = 2
context = 32

[steps.scores]
does = "scores"
reads = ["base", "tokens", "corpus"]
bootstrap_samples = 100
"""


def text(seed):
    """Some three to six hundred characters, different for every seed."""
    rng = random.Random(f"little/{seed}")
    sentences = []
    for _ in range(rng.randint(3, 5)):
        who = f"{rng.choice(_WHO).capitalize()} z miejscowości {rng.choice(_PLACES)}"
        sentences.append(f"{who} {rng.choice(_WHEN)} {rng.choice(_WHAT)} i ma numer {seed}.")
        sentences.append(rng.choice(_MORE))
    return " ".join(sentences)


def page(body):
    return (
        "<html lang='pl'><head><meta charset='utf-8'><title>Strona</title></head>"
        f"<body><nav><a href='/'>Start</a></nav><main><p>{body}</p></main></body></html>"
    ).encode()


def warc_record(kind, url, payload, number, http=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"):
    content = http + f"Content-Length: {len(payload)}\r\n\r\n".encode() + payload
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
        "WARC-Date: 2026-01-02T03:04:05Z\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def write_warc(path, records):
    out = io.BytesIO()
    for record in records:
        out.write(gzip.compress(record, mtime=0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.getvalue())


def make_project(folder, texts=60):
    """Write the project; of the texts one is short, one foreign, one empty, one a duplicate."""
    for name in ("texts", "web"):
        write_text(folder / "sources" / f"{name}.toml", SOURCE.format(name=name))
    write_text(folder / "recipes" / "tiny.toml", RECIPE)
    for number in range(texts):
        write_text(folder / "data" / "texts" / f"t{number:03}.txt", text(number))
    write_text(
        folder / "data" / "texts" / "short.txt",
        "Ten tekst jest za krótki, żeby go zachować, choć napisano go po polsku i z ogonkami.",
    )
    write_text(folder / "data" / "texts" / "empty.txt", "")
    english = "This page is in English, and it says so in quite a few plain words. " * 8
    write_text(folder / "data" / "texts" / "english.txt", english)
    notes = [{"id": f"n{n}", "text": text(500 + n), "title": "Notatka"} for n in range(20)]
    write_text(
        folder / "data" / "texts" / "notes.jsonl",
        "".join(json.dumps(note, ensure_ascii=False) + "\n" for note in notes),
    )
    pages = [
        warc_record("response", f"https://gmina.example/{n}", page(text(900 + n)), n)
        for n in range(20)
    ]
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
    pages.append(warc_record("response", "https://gmina.example/x", page("nie ma"), 98, gone))
    pages.append(warc_record("response", "https://lustro.example/", page(text(0)), 99))
    write_warc(folder / "data" / "web" / "pages.warc.gz", pages)
    # Old enough for an inventory to remember their hashes, however fast the machine is.
    for path in (folder / "data").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder
