"""Edits: cuts and replacements carried out when a text is read, never in `documents/`."""

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus._edits import EDITS_TYPE, applied, edited, merged

TEXT = "Zażółć gęślą jaźń.\nKontakt: a@b.pl\nStopka\nKoniec."


def cut(start, end):
    return {"start": start, "end": end, "kind": "line", "replacement": ""}


def put(start, end, replacement="[X]"):
    return {"start": start, "end": end, "kind": "email", "replacement": replacement}


spans = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda x: (x[0], x[0] + x[1]))


def test_cuts_and_replacements_are_carried_out_in_characters():
    at = TEXT.index("a@b.pl")
    foot = TEXT.index("Stopka\n")
    edits = merged([cut(foot, foot + 7)], [put(at, at + 6, "[EMAIL]")])
    assert applied(TEXT, edits) == "Zażółć gęślą jaźń.\nKontakt: [EMAIL]\nKoniec."


@given(st.lists(spans, max_size=8), st.integers(60, 90))
def test_merged_cuts_leave_exactly_the_characters_that_no_cut_covers(cuts, size):
    text = "".join(chr(0x100 + n) for n in range(size))
    covered = {n for start, end in cuts for n in range(start, end)}
    left = "".join(letter for n, letter in enumerate(text) if n not in covered)
    assert applied(text, merged([cut(*span) for span in cuts], [])) == left


@given(st.lists(spans, max_size=6), spans)
def test_a_replacement_that_a_cut_touches_is_left_out(cuts, span):
    edits = merged([cut(*item) for item in cuts], [put(*span)])
    touched = any(start < span[1] and span[0] < end for start, end in cuts)
    assert (put(*span) in edits) is not touched
    assert all(one["end"] <= two["start"] for one, two in pairwise(edits))


@given(st.lists(spans, max_size=6), spans)
def test_of_a_value_that_a_cut_parts_nothing_is_left(cuts, span):
    text = "".join(chr(0x100 + n) for n in range(80))
    left = applied(text, merged([cut(*item) for item in cuts], [put(*span, "")]))
    assert not set(text[span[0] : span[1]]) & set(left)
    covered = {n for start, end in [*cuts, span] for n in range(start, end)}
    assert left == "".join(letter for n, letter in enumerate(text) if n not in covered)


def test_only_rows_with_edits_change():
    frame = pl.DataFrame({"doc_id": ["1", "2", "3"], "text": ["Ala ma kota", "Ala", "Ola"]})
    edits = pl.Series("edits", [[put(7, 11)], [], None], dtype=EDITS_TYPE)
    assert edited(frame, edits)["text"].to_list() == ["Ala ma [X]", "Ala", "Ola"]
