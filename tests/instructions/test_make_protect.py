"""What a translator must not touch comes back as it was, or the translation is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.instructions.making._protect import Unprotected, protect
from mowa.instructions.making._translate import structure_fault


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Run `ls -l` or ``a`b``.", ["`ls -l`", "``a`b``"]),
        ("See:\n```python\nprint('Hi `x`')\n```\nDone.", ["```python\nprint('Hi `x`')\n```"]),
        ("~~~\nno end $x$", ["~~~\nno end $x$"]),
        ("If $a < b$ then $$c$$, \\(d\\) and \\[e\nf\\].",
         ["$a < b$", "$$c$$", "\\(d\\)", "\\[e\nf\\]"]),
        ("It costs $5 or $6, not $ 7 $.", []),
        (r"\begin{align}a\\b\end{align} ok", [r"\begin{align}a\\b\end{align}"]),
        ("Go to https://a.b/c?d=e#f, (http://x.y) or www.z.pl.",
         ["https://a.b/c?d=e#f", "http://x.y", "www.z.pl"]),
        ("Write to jan.k+x@poczta.example.pl!", ["jan.k+x@poczta.example.pl"]),
        ("Dear {name}, {{ user }} and ${x} have %s of %(n)d, 50% sure, %1$s.",
         ["{name}", "{{ user }}", "${x}", "%s", "%(n)d", "%1$s"]),
        ('Put <b class="x">this</b> in <YOUR NAME>, a < b > c.',
         ['<b class="x">', "</b>", "<YOUR NAME>"]),
        ("I am [NAME] from [CITY_1]; see [1] and [note].", ["[NAME]", "[CITY_1]"]),
        ("Use Mowa Lite or Mowa, not Mowar.", ["Mowa Lite", "Mowa"]),
    ],
)  # fmt: skip
def test_each_kind_of_piece_is_protected(text, pieces):
    found = protect(text, ["Mowa", "Mowa Lite"])
    assert list(found.pieces) == pieces
    assert found.restored(found.text) == text


PIECES = st.sampled_from(
    ["`kod`", "```\nblok\n```", "$x^2$", "{imię}", "%s", "<b>", "[NAME]", "https://a.pl/b", "Mowa",
     "[[1]]", "[[A2]]", "[[", "]]", "[", "\n", "- ", "a@b.pl", "$", "`", "```", "1", "٣"]
)  # fmt: skip
ANY = st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join)


@given(ANY)
def test_an_echo_restores_the_text(text):
    found = protect(text, ["Mowa"])
    assert found.restored(found.text) == text


@given(ANY, st.data())
def test_markers_come_back_once_each_in_order_or_the_translation_is_refused(text, data):
    found = protect(text, ["Mowa"])
    marker = re.compile(rf"\[\[{found.salt}\d+\]\]")
    markers = marker.findall(found.text)
    echoed = data.draw(st.lists(st.sampled_from(markers), max_size=6) if markers else st.just([]))
    answer = " i ".join(["Tak", *echoed, "nie"])
    if echoed == markers:
        restored = found.restored(answer)
        assert restored.strip() == " i ".join(["Tak", *found.pieces, "nie"])
    else:
        with pytest.raises(Unprotected):
            found.restored(answer)


def test_markers_that_are_none_of_ours_are_refused():
    found = protect("Use `a`.")
    assert found.text == "Use [[1]]."
    for answer, why in (
        ("Użyj.", "without 1"),
        ("[[1]] i [[1]]", "too many of 1"),
        ("[[1]] i [[2]]", "too many of 2"),
    ):
        with pytest.raises(Unprotected, match=why):
            found.restored(answer)
    both = protect("Use `a` and `b`.")
    with pytest.raises(Unprotected, match="another order: 2, 1"):
        both.restored("Użyj [[2]] i [[1]].")


def test_code_alone_has_nothing_to_translate():
    assert not protect("```\nprint(1)\n```").has_words
    assert not protect(" 12 + 30 \n").has_words
    assert protect("`x` is x").has_words


RATIO = (0.5, 2.0)


@pytest.mark.parametrize(
    ("original", "text", "fault"),
    [
        ("# Mill\n\n1. one\n2. two", "# Młyn\n\n1. jeden\n2. dwa", None),
        ("* one\n* two", "- jeden\n- dwa", None),
        ("It cost 1,000.50 in 1995.", "W 1995 r. kosztowało to 1 000,50.", None),
        ("one\ntwo", "jeden dwa", "other lines"),
        ("- one\n- two", "- jeden\ndwa", "other lists or headings"),
        ("1. one\n2. two", "1. jeden\n3. dwa", "other lists or headings"),
        ("## Mill", "# Młyn", "other lists or headings"),
        ("> Said he", "Rzekł", "other lists or headings"),
        ("| a | b |", "a, b", "other lists or headings"),
        ("In 1995", "W 1996", "other numbers"),
        ("Two", "2", "other numbers"),
        ("A mill stands by the river. " * 5, "Młyn.", "length does not fit"),
        ("A mill.", "Młyn stoi nad rzeką od bardzo, bardzo dawna.", "length does not fit"),
    ],
)
def test_a_translation_is_built_as_its_original(original, text, fault):
    found = structure_fault(original, text, RATIO)
    assert (found and found[0]) == fault
