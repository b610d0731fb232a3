"""Bytes to text: claims, lies and evidence."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect import decode

SENTENCE = "Zażółć gęślą jaźń, pójdźże, kiń tę chmurność w głąb flaszy."


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (SENTENCE.encode(), None),
        (SENTENCE.encode(), "iso-8859-2"),
        (SENTENCE.encode("utf-8-sig"), None),
        (SENTENCE.encode("utf-16"), None),
        (b"\xfe\xff" + SENTENCE.encode("utf-16-be"), "utf-8"),
        (SENTENCE.encode("utf-16-le"), "UTF-16LE"),
        (SENTENCE.encode("iso-8859-2"), "ISO-8859-2"),
        (SENTENCE.encode("cp1250"), "windows-1250"),
        (b'<meta charset="windows-1250">' + SENTENCE.encode("cp1250"), None),
        (b'<meta charset="iso-8859-2">' + SENTENCE.encode("iso-8859-2"), "no-such-charset"),
    ],
)
def test_polish_letters_survive_every_way_to_name_an_encoding(raw, charset):
    assert decode(raw, charset=charset, markup=True).text.endswith(SENTENCE)


def test_a_page_that_is_cut_inside_a_letter_stays_utf_8():
    raw = (SENTENCE * 5).encode()[:-1] + b"\xc5"
    text, _, notes = astuple(decode(raw, charset="utf-8", markup=True))
    assert notes == ("bytes-replaced",)
    assert text.startswith(SENTENCE)
    assert text.endswith("\ufffd")


def test_a_page_that_lies_about_utf_8_is_not_all_replacement_characters():
    russian = "Все люди рождаются свободными и равными в своём достоинстве и правах. " * 5
    assert decode(russian.encode("cp1251"), charset="utf-8", markup=True).text == russian


CLAIMS = [None, "utf-8", "iso-8859-1", "iso-8859-2", "windows-1250", "us-ascii", "no-such-charset"]


@pytest.mark.parametrize("charset", CLAIMS)
@pytest.mark.parametrize(("codec", "name"), [("cp1250", "windows-1250"), ("iso-8859-2",) * 2])
@pytest.mark.parametrize("markup", [True, False])
def test_a_claim_that_lies_about_polish_is_overruled(charset, codec, name, markup):
    found = decode(SENTENCE.encode(codec), charset=charset, markup=markup)
    assert (found.text, found.encoding) == (SENTENCE, name)
    lies = charset not in (None, "no-such-charset", name)
    assert found.notes == (f"decoded-{name}", *(["charset-overruled"] if lies else []))


def test_one_letter_in_a_word_is_enough_between_the_two_polish_encodings():
    text = "Nie ma tu nic, co by je różniło, prócz tego, co mają."
    raw = text.encode("iso-8859-2")
    assert decode(raw, charset="windows-1250", markup=True).text == text
    formula = "Błąd ± 5".encode("cp1250").replace(b"\xb9", b"a")
    assert decode(formula, charset="windows-1250", markup=True).text == "Bład ± 5"


@pytest.mark.parametrize("charset", ["iso-8859-2", "iso-8859-1"])
def test_utf_8_is_recognised_under_any_name(charset):
    found = decode(SENTENCE.encode(), charset=charset, markup=True)
    assert (found.text, found.encoding, found.notes) == (SENTENCE, "utf-8", ("charset-overruled",))


@pytest.mark.parametrize(
    ("text", "codec", "charset"),
    [
        ("Größe, Straße, übermäßig schön", "cp1252", "iso-8859-1"),
        ("¿Qué pasó, señor? ¡Nada más, mañana!", "cp1252", "windows-1252"),
        ("Les élèves étaient là, à l’école du château", "cp1252", "windows-1252"),
        ("Všeobecná deklarace lidských práv řeší žluťoučký kůň", "cp1250", "windows-1250"),
        ("Všeobecná deklarace lidských práv řeší žluťoučký kůň", "iso-8859-2", "iso-8859-2"),
        ("Všetci ľudia sa rodia slobodní a sebe rovní", "iso-8859-2", "iso-8859-2"),
        ("Все люди рождаются свободными и равными", "koi8-r", "koi8-r"),
    ],
)
def test_true_claims_about_other_languages_stand(text, codec, charset):
    found = decode(text.encode(codec), charset=charset, markup=True)
    assert found.text == text
    assert "charset-overruled" not in found.notes


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_what_a_page_says_itself_counts_where_the_header_is_silent(quote):
    czech = "Příliš žluťoučký kůň úpěl ďábelské ódy".encode("iso-8859-2")
    meta = f"<meta http-equiv=x content={quote}text/html; charset=iso-8859-2{quote}>".encode()
    assert decode(meta + czech, charset=None, markup=True).encoding == "iso-8859-2"
    xml = b'<?xml version="1.0" encoding="ISO-8859-2"?>'
    assert decode(xml + czech, charset=None, markup=True).text.endswith("ódy")


def test_utf_16_is_believed_only_where_there_are_zero_bytes():
    raw = SENTENCE.encode("utf-16-le")
    assert decode(raw, charset="utf-16", markup=True).text == SENTENCE
    found = decode(b"<p>zwyczajna strona", charset="utf-16", markup=True)
    assert (found.text, found.encoding) == ("<p>zwyczajna strona", "utf-8")


def test_quotes_of_windows_in_a_page_in_iso_8859_2_are_quotes():
    raw = b"\x84" + SENTENCE.encode("iso-8859-2") + b"\x94 \x96"
    found = decode(raw, charset="iso-8859-2", markup=True)
    assert (found.text, found.encoding) == (f"„{SENTENCE}” –", "iso-8859-2")


def test_old_encodings_of_dos_are_known_in_plain_text_only():
    raw = SENTENCE.encode("cp852")
    assert decode(raw, charset=None, markup=False).text == SENTENCE
    assert decode(raw, charset="windows-1250", markup=True).encoding == "windows-1250"
    mazovia = bytes.fromhex("6b7369868b6b61").replace(b"\x8b", b"\xa7") + b" 9e.".replace(
        b"9e", b"\x9e"
    )
    text = decode(mazovia + b" p\x92ot\xa2w i \x91 m\x8d\xa4", charset=None, markup=False).text
    assert text == "książka ś. płotów i ę mćń"


@given(st.binary(max_size=200), st.sampled_from(CLAIMS), st.booleans())
def test_no_bytes_make_decoding_fail(raw, charset, markup):
    decode(raw, charset=charset, markup=markup).text.encode()


@given(st.text(max_size=100), st.sampled_from(CLAIMS))
def test_text_in_utf_8_comes_back_whatever_is_claimed(text, charset):
    found = decode(text.encode(), charset=charset, markup=False)
    assert found.text == text.removeprefix("\ufeff")
    assert "bytes-replaced" not in found.notes
