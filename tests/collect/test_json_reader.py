import gzip
import json

import pytest
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, format_of, read_file
from mowa.errors import DataError


def raw(value):
    return json.dumps(value, ensure_ascii=False).encode()


ARTICLES = {"1": "Kto zabija człowieka,", "148 a": "podlega karze."}


def test_an_object_of_texts_is_a_record_a_key(read):
    assert read("kodeks/kk.json", raw(ARTICLES), format="json") == [
        Record(key="kodeks/kk.json#1", locator="kodeks/kk.json#1", text="Kto zabija człowieka,"),
        Record(key="kodeks/kk.json#148 a", locator="kodeks/kk.json#148 a", text="podlega karze."),
    ]


def test_a_list_is_a_record_a_member(read):
    members = [
        {"text": "Pierwszy.", "id": "a"},
        {"text": "Drugi.", "url": "https://a.pl"},
        "Trzeci",
    ]
    found = read("d.json.gz", gzip.compress(raw(members), mtime=0), format="json")
    assert [record.key for record in found] == ["a", "d.json#1", "d.json#2"]
    assert [record.text for record in found] == ["Pierwszy.", "Drugi.", "Trzeci"]
    assert found[2].locator == "d.json.gz#item=2"


def test_records_may_lie_deeper(read):
    value = {"status": "ok", "result": {"items": [{"body": "Uchwała."}], "pages": 1}}
    options = {"format": "json", "records_path": "result.items", "text_field": "body"}
    assert [record.text for record in read("d.json", raw(value), **options)] == ["Uchwała."]
    with pytest.raises(DataError, match="no records at records_path") as caught:
        read("d.json", raw(value), format="json", records_path="result.pages")
    assert "the file has status, result" in str(caught.value)


def test_an_object_with_the_text_itself_is_one_record(read):
    value = {"id": 3, "text": "Jedna wiadomość.", "tags": ["a"]}
    assert read("w/3.json", raw(value), format="json") == [
        Record(key="3", locator="w/3.json", text="Jedna wiadomość.")
    ]


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (7, "invalid-json"),
        (None, "invalid-json"),
        ({"title": "x"}, "no-text-field"),
        ({"text": None}, "no-text-field"),
        ({"text": "a", "id": 1.5}, "invalid-id"),
        ("ż" * 51, "record-too-large"),
        ("\ud800", "invalid-utf-8"),
    ],
)
def test_a_broken_member_is_refused_by_its_place_or_counted(read, member, reason):
    content = json.dumps(["a", member, "b"]).encode()
    found = read("d.json", content, format="json", bad_input="skip", max_record_bytes=100)
    assert isinstance(found[1], Skipped)
    assert (found[1].locator, found[1].reason) == ("d.json#item=1", reason)
    assert [found[0].text, found[2].text] == ["a", "b"]
    with pytest.raises(DataError, match="item=1"):
        read("d.json", content, format="json", max_record_bytes=100)


def test_a_key_that_stands_twice_would_lose_a_record(outline):
    content = b'{"1": "pierwszy", "1": "drugi"}'
    assert outline("d.json", content, format="json", bad_input="skip") == ["-invalid-json"]
    deeper = b'[{"text": "a", "meta": {"x": 1, "x": 2}}]'
    assert outline("d.json", deeper, format="json") == ["d.json#0"]


@pytest.mark.parametrize("value", ["tekst", 7, None, True])
def test_what_is_neither_list_nor_object_is_always_an_error(read, value):
    with pytest.raises(DataError, match="neither a list nor an object"):
        read("d.json", raw(value), format="json", bad_input="skip")


def test_a_file_cut_short_is_refused_or_counted_whole(outline):
    assert outline("d.json", raw(ARTICLES)[:-9], format="json", bad_input="skip") == [
        "-invalid-json"
    ]
    assert outline("d.json", b"[]", format="json") == []
    assert outline("d.json", b"{}", format="json") == []


def test_json_is_squad_by_name_and_the_message_says_how_else(read):
    assert format_of("a.json", ReaderOptions()) == "squad"
    with pytest.raises(DataError, match='format = "json"'):
        read("kk.json", raw(ARTICLES))


def test_the_codes_are_read_article_by_article():
    folder = real("text/kodeksy-json")
    options = ReaderOptions(format="json")
    found = {
        name: list(read_file(folder / name, name, options)) for name in ("kk.json", "kpa.json")
    }
    assert {name: len(records) for name, records in found.items()} == {
        "kk.json": 458,
        "kpa.json": 303,
    }
    assert found["kk.json"][0].text.startswith("§ 1. Odpowiedzialności karnej podlega ten tylko")
    assert found["kk.json"][0].locator == "kk.json#1"
