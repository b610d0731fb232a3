"""Label files: what stands, what is refused, and that nothing said is lost."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus.labels import Label, LabelWriter, read_classes, read_labels
from mowa.errors import DataError, MowaError, UsageError

NOW = "2026-01-31T12:00:00+00:00"


def label(document="d1", said="HIGH", annotator="ewa", mark="h1"):
    return Label(document, mark, said, annotator, NOW, "proba/corpus@1")


def written(path, *labels):
    with LabelWriter(path) as writer:
        for one in labels:
            writer.add(one)
    return path


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.builds(label, names, names, names, names), max_size=8))
def test_what_is_written_is_read_the_last_word_of_each_person_counting(tmp_path_factory, labels):
    path = written(tmp_path_factory.mktemp("labels") / "l.jsonl", *labels)
    standing = {}
    for one in labels:
        standing[one.doc_id, one.annotator] = one
    assert read_labels(path) == list(standing.values())


def test_undo_takes_back_and_a_later_answer_stands(tmp_path):
    path = written(tmp_path / "l.jsonl", label(), label(said=None), label("d2"), label("d2", "LOW"))
    assert [(one.doc_id, one.label) for one in read_labels(path)] == [("d2", "LOW")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"doc_id": "d1"', "line 3: this is no JSON"),
        (b"[1]", "line 3: a label has the fields doc_id"),
        (b'{"doc_id": "d1"}', "line 3: a label has the fields content_hash, label"),
        (b'\xff\xfe{"doc_id"', "line 3: this is no JSON"),
        (b"[" * 4000, "line 3: this is no JSON"),
        (b" " * 5000, "line 3: longer than 4,096 bytes"),
    ],
    ids=["cut-json", "list", "missing", "not-utf8", "nested", "long"],
)
def test_a_line_that_is_no_label_is_named_by_its_number(tmp_path, line, message):
    path = written(tmp_path / "l.jsonl", label(), label("d2"))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=message):
        read_labels(path)


def test_a_value_of_another_type_is_refused(tmp_path):
    path = written(tmp_path / "l.jsonl", label())
    record = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**record, "label": 3}) + "\n", "utf-8")
    with pytest.raises(DataError, match="line 1: label must be text, not 3"):
        read_labels(path)


def test_a_cut_last_line_is_refused_whether_or_not_it_is_whole(tmp_path):
    path = written(tmp_path / "l.jsonl", label(), label("d2"))
    for cut in (1, 20):
        path.write_bytes(path.read_bytes()[:-cut])
        with pytest.raises(DataError, match="line 2: the line is cut"):
            read_labels(path)


def test_unknown_classes_and_documents_are_refused_by_line(tmp_path):
    path = written(tmp_path / "l.jsonl", label(), label("d2", "HIHG"))
    with pytest.raises(DataError, match="line 2: unknown class 'HIHG'"):
        read_labels(path, ("HIGH", "LOW"))
    with pytest.raises(DataError, match="line 2: the corpus has no document d2"):
        read_labels(path, hashes={"d1": "h1"})
    with pytest.raises(DataError, match="line 1: the document d1 has another text now"):
        read_labels(path, hashes={"d1": "other", "d2": "h1"})
    assert len(read_labels(path, ("HIGH", "HIHG"), {"d1": "h1", "d2": "h1"})) == 2


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = written(tmp_path / "l.jsonl", label())
    before = path.read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:30]))
    with LabelWriter(path) as writer, pytest.raises(MowaError, match="the disk is full"):
        writer.add(label("d2"))
    assert path.read_bytes() == before


def test_a_killed_writer_and_two_at_once_lose_nothing(tmp_path):
    path = tmp_path / "l.jsonl"
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from mowa.corpus.labels import Label, LabelWriter\n"
        "writer = LabelWriter(Path(sys.argv[1]))\n"
        "for n in range(40): writer.add(Label(f'd{n}', 'h', 'LOW', sys.argv[2], 'now', 'c'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    people = [
        subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in ("ewa", "jan")
    ]
    assert [one.wait() for one in people] == [-9, -9]
    assert len(read_labels(path)) == 80


def test_classes_come_from_a_file_without_its_remarks(tmp_path):
    path = tmp_path / "topics.txt"
    path.write_text("# tematy\nsport\n\n  film i teatr \n", "utf-8")
    assert read_classes(path) == ("sport", "film i teatr")
    for text, message in (("a\na\n", "named twice"), ("a\n", "2 to"), ("a\nb\x07\n", "no name")):
        path.write_text(text, "utf-8")
        with pytest.raises(UsageError, match=message):
            read_classes(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_classes(tmp_path / "absent.txt")
