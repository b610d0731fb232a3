import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record
from mowa.collect.readers._fields import lookup
from mowa.corpus._extract import extract
from mowa.errors import DataError


def line(value):
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


PRESS = {
    "uid": 7,
    "head": "Most na Wiśle",
    "lead": "Otwarto nowy most.",
    "body": "Pierwsze auta przejechały o świcie.",
    "meta": {"url": "https://przyklad.pl/most", "tags": ["kraj"], "by": {"name": "Jan Nowak"}},
    "source": [{"licence": "CC-BY-4.0"}],
    "meta.lang": "pol",
}


def test_a_path_leads_into_objects_and_lists(read):
    (record,) = read(
        "n.jsonl",
        line(PRESS),
        id_field="uid",
        text_field="body",
        title_field="head",
        url_field="meta.url",
        author_field="meta.by.name",
        licence_field="source.0.licence",
        language_field="meta.lang",
    )
    assert record == Record(
        key="7",
        locator="n.jsonl#line=1",
        text="Pierwsze auta przejechały o świcie.",
        url="https://przyklad.pl/most",
        title="Most na Wiśle",
        author="Jan Nowak",
        language="pol",
        licence="CC-BY-4.0",
    )


@pytest.mark.parametrize(
    "path", ["meta.none", "meta.url.deep", "source.1.licence", "source.x", "uid.0", "", ".", "a.."]
)
def test_a_path_that_leads_nowhere_finds_nothing(path):
    assert lookup(PRESS, path) is None


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.0", max_size=3), inner),
)


@given(json_values, st.text("ab.01", max_size=6))
def test_no_path_breaks_the_search(value, path):
    lookup(value, path)


def test_the_text_may_be_in_several_fields(read):
    (record,) = read("n.jsonl", line(PRESS), text_field=["head", "absent", "lead", "body"])
    assert record.text == (
        "Most na Wiśle\n\nOtwarto nowy most.\n\nPierwsze auta przejechały o świcie."
    )


def test_of_several_fields_one_must_be_there_and_none_of_another_kind(read):
    with pytest.raises(DataError, match="none of a, b is there"):
        read("n.jsonl", line({"text": "x"}), text_field=["a", "b"])
    with pytest.raises(DataError, match="'uid' is int"):
        read("n.jsonl", line(PRESS), text_field=["head", "uid"])
    assert read("n.jsonl", line({"a": "", "b": None}), text_field=["a", "b"])[0].text == ""


def test_html_in_a_field_is_a_page(read):
    page = '<meta charset="iso-8859-2"><p>Sąd Okręgowy w Łodzi oddala apelację.</p>'
    (record,) = read("n.jsonl", line({"text": page}), text_is_html=True)
    assert record.text is None
    assert record.html == page.encode()
    found = extract(record.html, charset=record.encoding, main_content=False)
    assert found.text.strip() == "Sąd Okręgowy w Łodzi oddala apelację."


def test_a_list_of_no_fields_is_refused():
    with pytest.raises(ValueError, match="at least 1 item"):
        ReaderOptions(text_field=[])


def test_options_are_the_same_as_before_where_nothing_is_said():
    assert ReaderOptions().text_field == "text"
    assert not ReaderOptions().text_is_html
