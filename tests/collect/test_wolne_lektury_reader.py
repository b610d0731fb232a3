import re
from xml.etree import ElementTree as ET

import pytest
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file

DC = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description rdf:about="x">
<dc:creator xml:lang="pl">Nowak, Jan</dc:creator><dc:title>Młyn</dc:title>
<dc:contributor.editor>Kowalska, Anna</dc:contributor.editor>
<dc:date>2007-08-31</dc:date><dc:language>pol</dc:language>
<dc:identifier.url>https://example.org/mlyn</dc:identifier.url>
<dc:rights>{}</dc:rights>{}</rdf:Description></rdf:RDF>"""
FREE = DC.format("Domena publiczna - Jan Nowak zm. 1890", "")


def work(body, head=FREE, kind="liryka_l"):
    return f"<utwor>{head}<{kind}>{body}</{kind}></utwor>".encode()


@pytest.fixture
def text_of(read):
    def reading(body):
        record = read("a.xml", work(body))[0]
        return record.text if record.text is not None else [part.text for part in record.parts]

    return reading


def test_the_description_gives_what_is_known_of_the_work(read):
    (record,) = read("wiersze/mlyn.xml", work("<akap>Mełł.</akap>"))
    assert record == Record(
        key="wiersze/mlyn.xml",
        locator="wiersze/mlyn.xml",
        text="Mełł.",
        title="Młyn",
        author="Nowak, Jan",
        date=None,
        language="pol",
        url="https://example.org/mlyn",
        licence="LicenseRef-public-domain",
    )


@pytest.mark.parametrize(
    ("rights", "address", "licence", "of_notes"),
    [
        ("Domena publiczna", "", "LicenseRef-public-domain", None),
        ("CC", "https://creativecommons.org/licenses/by-sa/3.0/", "CC-BY-SA-3.0", "CC-BY-SA-3.0"),
        ("LAL", "https://artlibre.org/lal/", "https://artlibre.org/lal/", None),
        ("Wszystkie prawa zastrzeżone", "", None, None),
    ],
)
def test_the_notes_are_not_in_the_public_domain_because_the_work_is(
    read, rights, address, licence, of_notes
):
    more = f"<dc:rights.license>{address}</dc:rights.license>" if address else ""
    text, notes = read("a.xml", work("<akap>a<pe>b</pe></akap>", DC.format(rights, more)))
    assert text.licence == licence
    assert (notes.author, notes.licence) == (None, of_notes or (licence if address else None))


def test_verses_end_at_slashes_and_stanzas_stand_apart(text_of):
    body = """<strofa>Młyn miele ---/
  <wers_wciety typ="2">w nocy, we dnie,</wers_wciety>/
a rzeka 1/2 mili
dalej/
płynie.</strofa>

<strofa><wers_akap>Koniec.</wers_akap></strofa>"""
    assert text_of(body) == (
        "Młyn miele —\nw nocy, we dnie,\na rzeka 1/2 mili dalej\npłynie.\n\nKoniec."
    )


def test_a_stage_direction_at_the_end_of_a_speech_does_not_hold_the_next_speaker(text_of):
    body = (
        "<naglowek_osoba>JAN</naglowek_osoba><kwestia><akap>Idę.</akap>"
        "<didaskalia>Wychodzi.</didaskalia></kwestia>"
        "<naglowek_osoba>ANNA</naglowek_osoba><kwestia><akap>Stój!</akap></kwestia>"
    )
    assert text_of(body) == "JAN\nIdę.\n\nWychodzi.\n\nANNA\nStój!"


def test_verse_elements_of_newer_files_end_lines_too(text_of):
    assert text_of("<strofa><wers>Raz,</wers><wers_cd>dwa.</wers_cd></strofa>") == "Raz,\ndwa."


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (',,Tak" --- rzekł', "„Tak” — rzekł"),
        ("lata 1830--1831", "lata 1830–1831"),
        ("ale...", "ale…"),
        ('słowo<pe>uwaga</pe>,,cytat"', "słowo„cytat”"),
        ('słowo,<pe>uwaga</pe>,,cytat"', "słowo,„cytat”"),
    ],
)
def test_signs_are_as_wolne_lektury_prints_them(text_of, written, printed):
    assert text_of(f"<akap>{written}</akap>") == printed


def test_a_speaker_stands_over_the_speech(text_of):
    body = """<naglowek_osoba>JAN</naglowek_osoba>
<kwestia><didaskalia>wchodzi</didaskalia><strofa>Idę/
w las.</strofa><strofa>I wracam.</strofa></kwestia>
<didaskalia>Wychodzi.</didaskalia>
<naglowek_osoba>ANNA</naglowek_osoba><kwestia><akap>Stój!</akap></kwestia>"""
    assert text_of(body) == "JAN\nwchodzi\nIdę\nw las.\n\nI wracam.\n\nWychodzi.\n\nANNA\nStój!"


def test_themes_and_editors_remarks_are_left_out(text_of):
    body = """<autor_utworu>Jan Nowak</autor_utworu><nazwa_utworu>Młyn</nazwa_utworu>
