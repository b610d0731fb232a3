"""The PDF files that we write ourselves, read back with another hand: pdfium."""

import re

import pypdfium2
import pytest

from mowa.sample._pdf import PASSWORD, pdf

LETTERS = "zażółć gęślą jaźń ZAŻÓŁĆ GĘŚLĄ JAŹŃ „”–…"
LONG = (
    "Najstarsze przedsiębiorstwa rzemieślnicze przechowywały dokumentację przeróżnych wynalazków,"
    " a konstantynopolitańczykowianeczki opowiadały o niezapomnianych podróżach po województwach."
)


def texts(data: bytes, password: str | None = None) -> list[str]:
    with pypdfium2.PdfDocument(data, password=password) as document:
        return [page.get_textpage().get_text_range() for page in document]


def words(text: str) -> str:
    """Its words on one line, broken words made whole (pdfium gives a hyphen as U+FFFE)."""
    return " ".join(re.sub("[\ufffe\u0002-]\r?\n?", "", text).split())


def test_every_polish_letter_and_sign_comes_out_again():
    (text,) = texts(pdf("Pismo", "Anna Żółć", [[LETTERS]]))
    assert LETTERS.replace("–", "-") in text.replace("–", "-")
    assert "–" in text


def test_pages_have_a_running_head_and_their_number():
    found = texts(pdf("Dzieje Gdańska", "Jan Łoś", [["Pierwsza."], ["Druga."], ["Trzecia."]]))
    assert [page.split() for page in found] == [
        ["Dzieje", "Gdańska", word, str(number)]
        for number, word in enumerate(("Pierwsza.", "Druga.", "Trzecia."), start=1)
    ]


def test_long_words_are_hyphenated_and_come_out_whole():
    (text,) = texts(pdf("Słowa", "X", [[LONG * 3]]))
    assert text.count("\ufffe") + text.count("-\r\n") >= 2
    assert words(LONG) in words(text)


def test_what_does_not_fit_goes_on_with_the_next_sheet():
    found = texts(pdf("Długie", "X", [[LONG] * 30, ["Koniec."]]))
    assert len(found) == 3
    assert sum(words(page).count("Najstarsze") for page in found) == 30
    assert found[-1].split() == ["Długie", "Koniec.", "3"]


def test_title_author_and_language_are_written():
    data = pdf("Żółw i gęś", "Łucja Ćma", [["Tekst."]])
    with pypdfium2.PdfDocument(data) as document:
        metadata = document.get_metadata_dict()
    assert (metadata["Title"], metadata["Author"]) == ("Żółw i gęś", "Łucja Ćma")
    assert metadata["CreationDate"].startswith("D:2026")
    assert b"/Lang <706c2d504c>" in data


def test_a_scanned_file_has_pictures_and_no_text():
    data = pdf("Skan", "X", [["Tego nie ma."], ["Tego też."]], scanned=True)
    assert texts(data) == ["", ""]
    with pypdfium2.PdfDocument(data) as document:
        kinds = [item.type for page in document for item in page.get_objects()]
    assert kinds == [pypdfium2.raw.FPDF_PAGEOBJ_IMAGE] * 2


def test_an_encrypted_file_opens_with_its_password_alone():
    data = pdf("Tajne", "Łucja Ćma", [[LETTERS]], encrypted=True)
    with pytest.raises(pypdfium2.PdfiumError, match=r"(?i)password"):
        texts(data)
    assert "zażółć gęślą jaźń" in texts(data, PASSWORD)[0]
    with pypdfium2.PdfDocument(data, password=PASSWORD) as document:
        assert document.get_metadata_dict()["Author"] == "Łucja Ćma"


def test_the_same_arguments_give_the_same_bytes():
    assert pdf("A", "B", [[LONG]]) == pdf("A", "B", [[LONG]])


def test_the_cross_reference_table_points_at_every_object():
    data = pdf("A", "B", [[LONG], ["ą"]])
    entries = [int(found) for found in re.findall(rb"(\d{10}) 00000 n ", data)]
    assert [data[at:].split(b" ", 1)[0] for at in entries] == [
        str(number).encode() for number in range(1, len(entries) + 1)
    ]
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[start : start + 4] == b"xref"


def test_more_characters_than_a_font_has_codes_are_refused():
    with pytest.raises(ValueError, match="too many"):
        pdf("A", "B", [["".join(map(chr, range(0x400, 0x500)))]])
