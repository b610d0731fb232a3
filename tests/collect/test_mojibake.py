"""Repair brings back Polish that was read with the wrong table, and leaves all else alone."""

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import repair, repair_together

SENTENCES = (
    "Zażółć gęślą jaźń, pójdźże, kiń tę chmurność w głąb flaszy.",
    "Książka o źrebięciu śpiącym pod wiązem leżała na półce od świąt.",
    "Święta Łucja dnia przyrzuca; „idą zające” – mówił Łukasz – „źle śpią”.",
    "Dwadzieścia pięć złotych i pięćdziesiąt groszy kosztują jabłka, a gruszki są tańsze.",
    "ŚWIĄTECZNY ŹRÓDLANY KOŃ ŻÓŁTĄ ŁĄKĄ IDZIE, a za nim gęś.",
)
PLAIN = [sentence.translate(str.maketrans("–", "-", "„”")) for sentence in SENTENCES]
UTF_8_READ_AS = ("cp1252", "latin-1", "cp1250", "iso8859-2")
CONFUSED = {
    ("iso8859-2", "cp1250"): "repaired-iso-8859-2-as-windows-1250",
    ("iso8859-2", "cp1252"): "repaired-iso-8859-2-as-windows-1252",
    ("iso8859-2", "latin-1"): "repaired-iso-8859-2-as-windows-1252",
    ("cp1250", "cp1252"): "repaired-windows-1250-as-windows-1252",
    ("cp1250", "latin-1"): "repaired-windows-1250-as-windows-1252",
    ("cp1250", "iso8859-2"): "repaired-windows-1250-as-iso-8859-2",
}

texts = st.lists(st.sampled_from(SENTENCES), min_size=2, max_size=6, unique=True).map("\n".join)
polish = st.text("aąbcćdeęfghijklłmnńoóprsśtuwyzźż ĄĆĘŁŃÓŚŹŻ.,-", max_size=40)


def misread(text, real, read_as):
    """What a browser shows: bytes that a table leaves out are controls."""
    table = [bytes([byte]).decode(read_as, "ignore") or chr(byte) for byte in range(256)]
    return "".join(table[byte] for byte in text.encode(real))


@given(texts, polish, st.sampled_from(UTF_8_READ_AS), st.integers(1, 2))
def test_utf_8_that_was_read_byte_by_byte_comes_back(text, more, read_as, layers):
    text += more
    broken = text
    for _ in range(layers):
        broken = misread(broken, "utf-8", read_as)
    assert repair(broken) == (text, ("repaired-double-utf-8",))


@given(texts, polish, st.sampled_from(sorted(CONFUSED)))
def test_polish_that_was_read_with_the_wrong_table_comes_back(text, more, tables):
    real, _ = tables
    text = (text + more).encode(real, "ignore").decode(real)
    assert repair(misread(text, *tables)) == (text, (CONFUSED[tables],))


@given(st.text())
def test_repair_never_fails_and_keeps_the_lines(text):
    assert repair(text)[0].count("\n") == text.count("\n")


@given(texts, st.text("Ã³Å¼±¶¿ab \n", max_size=20))
def test_what_was_repaired_is_not_repaired_again(text, more):
    once, _ = repair(misread(text, "utf-8", "cp1252") + more)
    assert repair(once) == (once, ())


@pytest.mark.parametrize(
    "title", ["KrakÃ³w", "Å\x81Ã³dÅº", "ŻĂłĹ‚w".replace("Ż", "Ĺ»"), "jÄ…dro", "Itâ€™s"]
)
def test_one_word_is_enough_where_it_is_plain(title):
    assert repair(title)[1] == ("repaired-double-utf-8",)


def test_a_good_header_over_a_broken_body_stays_and_the_body_is_mended():
    body = "\n".join(SENTENCES)
    assert repair("Gęś\n" + misread(body, "utf-8", "cp1250"))[0] == "Gęś\n" + body
    body = "\n".join(PLAIN)
    assert repair("Gęś\n" + misread(body, "iso8859-2", "cp1252"))[0] == "Gęś\n" + body


def test_a_long_broken_part_of_a_longer_good_text_is_mended():
    good, part = "\n".join(SENTENCES * 4), "\n".join(PLAIN)
    for tables in (("utf-8", "cp1252"), ("iso8859-2", "cp1252")):
        assert repair(f"{good}\n{misread(part, *tables)}\n{good}")[0] == f"{good}\n{part}\n{good}"


