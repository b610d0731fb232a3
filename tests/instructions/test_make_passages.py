"""Passages: whole paragraphs of documents that are kept for training, drawn by a seed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError
from mowa.instructions.making._passages import choose_passages, window
from tests.instructions.made_teachers import PARAGRAPHS, document, make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


LINES = st.lists(st.text(st.characters(exclude_characters="\n"), max_size=12), max_size=12)


@given(LINES, st.integers(1, 20), st.integers(0, 30), st.integers(0, 1000))
def test_a_window_is_whole_paragraphs_within_its_length(lines, least, more, draw):
    text = "\n".join(lines)
    found = window(text, (least, least + more), draw)
    paragraphs = [line for line in lines if line.strip()]
    if found is None:
        assert not any(least <= len(line) <= least + more for line in paragraphs)
        return
    start, end = found
    assert least <= end - start <= least + more
    assert start == 0 or text[start - 1] == "\n"
    assert end == len(text) or text[end] == "\n"
    assert [line for line in text[start:end].split("\n") if line.strip()]


def test_spans_point_to_the_passages_of_documents_kept_for_training(corpus):
    passages = choose_passages(corpus, 100, (100, 250), seed=1)
    assert len(passages) == 12
    for passage in passages:
        number = int(passage.span.document, 16)
        assert document(number)[passage.span.start : passage.span.end] == passage.text
        assert passage.text.startswith(tuple(PARAGRAPHS))
        assert passage.licence == ("CC-BY-4.0" if number % 2 else "CC0-1.0")
        assert (passage.source, passage.author) == ("gazeta", "Jan Młynarz")
        assert passage.title == f"Młyn {number}"
    assert len({passage.span.start for passage in passages}) > 1


def test_more_passages_are_those_before_and_others(corpus, tmp_path):
    few, many = (choose_passages(corpus, count, (100, 250), seed=1) for count in (5, 9))
    assert many[:5] == few
    assert choose_passages(corpus, 5, (100, 250), seed=2) != few
    other_shards = make_corpus(tmp_path, shards=3)
    assert choose_passages(other_shards, 5, (100, 250), seed=1) == few


def test_a_length_that_no_document_has_is_refused(corpus):
    with pytest.raises(DataError, match="widen characters"):
        choose_passages(corpus, 5, (5_000, 6_000), seed=1)
