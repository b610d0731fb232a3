"""Teachers that follow a script over real HTTP, and a corpus small enough to be written by hand."""

import json
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mowa import languages
from mowa.corpus._schema import DECISIONS, DOCUMENTS, write_frame
from mowa.execution import Context, Ledger
from mowa.inference import Message, OpenAIEngine, Patience
from mowa.instructions import Dialogue
from mowa.instructions.making import ModelConfig
from mowa.instructions.making._teacher import Teacher
from mowa.workspace import Artifact
from tests.inference.scripted_server import serving, turn

QUICK = Patience(retries=1, backoff=0.01, max_wait=1.0, connect=5, read=5, whole=20)

PARAGRAPHS = (
    "Nad brzegiem rzeki stoi stary młyn, który od lat jest zamknięty i powoli niszczeje.",
    "Mieszkańcy wsi zebrali podpisy, ponieważ chcą, żeby gmina go odnowiła i otworzyła.",
    "Wójt obiecał, że prace zaczną się wiosną, jeżeli znajdą się na nie pieniądze.",
    "Dawny właściciel opowiada, że w młynie mielono mąkę dla całej okolicy.",
)


def document(number):
    """Four paragraphs, different for each number."""
    return "\n".join(f"{paragraph} Dokument {number}." for paragraph in PARAGRAPHS)


def make_corpus(folder, count=12, shards=2):
    """A corpus of `count` documents that are kept for training, and two that are not."""
    rows = [
        {
            "doc_id": f"{number:032x}",
            "text": document(number),
            "title": f"Młyn {number}",
            "source": "gazeta",
            "licence": "CC-BY-4.0" if number % 2 else "CC0-1.0",
            "author": "Jan Młynarz",
            "decision": "keep",
            "split": "train",
        }
        for number in range(count)
    ]
    other = {"text": "Tego nikt nie ma widzieć. " * 20, "licence": "CC0-1.0", "source": "gazeta"}
    rows.append({**other, "doc_id": "f" * 32, "decision": "reject", "split": None})
    rows.append({**other, "doc_id": "e" * 32, "decision": "keep", "split": "held_out"})
    names = [f"{shard:05}" for shard in range(shards)]
    for place, name in enumerate(names):
        part = rows[place::shards]
        for kind, schema in (("documents", DOCUMENTS), ("decisions", DECISIONS)):
            columns = {field: [row.get(field) for row in part] for field in schema.names}
            types = {field.name: pl.String for field in schema if field.name != "schema"}
            frame = pl.DataFrame(
                columns, schema={"schema": pl.Int16, **types} if kind == "documents" else types
            )
            write_frame(folder / kind / f"{name}.parquet", frame, schema)
    (folder / "manifest.json").write_text(json.dumps({"shards": [{"name": n} for n in names]}))
    return folder


def artifact(path, kind, name="x/y", licence="CC0-1.0"):
    """A folder as a step reads it."""
    return Artifact(
        path=Path(path), kind=kind, name=name, version="dev", fingerprint="0" * 32, revision=1,
        config={}, runtime={}, inputs=(), code={}, created="", seconds=0.0, files=(), metrics={},
        rights={"licences": [licence]},
    )  # fmt: skip


def context_in(folder, cache="answers.json"):
    """A context whose journal lies in `folder`."""
    return Context(
        language=languages.load("pol"),
        data=Path(folder),
        sources=Path(folder),
        workers=1,
        ledger=Ledger(Path(folder) / "ledger.jsonl"),
        cache=Path(folder) / cache,
    )


def teacher_at(server, name="mowa-1", patience=QUICK, engine_prices=None, **options):
    """A teacher behind a scripted server, that waits only a little."""
    engine = OpenAIEngine(server.url, name, patience=patience, concurrency=4, prices=engine_prices)
    return Teacher(engine, ModelConfig(name=name, url=server.url, **options), name)


def question_of(body):
    return body["messages"][-1]["content"]


ANSWERS = {
    "Streszczenie:": "Streszczenie: Wieś prosi gminę o remont młyna, który stoi pusty nad wodą.",
    "Temat:": "Temat: życie codzienne",
    "Użytkownik:": (
        "Użytkownik: Czy ten młyn nad rzeką jeszcze działa?\n"
        "Asystent: Nie, od lat jest zamknięty.\n"
        "Użytkownik: A kiedy zaczną się prace?\n"
        "Asystent: Wójt mówi, że wiosną, jeżeli znajdą się pieniądze."
    ),
    "Prościej:": (
        "Prościej: Przy rzece jest stary młyn. Nikt w nim nie pracuje. Ludzie ze wsi chcą, żeby"
        " gmina go naprawiła. Wójt mówi, że może wiosną, ale potrzebne są pieniądze."
    ),
    "Swobodnie:": (
        "Swobodnie: Hej, wójt obiecał, że wiosną wezmą się za nasz młyn. Oby były pieniądze!\n"
        "Urzędowo: Uprzejmie informuje się, że prace przy młynie rozpoczną się wiosną, o ile"
        " zostaną zapewnione środki."
    ),
    "Odpowiedź:": (
        "Pytanie: Co stoi nad brzegiem rzeki?\nOdpowiedź: Nad brzegiem rzeki stoi stary młyn."
    ),
}


def good_answer(asked):
    """What a good teacher writes to any of our prompts."""
    return next(text for label, text in ANSWERS.items() if f"\n{label}" in asked)


def numbered(asked):
    """The number of the document that a question is about."""
    return asked.rpartition("Dokument ")[2].partition(".")[0]


def good(path, body, number):
    """A server that answers well, each document otherwise."""
    asked = question_of(body)
    return turn(good_answer(asked).replace("młyn", f"młyn numer {numbered(asked)}", 1))


def translator(path, body, number):
    """A server that translates ``What is number 3?``, ``It is 3.`` and ``No 3.``."""
    asked = question_of(body).strip()
    number = asked.rstrip("?.")[-1]
    if asked.endswith("?"):
        return turn(f"Co to jest {number}?")
    return turn(f"Nie {number}." if "No " in asked.rpartition(":\n")[2] else f"To {number}.")


@contextmanager
def teaching(script=good, **options):
    """A server with a script, and the teacher behind it."""
    with serving(script) as server:
        teacher = teacher_at(server, **options)
        yield server, teacher
        teacher.engine.close()


def talk(number="1", *contents):
    """A dialogue of these turns."""
    contents = contents or ("Co to jest?", "To jest młyn.")
    roles = ("user", "assistant")
    return Dialogue(
        number,
        tuple(Message(roles[place % 2], text) for place, text in enumerate(contents)),
        licence="CC-BY-4.0",
        source="zbiór",
    )


def rejects_in(folder):
    """Rows of `rejected.parquet`."""
    return pq.read_table(Path(folder) / "rejected.parquet").to_pylist()


def table_of(path):
    table: pa.Table = pq.read_table(path)
    return table