<abstrakt><akap>O młynie.</akap></abstrakt><extra>sprawdzić</extra>
<akap><begin id="b1"/><motyw id="m1">Praca, Woda</motyw>Mełł<uwaga>?</uwaga>.<end id="e1"/>
</akap>"""
    assert text_of(body) == "Młyn\n\nMełł."


def test_acts_and_chapters_are_parts(read):
    body = """<lista_osob><naglowek_listy>OSOBY</naglowek_listy>
<lista_osoba>JAN</lista_osoba></lista_osob>
<naglowek_akt>AKT I</naglowek_akt><naglowek_scena>SCENA 1</naglowek_scena><akap>a</akap>
<naglowek_scena>SCENA 2</naglowek_scena><akap>b</akap>
<naglowek_rozdzial>EPILOG<pr>Dopisany.</pr></naglowek_rozdzial><akap>c</akap>"""
    record, notes = read("a.xml", work(body))
    assert [part.text for part in record.parts] == [
        "OSOBY\n\nJAN",
        "AKT I\n\nSCENA 1\n\na",
        "SCENA 2\n\nb",
        "EPILOG\n\nc",
    ]
    assert [part.label for part in record.parts] == [f"chapter={n}" for n in (1, 2, 3, 4)]
    assert notes.text == "Dopisany."


@pytest.mark.parametrize("kind", ["pr", "pe", "pa", "pt"])
def test_notes_are_a_record_of_their_own_one_a_paragraph(read, kind):
    body = (
        f"<akap>Mełł<{kind}><slowo_obce>mełł</slowo_obce> --- mielił.</{kind}> mąkę"
        f"<{kind}>Pszenną.<strofa>Raz,/\ndwa.</strofa></{kind}>.</akap>"
    )
    text, notes = read("a.xml", work(body))
    assert text.text == "Mełł mąkę."
    assert (notes.key, notes.locator) == ("a.xml#notes", "a.xml#notes")
    assert notes.text == "mełł — mielił.\n\nPszenną.\nRaz,\ndwa."
    (alone,) = read("a.xml", work(body), footnotes="leave_out")
    assert (alone.text, alone.notes) == (text.text, ("notes-left-out",))


def test_an_element_that_nobody_knows_keeps_its_text_and_is_noted(read):
    (record,) = read("a.xml", work("<akap>Stary <nowosc>młyn</nowosc>.</akap>"))
    assert (record.text, record.notes) == ("Stary młyn.", ("unknown-element",))


def test_a_cycle_whose_works_are_other_files_is_skipped(read):
    more = "<dc:relation.hasPart>https://example.org/mlyn-i</dc:relation.hasPart>"
    (skipped,) = read("a.xml", work("", DC.format("Domena publiczna", more)))
    assert skipped == Skipped("a.xml", "only-parts", "its works are files of their own")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<akap>a</akap><sekcja_asterysk/><akap>b</akap>", "a\n\n* * *\n\nb"),
        ("<akap>a</akap><sekcja_swiatlo/><separator_linia/><akap>b</akap>", "a\n\nb"),
        ('<akap>w <tytul_dziela typ="1">Młynie</tytul_dziela></akap>', "w „Młynie”"),
        ("<akap>w <tytul_dziela>Młynie</tytul_dziela></akap>", "w Młynie"),
        ("<motto>Panta rhei</motto><motto_podpis>H.</motto_podpis>", "Panta rhei\n\nH."),
        (
            "<akap>(<didask_tekst>do <osoba>Jana</osoba></didask_tekst>) Stój.</akap>",
            "(do Jana) Stój.",
        ),
    ],
)
def test_smaller_elements_read_as_printed(text_of, body, text):
    assert text_of(body) == text


def test_every_real_work_is_read_without_its_markup():
    folder = real("text/wolne-lektury-xml")
    works = cycles = 0
    for path in sorted(folder.glob("*.xml")):
        text, *notes = read_file(path, path.name, ReaderOptions())
        if isinstance(text, Skipped):
            cycles += text.reason == "only-parts"
            continue
        works += 1
        assert not text.notes
        assert text.licence == "LicenseRef-public-domain"
        whole = text.text or "\n".join(part.text for part in text.parts)
        assert not re.search(r'/$|---|,,|"|[\x00-\x08]', whole, re.MULTILINE), path.name
        # ElementTree, which holds the whole tree, as the other witness: no word is lost.
        root = ET.parse(path).getroot()  # noqa: S314 (known files)
        expected = _words(_text_without(root, _LEFT_OUT))
        assert _words(whole) == expected, path.name
        noted = sum(1 for name in ("pr", "pe", "pa", "pt") for _ in root.iter(name))
        assert bool(notes) == bool(noted)
        assert not notes or abs(notes[0].text.count("\n\n") + 1 - noted) <= 2
    assert (works, cycles) == (266, 13)


_LEFT_OUT = {
    *("pr", "pe", "pa", "pt", "motyw", "extra", "uwaga", "abstrakt", "autor_utworu"),
    *("dzielo_nadrzedne", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"),
}


def _text_without(element, names):
    inner = "" if element.tag in names else (element.text or "")
    if element.tag not in names:
        inner += "".join(_text_without(child, names) for child in element)
    return inner + (element.tail or "")


def _words(text):
    return re.findall(r"\w+", text)