GOOD = (
    "Zamiast „ż” widać „Å¼”, a zamiast „ó”: Ã³. Tak psuje się kodowanie.",
    "Na stronie pisało: ksi±¿ka i za¿ó³æ, czyli książka i zażółć.",
    "If you see Ã© or Ã¨ instead of accented letters, the encoding is wrong.",
    'W pliku jest "KrakÃ³w" zamiast nazwy miasta.',
    'The file says "ksi±¿ka za¿ó³æ" where Polish is meant.',
    "Zażółć gęślą jaźń po polsku, a w pliku\nZaÅ¼Ã³Å‚Ä‡ gÄ™Å›lÄ…\nźle się dzieje, książki żółkną.",
    "Wynik: x±y, 5 ± 2, a±b, ±10%; ¶ 12, § 3; m³, cm³/h, R² = ½, p¬q, 1¹.",
    "Wiek±SD, waga±SD, wzrost±SD; age±SD, weight±SD, height±SD.",
    "¿Qué pasó, señor? ¡Nada! El año que viene, ¿verdad?",
    "L’élève a vu l’œuvre du maître, naïve et bête, à Noël ; « Â » est un Â.",
    "Größe, Übermaß, Ä, Ö, Ü: GRÖSSE UND ÄRGER, „Äh…“, Äpfel…",
    "Všeobecná deklarace lidských práv; žluťoučký kůň; nejvyšší, rašeliniště.",
    "Ľudovít Štúr, Ľubľana, vyššie, najširší, všetko.",
    "Razriješiti višedesetljetni spor; došlo je do rješenja.",
    "MĘŻCZYZNA I CZĘŚĆ PÓŹNYCH KOŃŻY, ŻÓŁĆ, WĘŻE, KRÓŻ, ŚCIĘŻKA",
    "IRMÃO E MAÇÃ» SMÅ” PÅ–",
    "ORAŞ, RĂŞINĂ, ÎNVĂŢĂTURĂ, ĂŞTIA",
    "Все люди рождаются свободными и равными. Ðéttir, Ñandú.",
    "1¹ przypis, słowo¹, ²zob. dalej, ³tamże.",
    "Reykjavík ± Þingvellir, æ, ð; på én måte, Ærø, smør.",
)


@pytest.mark.parametrize("text", GOOD)
def test_good_text_is_left_alone(text):
    mended, notes = repair(text)
    assert (mended, notes) == (text, ())
    assert mended is text


def test_a_title_is_mended_with_the_text_that_shows_what_is_wrong():
    broken, title = misread("\n".join(PLAIN), "iso8859-2", "cp1252"), "¦wiat £ukasza"
    assert repair(title) == (title, ())
    fields, notes = repair_together((broken, title, None))
    assert fields[1:] == ["Świat Łukasza", None]
    assert fields[0].startswith("Zażółć")
    assert notes == ("repaired-iso-8859-2-as-windows-1252",)
    assert repair_together(("ż\n", "a\n\nb", None)) == (["ż\n", "a\n\nb", None], ())


@cache
def real_texts():
    found = []
    for part in ("text", "lid"):
        for path in sorted(real(part).rglob("*")):
            if path.is_file():
                found.append((path.name, path.read_bytes().decode("utf-8", "replace")))
    assert found, "no texts there"
    return found


def test_no_real_text_in_any_of_its_languages_is_changed():
    assert [name for name, text in real_texts() if repair(text)[1]] == []


@pytest.mark.slow
def test_no_line_of_a_real_text_is_changed_when_it_stands_alone():
    changed = [
        line for _, text in real_texts() for line in text.split("\n") if repair(line)[0] != line
    ]
    assert changed == []


@pytest.mark.parametrize("tables", [("utf-8", each) for each in UTF_8_READ_AS] + sorted(CONFUSED))
def test_real_polish_comes_back(tables):
    real, _ = tables
    (text,) = (text for name, text in real_texts() if name == "newstest2019-ref.pol.txt")
    # C1 controls, which are damage already, would come back as letters.
    lines = re.sub("[\x80-\x9f]", "", text).encode(real, "ignore").decode(real).split("\n")
    mended = repair(misread("\n".join(lines), *tables))[0].split("\n")
    different = [pair for pair in zip(lines, mended, strict=True) if len(set(pair)) > 1]
    assert len(different) < len(lines) / 500, different
