"""The sample, a person's way through it, and the page's server."""

import json

import polars as pl
import pytest
from fastapi.testclient import TestClient

from mowa.corpus._read import shard_names
from mowa.corpus.labels import Session, read_labels, stratified_sample
from mowa.corpus.labels._server import application
from mowa.errors import DataError, UsageError

POLISH = "Nad rzeką stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba numer {}."
CLASSES = ("HIGH", "MEDIUM", "LOW")
TOKEN = "znak"  # noqa: S105 - it opens nothing but the page of a test


@pytest.fixture
def corpus(world):
    rows = [
        {"id": str(n), "text": POLISH.format(n) * (n % 9 + 1), "title": f"Dom {n}"}
        for n in range(120)
    ]
    rows += [{"id": f"copy-{n}", "text": POLISH.format(0)} for n in range(20)]
    rows += [{"id": "short", "text": "Krótkie zdanie po polsku."}, {"id": "empty", "text": ""}]
    world.jsonl("teksty/a.jsonl", rows)
    return world.whole([world.inventory()]).path


def session(corpus, path, annotator="ewa", size=10, **options):
    return Session(
        corpus, path, annotator=annotator, classes=CLASSES, name="proba/corpus@dev", size=size,
        by=options.pop("by", ("source", "decision", "length")), **options,
    )  # fmt: skip


def test_a_sample_is_the_same_again_and_holds_what_is_rare(corpus):
    sample = stratified_sample(corpus, 12)
    assert sample.equals(stratified_sample(corpus, 12))
    assert not sample.equals(stratified_sample(corpus, 12, seed=1))
    assert sample["content_hash"].is_unique().all()
    assert sample.height == 12
    kinds = dict(sample["stratum"].value_counts().rows())
    assert any("reject" in kind and count == 1 for kind, count in kinds.items()), kinds
    assert stratified_sample(corpus, 10_000).height == 121


def test_numbers_are_cut_into_quarters_and_unknown_columns_refused(corpus):
    sample = stratified_sample(corpus, 40, by=("words",))
    assert set(sample["stratum"]) <= {f"words {n}/4" for n in range(1, 5)}
    assert max(sample["stratum"].value_counts()["count"]) <= 12
    with pytest.raises(UsageError, match="no column 'colour'"):
        stratified_sample(corpus, 4, by=("colour",))
    with pytest.raises(UsageError, match="no column 'text'"):
        stratified_sample(corpus, 4, by=("text",))


def test_answers_stand_in_the_file_and_a_new_session_goes_on(corpus, tmp_path):
    path = tmp_path / "l.jsonl"
    first = session(corpus, path)
    shown = first.state()["document"]
    assert first.label(shown["doc_id"], "HIGH")
    second = first.state()["document"]["doc_id"]
    assert first.skip(second)
    third = first.state()["document"]["doc_id"]
    assert first.label(third, "LOW")
    assert first.undo() == "LOW"
    assert first.state()["document"]["doc_id"] == third
    assert first.state()["done"] == 1
    assert not first.label(second, "LOW")
    assert not first.label(third, "UNKNOWN")
    first.close()
    again = session(corpus, path)
    assert again.state()["done"] == 1
    assert again.undo() is None
    other = session(corpus, path, annotator="jan")
    assert other.state()["done"] == 0
    assert other.state()["document"]["doc_id"] == shown["doc_id"]
    assert [(one.doc_id, one.label) for one in read_labels(path)] == [(shown["doc_id"], "HIGH")]


def test_everything_labelled_leaves_no_document(corpus, tmp_path):
    one = session(corpus, tmp_path / "l.jsonl", size=2)
    for _ in range(2):
        assert one.label(one.state()["document"]["doc_id"], "LOW")
    assert one.state()["document"] is None
    assert (one.state()["done"], one.state()["total"]) == (2, 2)
    assert not one.skip("anything")


