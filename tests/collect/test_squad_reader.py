import gzip
import json

import pytest

from mowa.collect import Record, Skipped
from mowa.collect.readers import _json
from mowa.errors import DataError

ARTICLES = [
    {
        "id": 1010,
        "title": "Źródło",
        "url": "https://pl.wikipedia.org/wiki/Źródło",
        "paragraphs": [{"context": "Źródło bije.", "qas": []}, {"context": "I płynie."}],
    },
    {"id": "x", "paragraphs": [{"context": "Bez tytułu."}]},
    {"title": "", "paragraphs": [{"context": "Bez numeru."}]},
]


def raw(data, **more):
    return json.dumps({"version": "1", "data": data, **more}).encode()


def test_each_paragraph_is_a_record_of_its_article(read):
    records = read("wiki/dane.json", raw(ARTICLES))
    assert records[0] == Record(
        key="1010/0",
        locator="wiki/dane.json#paragraph=0/0",
        text="Źródło bije.",
        title="Źródło",
        url="https://pl.wikipedia.org/wiki/Źródło",
    )
    assert [record.key for record in records] == [
        "1010/0",
        "1010/1",
        "x/0",
        "wiki/dane.json#2/0",
    ]
    assert [record.title for record in records[2:]] == [None, None]


def test_compression_changes_no_key(outline):
    keys = outline("d.json", raw(ARTICLES))
    assert outline("d.json.gz", gzip.compress(raw(ARTICLES), mtime=0)) == keys


def test_a_set_without_articles_holds_nothing(outline):
    assert outline("d.json", raw([])) == []


@pytest.mark.parametrize(
    ("paragraph", "reason"),
    [
        ({}, "no-text-field"),
        ({"context": 7}, "no-text-field"),
        ("tekst", "no-text-field"),
        ({"context": "\ud800"}, "invalid-utf-8"),
        ({"context": "ż" * 51}, "record-too-large"),
    ],
)
def test_a_broken_paragraph_is_refused_by_its_place_or_skipped(read, paragraph, reason):
    data = raw([*ARTICLES, {"paragraphs": [{"context": "a"}, paragraph, {"context": "b"}]}])
    found = read("d.json", data, bad_input="skip", max_record_bytes=100)
    assert len(found) == 7
    assert isinstance(found[5], Skipped)
    assert (found[5].locator, found[5].reason) == ("d.json#paragraph=3/1", reason)
    with pytest.raises(DataError, match="paragraph=3/1"):
        read("d.json", data, max_record_bytes=100)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "invalid-json"),
        (b'{"data": [', "invalid-json"),
        (b'{"data": "\xb3"}', "invalid-utf-8"),
        (b"[" * 100_000, "invalid-json"),
    ],
)
def test_a_file_that_is_no_json_is_refused_or_skipped_whole(outline, content, reason):
    assert outline("d.json", content, bad_input="skip") == [f"-{reason}"]
    with pytest.raises(DataError, match=r"^d\.json: "):
        outline("d.json", content)


def test_a_file_cut_short_is_refused_or_skipped_whole(outline):
    packed = gzip.compress(raw(ARTICLES), mtime=0)[:-20]
    assert outline("d.json.gz", packed, bad_input="skip") == ["-truncated-gzip"]


@pytest.mark.parametrize(
    "value", [[], "tekst", None, {}, {"data": {}}, {"data": [7]}, {"data": [{"paragraphs": None}]}]
)
@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
def test_json_of_another_form_is_always_an_error(read, value, bad_input):
    with pytest.raises(DataError, match="not in SQuAD's form"):
        read("d.json", json.dumps(value).encode(), bad_input=bad_input)


def test_a_file_too_large_to_parse_is_refused(read, monkeypatch):
    monkeypatch.setattr(_json, "MAX_FILE_BYTES", 3 << 20)
    with pytest.raises(DataError, match="more than 3 MiB") as caught:
        read("d.json.gz", gzip.compress(bytes((3 << 20) + 1), mtime=0), bad_input="skip")
    assert ".jsonl" in str(caught.value)
