"""The one form of text, against a slow implementation that goes character by character."""

import sys
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus._normalise import normalised, normalised_line, without_surrogates

DROPPED = {0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF}
DROPPED |= set(range(0x202A, 0x202F)) | set(range(0x2066, 0x2070))
BREAKS = "\n\x0b\x0c\x85\u2028\u2029"


def slow(text):
    out = []
    for character in text.replace("\r\n", "\n").replace("\r", "\n"):
        if character in BREAKS:
            out.append("\n")
        elif character == "\t" or unicodedata.category(character) == "Zs":
            out.append(" ")
        elif unicodedata.category(character) != "Cc" and ord(character) not in DROPPED:
            out.append(character)
    lines = [
        " ".join(part for part in line.split(" ") if part)
        for line in unicodedata.normalize("NFC", "".join(out)).split("\n")
    ]
    kept = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n")


def fast(texts):
    return (
        pl.DataFrame({"text": texts}, schema={"text": pl.String})
        .select(normalised(pl.col("text")))["text"]
        .to_list()
    )


# What Python's older Unicode does not know yet, it cannot compose as Polars does.
known = st.characters(exclude_categories=["Cs", "Cn"])
tricky = st.sampled_from(
    "aeoz \n\r\t\x0b\x0c\x1c\x85\x9f\u00a0\u00ad\u0301\u0328\u200b\u200c\u200d\u2028\u2029\u202e"
    "\u2000\u2001\u3000\u1680\u2060\u206a\ufeff\u0340\u212b\u1100\u1161\u11a8ąćż"
)
texts = st.text(st.one_of(tricky, known), max_size=40)


@given(st.lists(texts, min_size=1, max_size=5))
def test_normalising_agrees_with_a_walk_over_the_characters(batch):
    assert fast(batch) == [slow(text) for text in batch]


@given(st.text(st.one_of(tricky, st.characters(exclude_categories=["Cs"])), max_size=60))
def test_normalising_twice_changes_nothing(text):
    once = fast([text])
    assert fast(once) == once


def test_every_assigned_character_between_two_letters_agrees_with_the_slow_way():
    batch = [
        f"a{chr(code)}b"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in {"Cs", "Cn", "Co"}
    ]
    wrong = [
        (text, ours) for text, ours in zip(batch, fast(batch), strict=True) if ours != slow(text)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zaz\u0307o\u0301\u0142c\u0301 ge\u0328s\u0301la\u0328", "Zażółć gęślą"),
        ("nie\u00adza\u00adpo\u00admi\u00adnaj\u00adka", "niezapominajka"),
        ("o\u200b\u0301 i e\ufeff\u0328", "ó i ę"),
        ("w\u00a0Krakowie\t i\u2003w   Łodzi  \n", "w Krakowie i w Łodzi"),
        ("pierwszy\r\n\r\n\r\n  drugi \rtrzeci\u2028czwarty\x0cpiąty", None),
        ("\u202etxet\u202c", "txet"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
        (" \n\t\u3000\n ", ""),
    ],
)
def test_what_pages_put_into_text_is_put_right(text, expected):
    expected = expected if expected is not None else "pierwszy\n\ndrugi\ntrzeci\nczwarty\npiąty"
    assert fast([text]) == [expected]


def test_null_stays_null_and_a_title_becomes_one_line():
    frame = pl.DataFrame({"title": ["Pan\n\nTadeusz ", " \u200b", None]})
    assert frame.select(normalised_line(pl.col("title")))["title"].to_list() == [
        "Pan Tadeusz",
        None,
        None,
    ]
    assert fast([None]) == [None]


def test_lone_surrogates_are_replaced_and_counted():
    assert without_surrogates("źdźbło \ud83d i \udcff") == ("źdźbło \ufffd i \ufffd", 2)
    assert without_surrogates("źdźbło 😀") == ("źdźbło 😀", 0)
