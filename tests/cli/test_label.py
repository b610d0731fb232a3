"""`mowa corpus label` and `mowa corpus train-classifier`, as a person runs them."""

import json
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from mowa.cli._corpus import corpus_app
from mowa.corpus.classifiers import load
from mowa.corpus.labels import read_labels
from mowa.errors import UsageError
from tests.corpus.conftest import World

PATIENCE = 120  # seconds that a busy machine may take
TEXT = "Nad rzeką stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba numer {}. "


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("korpus"))
    rows = [
        {"id": str(n), "text": TEXT.format(n) * (1 if n % 2 else 6), "title": f"Dom numer {n}"}
        for n in range(80)
    ]
    world.jsonl("teksty/a.jsonl", rows)
    return world.whole([world.inventory()]).path


def test_a_killed_page_keeps_every_answer_and_goes_on(corpus, tmp_path):
    labels = tmp_path / "l.jsonl"
    command = [
        sys.executable, "-m", "mowa", "corpus", "label", str(corpus), "--labels", str(labels),
        "--annotator", "ewa", "--sample", "12", "--lang", "pl",
    ]  # fmt: skip
    for round_ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            told = server.stdout.readline(), server.stdout.readline().strip()
            assert told[0].startswith(f"{5 * round_} of 12")
            address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/[\w-]{32}/)\?lang=pl", told[1])[1]
            state = httpx.get(f"{address}state", timeout=PATIENCE).json()
            for _ in range(5):
                answer = {"doc_id": state["document"]["doc_id"], "label": "MEDIUM"}
                state = httpx.post(f"{address}label", json=answer, timeout=PATIENCE).json()
            os.kill(server.pid, signal.SIGKILL)
        assert len(read_labels(labels)) == 5 * (round_ + 1)


def test_a_classifier_is_trained_from_the_command_line(corpus, tmp_path):
    labels, out = tmp_path / "l.jsonl", tmp_path / "m"
    lines = [
        {**row, "annotator": "ewa", "time": "t", "corpus": "c"} for row in said_by_length(corpus)
    ]
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    ran = CliRunner().invoke(
        corpus_app,
        ["train-classifier", str(corpus), "--labels", str(labels), "--out", str(out),
         "--classes", "HIGH,LOW"],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "accuracy 100.0%" in ran.output
    assert load(out).classes == ("HIGH", "LOW")
    assert "Classifier of quality" in (out / "report.html").read_text("utf-8")


def said_by_length(corpus):
    import polars as pl

    frame = pl.read_parquet(corpus / "documents" / "*.parquet")
    return [
        {"doc_id": doc, "content_hash": mark, "label": "HIGH" if len(text) > 300 else "LOW"}
        for doc, mark, text in frame.select("doc_id", "content_hash", "text").rows()
    ]


def test_unknown_classes_and_two_ways_to_name_them_are_refused(corpus, tmp_path):
    labels = tmp_path / "l.jsonl"
    row = said_by_length(corpus)[0]
    line = {**row, "label": "HIHG", "annotator": "ewa", "time": "t", "corpus": "c"}
    labels.write_text(json.dumps(line) + "\n", "utf-8")
    options = ["label", str(corpus), "--labels", str(labels), "--annotator", "ewa"]
    ran = CliRunner().invoke(corpus_app, options)
    assert "line 1: unknown class 'HIHG'" in str(ran.exception)
    file = tmp_path / "t.txt"
    file.write_text("a\nb\n", "utf-8")
    both = CliRunner().invoke(
        corpus_app, [*options, "--classes", "a,b", "--classes-file", str(file)]
    )
    assert isinstance(both.exception, UsageError)
    other = CliRunner().invoke(corpus_app, [*options, "--by", "kolor", "--classes", "HIHG,b"])
    assert "no column 'kolor'" in str(other.exception)