def test_a_file_of_another_corpus_and_a_nameless_person_are_refused(corpus, tmp_path):
    path = tmp_path / "l.jsonl"
    record = dict.fromkeys(("doc_id", "content_hash", "annotator", "time", "corpus"), "x")
    path.write_text(json.dumps({**record, "label": "LOW"}) + "\n", "utf-8")
    with pytest.raises(DataError, match="line 1: the corpus has no document x"):
        session(corpus, path)
    with pytest.raises(UsageError, match="no name"):
        session(corpus, tmp_path / "m.jsonl", annotator=" ")


@pytest.fixture
def client(corpus, tmp_path):
    app = application(session(corpus, tmp_path / "l.jsonl"), TOKEN, 8000)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_page_labels_skips_and_takes_back(client, tmp_path):
    shown = client.get(f"/{TOKEN}/state").json()["document"]
    state = client.post(
        f"/{TOKEN}/label", json={"doc_id": shown["doc_id"], "label": "MEDIUM"}
    ).json()
    assert state["done"] == 1
    assert read_labels(tmp_path / "l.jsonl")[0].label == "MEDIUM"
    again = client.post(f"/{TOKEN}/label", json={"doc_id": shown["doc_id"], "label": "LOW"})
    assert again.status_code == 409
    second = state["document"]["doc_id"]
    after = client.post(f"/{TOKEN}/skip", json={"doc_id": second}).json()
    assert after["document"]["doc_id"] != second
    undone = client.post(f"/{TOKEN}/undo", json={}).json()
    assert (undone["undone"], undone["done"]) == ("MEDIUM", 0)
    assert undone["document"]["doc_id"] == shown["doc_id"]
    assert read_labels(tmp_path / "l.jsonl") == []


def test_the_page_loads_only_its_own_files_and_says_so(client):
    page = client.get(f"/{TOKEN}/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    for name in ("", "page.css", "page.js"):
        text = client.get(f"/{TOKEN}/{name}").text
        assert "http:" not in text
        assert "https:" not in text
    assert "innerHTML" not in client.get(f"/{TOKEN}/page.js").text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/state", {}, 404),
        ("/", {}, 404),
        ("/wrong/state", {}, 404),
        (f"/{TOKEN}/secret", {}, 404),
        (f"/{TOKEN}/..%2f_server.py", {}, 404),
        (f"/{TOKEN}/docs", {}, 404),
        (f"/{TOKEN}/state", {"Host": "evil.example:8000"}, 403),
        (f"/{TOKEN}/state", {"Host": "127.0.0.1:9"}, 403),
        (f"/{TOKEN}/state", {"Origin": "http://evil.example"}, 403),
        (f"/{TOKEN}/state", {"Origin": "http://127.0.0.1:8000"}, 200),
    ],
)
def test_other_tokens_hosts_and_origins_are_refused(client, path, headers, status):
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    assert "content-security-policy" in answer.headers


def test_large_and_odd_bodies_are_refused(client):
    where = f"/{TOKEN}/label"
    assert client.post(where, json={"doc_id": "x" * 3000}).status_code == 413
    assert client.post(where, data={"doc_id": "x"}).status_code == 415
    endless = client.post(
        where, content=iter([b"{}"]), headers={"content-type": "application/json"}
    )
    assert endless.status_code == 411
    assert client.post(where, json={"doc_id": 3}).status_code == 422
    assert client.post(where, json={"doc_id": "x", "label": "LOW"}).status_code == 409


def test_a_long_text_is_shown_in_part(world, tmp_path):
    records = [{"id": str(n), "text": POLISH.format(n) * 400} for n in range(30)]
    world.jsonl("teksty/a.jsonl", records)
    corpus = world.whole([world.inventory()], held_out=0.3).path
    shown = session(corpus, tmp_path / "l.jsonl").state()["document"]
    assert shown["cut"]
    assert len(shown["text"]) == 20_000 < shown["characters"]
    texts = pl.concat(
        [pl.read_parquet(corpus / "documents" / f"{name}.parquet") for name in shard_names(corpus)]
    )
    whole = texts.filter(pl.col("doc_id") == shown["doc_id"])["text"].item()
    assert whole.startswith(shown["text"])
