"""Lines that a host repeats are found over all shards and cut without emptying a text."""

import polars as pl
from duplicate_texts import context_in
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.corpus._characters import Characters
from mowa.corpus.duplicates import (
    BoilerplateOptions,
    apply_edits,
    boilerplate,
    find_repeated_lines,
    host_lines,
    repeated_lines,
    write_lines,
)
from mowa.corpus.duplicates._boilerplate import _lines

OPTIONS = BoilerplateOptions(documents=5, share=0.5, buckets=4)


def page(number, *, extra=""):
    return (
        f"Menu  główne\n\nZdanie numer {number}, tylko tutaj.\n{extra}Drugie {number}.\n© Redakcja"
    )


def found(root, frames, *, workers=1):
    names = [f"{number:05}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        write_lines(root / "w", name, [host_lines(frame)], OPTIONS)
    metrics = find_repeated_lines(names, root, context_in(root, workers=workers), OPTIONS, "w")
    return metrics, repeated_lines(root / "w", OPTIONS)


def pages(count, host="a.pl", **options):
    return pl.DataFrame(
        {"text": [page(n, **options) for n in range(count)], "host": [host] * count}
    )


def test_menu_and_footer_of_a_host_are_cut_and_prose_stays(tmp_path):
    frame = pages(10)
    metrics, repeated = found(tmp_path, [frame[:5], frame[5:]])
    signal = boilerplate(frame, repeated, OPTIONS)
    assert metrics == {"lines": 2, "hosts": 1}
    assert apply_edits(frame["text"], signal["edits"]).to_list() == [
        f"Zdanie numer {n}, tylko tutaj.\nDrugie {n}.\n" for n in range(10)
    ]
    assert signal["boilerplate_lines"].to_list() == [2] * 10
    assert signal["boilerplate_characters"].to_list() == [len("Menu  główne© Redakcja")] * 10


def test_a_single_repeated_line_amid_prose_stays(tmp_path):
    frame = pages(10, extra="Art. 1.\n")
    _, repeated = found(tmp_path, [frame])
    left = apply_edits(frame["text"], boilerplate(frame, repeated, OPTIONS)["edits"])
    assert all("Art. 1." in text and "Menu" not in text for text in left)


def test_lines_of_another_host_and_of_no_host_stay(tmp_path):
    frame = pages(10)
    _, repeated = found(tmp_path, [frame])
    others = pl.DataFrame({"text": [page(1), page(2), None], "host": ["b.pl", None, "a.pl"]})
    assert boilerplate(others, repeated, OPTIONS)["edits"].list.len().to_list() == [0, 0, 0]


def test_a_text_of_boilerplate_alone_is_not_emptied_but_counted(tmp_path):
    frame = pl.DataFrame({"text": ["Menu\nStopka"] * 9, "host": ["a.pl"] * 9})
    _, repeated = found(tmp_path, [frame])
    signal = boilerplate(frame, repeated, OPTIONS)
    assert signal["edits"].list.len().to_list() == [0] * 9
    assert signal["boilerplate_lines"].to_list() == [2] * 9


def test_a_line_below_the_share_or_the_number_stays(tmp_path):
    few = pages(4, "few.pl")
    many = pl.concat([pages(5, "m.pl"), pl.DataFrame({"text": ["x"] * 6, "host": ["m.pl"] * 6})])
    metrics, _ = found(tmp_path, [few, many])
    assert metrics["lines"] == 1  # the x


@settings(deadline=None)
@given(st.lists(st.text(alphabet="aĄ \t\n\r\x0b\x85\u2028.", max_size=30), min_size=1, max_size=5))
def test_lines_have_the_numbers_that_splitting_at_newlines_gives(texts):
    _, lines, numbers = _lines(Characters(pl.Series(texts)))
    for row, text in enumerate(texts):
        expected = [number for number, line in enumerate(text.split("\n")) if line.strip()]
        assert numbers[lines.rows == row].tolist() == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["Menu", "Stopka", "", "  ", "Treść"]), max_size=8))
def test_what_is_left_is_the_text_without_some_whole_lines(lines):
    text = "\n".join(lines)
    frame = pl.DataFrame({"text": [text], "host": ["a.pl"]})
    known = host_lines(pl.DataFrame({"text": ["Menu\nStopka"], "host": ["a.pl"]}))
    signal = boilerplate(frame, known, OPTIONS)
    [left] = apply_edits(frame["text"], signal["edits"])
    assert left.count("Treść") == lines.count("Treść")
    assert bool(left.strip()) == bool(text.strip())
    for span in signal["edits"][0]:
        assert 0 <= span["start"] < span["end"] <= len(text)
        assert span["start"] == 0 or text[span["start"] - 1] == "\n"
