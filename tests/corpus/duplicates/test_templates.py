"""Sentences that many documents fill in with other names are found over all shards."""

import re
from collections import defaultdict

import polars as pl
import pytest
from duplicate_texts import context_in
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._characters import Characters
from mowa.corpus.duplicates import (
    TemplateOptions,
    find_templates,
    known_templates,
    sentence_shapes,
    templated,
    write_shapes,
)

OPTIONS = TemplateOptions(fillings=3, words=2, buckets=4)
TOWNS = ["Radom", "Elbląg", "Kutno", "Zgierz", "Łomża"]


def found(root, shards, *, workers=1, options=OPTIONS):
    names = [f"{number:05}" for number in range(len(shards))]
    for name, texts in zip(names, shards, strict=True):
        shapes = [sentence_shapes(pl.Series(texts, dtype=pl.String), options)]
        write_shapes(root / "w", name, shapes, options)
    metrics = find_templates(names, root, context_in(root, workers=workers), options, "w")
    return metrics["templates"], known_templates(root / "w", options)


def ratios(texts, known, options=OPTIONS):
    characters = Characters(pl.Series(texts, dtype=pl.String))
    return templated(characters, known, options)["templated_character_ratio"].to_list()


def page(town):
    return f"Hydraulik {town}\n\nNaprawiamy krany w {town} tanio. Dzwoń pod 123 już dziś!"


def test_pages_of_one_template_are_told_from_prose(tmp_path):
    texts = [*map(page, TOWNS), "Nad rzeką stoi dom. Mieszka w nim stary rybak.", None, ""]
    templates, known = found(tmp_path, [texts[:2], texts[2:]])
    assert templates == 1  # the last sentence has one filling only
    first, *_ = shares = ratios(texts, known)
    assert first == pytest.approx(len("NaprawiamykranywRadomtanio") / 58)
    assert shares[5:] == [0, 0, 0]


def test_copies_of_one_text_are_no_template(tmp_path):
    templates, known = found(tmp_path, [[page("Radom")] * 9])
    assert templates == 0
    assert ratios([page("Radom")], known) == [0]


def test_a_list_within_one_document_is_no_template(tmp_path):
    texts = ["\n".join(f"Punkt {town} otwarty codziennie od {n}." for n, town in enumerate(TOWNS))]
    assert found(tmp_path, [texts])[0] == 0


def test_the_number_of_shards_buckets_and_workers_changes_nothing(tmp_path):
    texts = [*map(page, TOWNS), "Dom stoi nad rzeką."]
    one = found(tmp_path / "a", [texts])
    options = TemplateOptions(fillings=3, words=2, buckets=16)
    other = found(tmp_path / "b", [[text] for text in reversed(texts)], workers=2, options=options)
    assert one[0] == other[0]
    assert one[1].tolist() == other[1].tolist()


def by_hand(text):
    """Shape, filling and size of each sentence with enough plain words, without arrays."""
    for piece in re.split(r"\n|(?<=[.!?…])(?=\s)", text):
        words = re.findall(r"[^\W_]+", piece)
        plain = [one for one in words if not one[0].isupper() and not re.search(r"\d", one)]
        if len(plain) >= OPTIONS.words:
            yield "".join(plain).lower(), "".join(words).lower(), len("".join(words))


TEXTS = st.lists(st.text(alphabet="ab AB1.!?\nćŻ", max_size=40), min_size=1, max_size=12)


@settings(deadline=None)
@given(TEXTS)
def test_the_same_as_a_plain_loop_over_sentences(texts):
    fillings = defaultdict(set)
    for text in texts:
        first = {}
        for shape, filling, _ in by_hand(text):
            first.setdefault(shape, filling)
        for shape, filling in first.items():
            fillings[shape].add(filling)
    wanted = [
        sum(size for shape, _, size in by_hand(text) if len(fillings[shape]) >= 3)
        / max(1, len(re.findall(r"[^\W_]", text)))
        for text in texts
    ]
    pairs = sentence_shapes(pl.Series(texts), OPTIONS)
    counted = pairs.group_by("shape").len().filter(pl.col("len") >= 3)
    known = counted["shape"].sort().to_numpy()
    assert ratios(texts, known) == pytest.approx(wanted)
