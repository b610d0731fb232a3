"""Pages and chapters: one text, and where each of them begins in it."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect import Part
from mowa.corpus import part_at, part_labels, why
from mowa.corpus._normalise import normalised, without_surrogates
from mowa.corpus._parts import one_text
from mowa.sample._pdf import pdf

characters = st.sampled_from("aąż .\n\r\t\u00a0\u00ad\u0301\u200b\x0c-„😀") | st.characters()
parts_of_a_document = st.lists(
    st.builds(
        Part,
        label=st.integers(0, 99).map("page={}".format),
        text=st.text(characters, max_size=20),
        runs_on=st.booleans(),
    ),
    max_size=6,
)


def normal(texts):
    whole = [without_surrogates(text)[0] for text in texts]
    column = pl.DataFrame({"text": pl.Series(whole, dtype=pl.String)})
    return column.select(normalised(pl.col("text")))["text"].to_list()


@given(parts_of_a_document)
def test_every_part_stands_where_its_offset_says(parts):
    text, places, _ = one_text(parts)
    found = json.loads(places) if places else []
    kept = [
        (part, whole)
        for part, whole in zip(parts, normal([part.text for part in parts]), strict=True)
        if whole
    ]
    assert [label for _, label in found] == [part.label for part, _ in kept]
    starts = [start for start, _ in found]
    ends = [*starts[1:], len(text)][: len(starts)]
    for start, end, (_, whole) in zip(starts, ends, kept, strict=True):
        assert text[start:end].strip(" \n") == whole
    for end, (part, _) in zip(ends, kept[1:], strict=False):
        assert text[:end].endswith(" " if part.runs_on else "\n\n")


@given(parts_of_a_document)
def test_to_normalise_the_whole_changes_nothing(parts):
    text, _, _ = one_text(parts)
    assert normal([text]) == [text]


@given(parts_of_a_document, st.integers(-2, 200))
def test_a_character_lies_in_the_part_that_begins_last_before_it(parts, offset):
    _, places, _ = one_text(parts)
    found = json.loads(places) if places else []
    before = [label for start, label in found if start <= offset]
    assert part_at(places, offset) == (before[-1] if before else None)


def test_parts_are_joined_by_an_empty_line_or_a_space():
    parts = (
        Part("page=1", " Szedł lasem,\r\n"),
        Part("page=2", "\u00ad \n"),
        Part("page=3", "aż stanął.", runs_on=True),
        Part("page=4", "Nad rzeką."),
    )
    text, places, _ = one_text(parts)
    assert text == "Szedł lasem, aż stanął.\n\nNad rzeką."
    assert places == '[[0,"page=1"],[13,"page=3"],[25,"page=4"]]'
    assert [part_at(places, at) for at in (0, 12, 13, 24, 25, 999)] == [
        *["page=1"] * 2,
        *["page=3"] * 2,
        *["page=4"] * 2,
    ]


def test_half_a_surrogate_in_a_part_is_replaced_and_counted():
    assert one_text([Part("page=1", "a\ud800b"), Part("page=2", "c")]) == (
        "a\ufffdb\n\nc",
        '[[0,"page=1"],[5,"page=2"]]',
        1,
    )


def test_no_parts_are_none():
    assert one_text([]) == ("", None, 0)
    assert one_text([Part("page=1", " ")]) == ("", None, 0)
    assert (part_at(None, 5), part_labels(None)) == (None, None)


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "page=1"), (3, "page=1, page=2, page=3"), (12, "page=1 … page=12")],
)
def test_parts_are_told_in_few_words(count, words):
    parts = [Part(f"page={number}", "x") for number in range(1, count + 1)]
    assert part_labels(one_text(parts)[1]) == words


STORY = (
    "{} leży nad jeziorem. Stoi tam stary młyn, a mieszka w nim młynarz,"
    " który nie lubi gości, chyba że przyniosą mu chleb, sól i dobre wieści ze świata za jeziorem."
)


def pages(count):
    towns = ("Gdańsk", "Łask", "Żywiec", "Ełk", "Ćmielów")
    return [[STORY.format(town), STORY.format(town.upper())] for town in towns[:count]]


def test_a_pdf_is_one_document_that_knows_its_pages(world):
    world.file("teksty/a.pdf", pdf("Młyn", "Łucja Ćma", pages(5)))
    world.file("teksty/b.txt", STORY)
    made = world.documents([world.inventory()])
    table = pl.read_parquet(made.path / "documents" / "*.parquet")
    row, other = table.to_dicts()
    assert (row["schema"], row["locator"], row["title"]) == (2, "a.pdf", "Młyn")
    places = json.loads(row["parts"])
    assert [label for _, label in places] == [f"page={number}" for number in range(1, 6)]
    assert row["text"] == "\n\n".join(text for page in pages(5) for text in page)
    assert part_at(row["parts"], row["text"].index("Ełk")) == "page=4"
    assert other["parts"] is None


def test_with_split_parts_every_page_is_a_document(world):
    world.file("teksty/a.pdf", pdf("Młyn", "Łucja Ćma", pages(3)))
    made = world.documents([world.inventory()], reader={"split_parts": True})
    table = pl.read_parquet(made.path / "documents" / "*.parquet")
    assert table["locator"].to_list() == [f"a.pdf#page={number}" for number in (1, 2, 3)]
    assert table["parts"].to_list() == [None] * 3
    assert table["title"].to_list() == ["Młyn"] * 3
    assert table["doc_id"].n_unique() == 3


def test_why_names_the_pages(world):
    world.file("teksty/a.pdf", pdf("Młyn", "Łucja Ćma", pages(5)))
    world.jsonl("teksty/b.jsonl", [{"text": STORY.format(number)} for number in range(99)])
    corpus = world.whole([world.inventory()]).path
    documents = pl.read_parquet(corpus / "documents" / "*.parquet")
    (doc_id,) = documents.filter(pl.col("locator") == "a.pdf")["doc_id"]
    assert why(corpus, doc_id).provenance["parts"] == "page=1 … page=5"
