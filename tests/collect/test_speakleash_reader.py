"""Datasets in SpeakLeash's form, made as their catalogue and postprocessor make them."""

import json

import pytest
import zstandard

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError

TEXTS = ["Forum o żeglarstwie na Mazurach.", "Drugi wątek: ożaglowanie.", "Trzeci."]

META = {
    "url": "https://forum.example/1",
    "topic_title": "Żagle",
    "length": 32,
    "characters": 32,
    "sentences": 1,
    "words": 4,
    "verbs": 0,
    "oovs": 0,
    "avg_word_length": 6.75,
    "gunning_fog": 11.2,
    "quality": "HIGH",
    "language": {"lang": "pl", "score": 0.98},
    "category": {"Sport": 81.2},
}


def dataset(folder, *, metas=(META, {}, {}), lines=None, **manifest):
    """NAME.jsonl.zst and NAME.manifest; a manifest's key that is None is left out."""
    raw = lines or b"".join(
        json.dumps({"text": text, "meta": meta}, ensure_ascii=False).encode() + b"\n"
        for text, meta in zip(TEXTS, metas, strict=True)
    )
    name = "forum_zagle"
    path = folder / f"{name}.jsonl.zst"
    path.write_bytes(zstandard.compress(raw))
    about = {
        "project": "SpeakLeash",
        "name": name,
        "description": "Collection of threads",
        "license": "CC-BY 4.0",
        "category": "Forum",
        "language": "pl",
        "file_size": path.stat().st_size,
        "sources": [{"name": "forum", "url": "https://forum.example", "license": "CC-BY 4.0"}],
        "stats": {"documents": 3, "characters": sum(map(len, TEXTS)), "words": 11},
        "creation_date": "2024-01-02 03:04:05",
        "updated_date": "2024-01-02 03:04:05",
        **manifest,
    }
    kept = {key: value for key, value in about.items() if value is not None}
    (folder / f"{name}.manifest").write_text(json.dumps(kept), "utf-8")
    return path


def read(path, **options):
    name = f"sl/{path.name}"
    return list(read_file(path, name, ReaderOptions(format="speakleash", **options)))


def test_a_dataset_is_read_with_the_licence_of_its_manifest(tmp_path):
    records = read(dataset(tmp_path))
    assert records[0] == Record(
        key="sl/forum_zagle.jsonl#1",
        locator="sl/forum_zagle.jsonl.zst#line=1",
        text=TEXTS[0],
        url="https://forum.example/1",
        title="Żagle",
        language="pl",
        licence="CC-BY-4.0",
    )
    assert [record.text for record in records] == TEXTS


def test_the_best_title_counts_and_a_language_may_be_bare(tmp_path):
    metas = (
        {"name": "plik.txt", "topic_title": "wątek", "title": "Tytuł", "language": "pl"},
        {"name": "plik.txt", "topic_title": " ", "language": {"score": 1}},
        {"name": 7},
    )
    records = read(dataset(tmp_path, metas=metas))
    assert [record.title for record in records] == ["Tytuł", "plik.txt", None]
    assert [record.language for record in records] == ["pl", None, None]


def test_a_record_may_have_an_id_and_a_licence_of_its_own(tmp_path):
    metas = ({"doc_id": "a1", "licence": "CC0-1.0", "author": "Ala", "date": "2001"}, {}, {})
    first, second, _ = read(dataset(tmp_path, metas=metas))
    assert (first.key, first.licence, first.author, first.date) == ("a1", "CC0-1.0", "Ala", "2001")
    assert second.licence == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("licence", "expected", "notes"),
    [
        ("Custom license", "Custom license", ("unknown-licence",)),
        ("", None, ()),
        (None, None, ()),
        (7, None, ()),
    ],
)
def test_a_licence_that_is_none_is_left_to_the_source(tmp_path, licence, expected, notes):
    record = read(dataset(tmp_path, license=licence))[0]
    assert (record.licence, record.notes) == (expected, notes)


def test_manifests_and_samples_are_no_records(tmp_path):
    dataset(tmp_path)
    (tmp_path / "forum_zagle.sample").write_text("[]")
    for kind in ("manifest", "sample"):
        (item,) = read(tmp_path / f"forum_zagle.{kind}")
        assert item == Skipped(f"sl/forum_zagle.{kind}", kind)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"name": "inny"}, "name is inny, found forum_zagle"),
        ({"file_size": 17}, "file_size is 17, found "),
        ({"stats": {"documents": 4}}, "stats.documents is 4, found 3"),
        ({"stats": {"characters": 1.5}}, "stats.characters is 1.5, found 64"),
    ],
)
def test_a_manifest_that_disagrees_is_refused_or_counted(tmp_path, change, detail):
    path = dataset(tmp_path, **change)
    *records, last = read(path, bad_input="skip")
    assert [record.text for record in records] == TEXTS
    assert (last.locator, last.reason) == (
        "sl/forum_zagle.jsonl.zst#manifest",
        "manifest-disagrees",
    )
    assert detail in last.detail
    with pytest.raises(DataError, match="the manifest does not fit its file") as caught:
        read(path)
    assert detail in str(caught.value)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (None, "there is no forum_zagle.manifest"),
        (b"{", "forum_zagle.manifest: invalid-json"),
        (b"\xb3", "forum_zagle.manifest: invalid-utf-8"),
        (b"[]", "forum_zagle.manifest is no object"),
        (b"[" * 100_000, "forum_zagle.manifest: invalid-json"),
        (b" " * (17 << 20), "forum_zagle.manifest is larger than 16 MiB"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_or_counted(tmp_path, content, detail):
    path = dataset(tmp_path)
    path.with_name("forum_zagle.manifest").unlink()
    if content is not None:
        path.with_name("forum_zagle.manifest").write_bytes(content)
    *records, last = read(path, bad_input="skip")
    assert [record.licence for record in records] == [None] * 3
    assert last.detail.startswith(detail)
    with pytest.raises(DataError):
        read(path)


@pytest.mark.parametrize("stats", [None, {}, [], {"documents": None}])
def test_what_a_manifest_does_not_say_is_no_difference(tmp_path, stats):
    assert len(read(dataset(tmp_path, stats=stats))) == 3


def test_where_a_line_is_broken_the_sums_are_not_held_against_the_manifest(tmp_path):
    lines = b'{"text": "a", "meta": {}}\n{"meta": {}}\n\n{"text": "b", "meta": 7}\n'
    found = read(dataset(tmp_path, lines=lines), bad_input="skip")
    assert [getattr(item, "reason", "") for item in found] == ["", "no-text-field", ""]


def test_a_file_that_was_unpacked_is_not_held_against_its_packed_size(tmp_path):
    path = dataset(tmp_path)
    plain = path.with_name("forum_zagle.jsonl")
    plain.write_bytes(zstandard.decompress(path.read_bytes()))
    assert [record.text for record in read(plain)] == TEXTS


def test_auto_reads_lines_as_lines(tmp_path):
    path = dataset(tmp_path)
    found = list(read_file(path, path.name, ReaderOptions(url_field="meta.url")))
    assert (found[0].url, found[0].licence) == ("https://forum.example/1", None)
