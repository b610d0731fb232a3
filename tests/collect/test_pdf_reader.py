import gzip
import random
import re
from collections import Counter

import pypdfium2
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.collect.readers import _pdf
from mowa.collect.readers._pdf import _date
from mowa.collect.readers._pdf_heads import running_heads
from mowa.collect.readers._pdf_pages import Line
from mowa.collect.readers._pdf_text import cleaned, rows_of
from mowa.collect.readers._pdf_words import joined, mended, words_of
from mowa.errors import DataError
from mowa.sample import _pdf as writer
from mowa.sample._pdf import pdf

FIRST = (
    "Rzeczoznawcy przedstawili najnowocześniejsze rozwiązania architektoniczne,"
    " a przedsiębiorcy zaproponowali odpowiedzialną współpracę międzynarodową."
    " Zażółć gęślą jaźń, powiedział „mistrz” – i wyszedł…"
)
SECOND = "Niedaleko stąd płynie rzeka. Nad rzeką stoi młyn, a za młynem rośnie stary dąb."
PAGES = [[FIRST, SECOND], [SECOND, FIRST], [FIRST]]


def text_of(record):
    return "\n\n".join(part.text for part in record.parts)


def line(text, y, *, left=72.0, right=None, size=11.0, **more):
    return Line(text, left, left + 5 * len(text) if right is None else right, y, size, **more)


def page(*texts, top=700.0, full=None):
    """Lines one below the other, each as wide as its text, or as `full` of them."""
    return tuple(
        line(text, top - 14 * row, right=full if full and row < len(texts) - 1 else None)
        for row, text in enumerate(texts)
    )


def paragraphs(*pages):
    return [part.text for part in cleaned(pages).parts]


@pytest.fixture
def data():
    return real("pdf")


# Records


def test_a_file_is_one_record_and_each_page_a_part(read):
    (record,) = read("akta/pismo.pdf", pdf("Pismo", "Łucja Ćma", PAGES))
    assert (record.key, record.locator, record.text) == ("akta/pismo.pdf", "akta/pismo.pdf", None)
    assert (record.title, record.author, record.language) == ("Pismo", "Łucja Ćma", "pl-PL")
    assert record.date == "2026-10-12T06:00:00Z"
    assert [part.label for part in record.parts] == ["page=1", "page=2", "page=3"]
    assert [part.text for part in record.parts] == ["\n\n".join(paras) for paras in PAGES]
    assert record.notes == ("repeated-lines-left-out",)


def test_broken_words_and_lines_are_made_whole(read):
    raw = pdf("", "X", [[FIRST * 6, SECOND * 9]])
    with pypdfium2.PdfDocument(raw) as document:
        page_text = document[0].get_textpage().get_text_range()
    assert "\ufffe" in page_text, "no word is broken: the test shows nothing"
    (record,) = read("a.pdf", raw)
    assert text_of(record) == f"{FIRST * 6}\n\n{SECOND * 9}"


def test_a_sentence_that_goes_on_overleaf_runs_on(read):
    first, second = "Wieczorem poszliśmy nad jezioro, gdzie", "stała przystań i trzy łodzie."
    (record,) = read("a.pdf", pdf("Nad wodą", "X", [[SECOND, first], [second, FIRST], [SECOND]]))
    assert [part.runs_on for part in record.parts] == [False, True, False]
    assert record.parts[0].text.endswith("gdzie")
    assert record.parts[1].text.startswith("stała przystań")


def test_split_parts_gives_a_record_a_page(read):
    records = read("a.pdf", pdf("Pismo", "X", PAGES), split_parts=True)
    assert [record.key for record in records] == ["a.pdf#page=1", "a.pdf#page=2", "a.pdf#page=3"]
    assert [record.locator for record in records] == [record.key for record in records]
    assert records[2].text == FIRST
    assert {record.title for record in records} == {"Pismo"}


@pytest.mark.parametrize(
    ("suffix", "packed"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_compressed_files_are_the_same_record(read, suffix, packed):
    raw = pdf("Pismo", "X", PAGES)
    (plain,) = read("a.pdf", raw)
    (record,) = read(f"a.pdf{suffix}", packed(raw))
    assert (record.key, record.parts) == (plain.key, plain.parts)
    assert record.locator == f"a.pdf{suffix}"


def test_a_file_without_any_page_content_is_an_empty_record(read):
    (record,) = read("a.pdf", pdf("", "X", [[], []]))
    assert (record.text, record.parts, record.title) == ("", (), None)


# What is no text


def test_what_wants_a_password_is_skipped(read):
    assert read("a.pdf", pdf("Tajne", "X", PAGES, encrypted=True)) == [
        Skipped("a.pdf", "encrypted", "incorrect password error")
    ]


def test_pictures_of_pages_want_recognition(read):
    assert read("a.pdf", pdf("Skan", "X", PAGES, scanned=True)) == [
        Skipped("a.pdf", "needs-ocr", "3 of 3 pages")
    ]


def test_pages_without_text_among_others_are_noted(read, monkeypatch):
    content = writer._content
    picture = b"q 595 0 0 842 0 0 cm /Im1 Do Q"
    monkeypatch.setattr(
        writer, "_content", lambda t, number, *a: picture if number == 2 else content(t, number, *a)
    )
    (record,) = read("a.pdf", pdf("Pismo", "X", [*PAGES, [SECOND]]))
    assert "pages-without-text" in record.notes
    assert [part.label for part in record.parts] == ["page=1", "page=3", "page=4"]


def test_a_text_layer_of_signs_is_garbled(read, monkeypatch):
    unicode_map = writer._unicode_map
    monkeypatch.setattr(
        writer,
        "_unicode_map",
        lambda codes: unicode_map({chr(0x2500 + code): code for code in codes.values()}),
    )
    (skipped,) = read("a.pdf", pdf("Pismo", "X", PAGES))
    assert (skipped.reason, skipped.detail) == ("garbled-text-layer", "0% letters and digits")


def test_glyphs_for_private_use_are_noted_and_kept(read):
    (record,) = read("a.pdf", pdf("Pismo", "X", [[FIRST, "słowo \ue123\ue124 " * 9]]))
    assert "private-use-glyphs" in record.notes
    assert text_of(record).count("\ue123") == 9


@pytest.mark.parametrize("raw", [b"", b"Zwyczajny tekst.", b"%PDF-1.7\n", b"\0" * 5000])
def test_what_is_no_pdf_is_broken(read, raw):
    with pytest.raises(DataError, match="not a PDF file") as caught:
        read("a.pdf", raw)
    assert caught.value.where == "a.pdf"
    (skipped,) = read("a.pdf", raw, bad_input="skip")
    assert skipped.reason == "invalid-pdf"


def test_a_file_cut_short_is_broken_or_read_as_far_as_it_goes(read):
    raw = pdf("Pismo", "X", PAGES)
    for share in (0.1, 0.5, 0.9):
        (item,) = read("a.pdf", raw[: int(len(raw) * share)], bad_input="skip")
        assert isinstance(item, Record) or item.reason == "invalid-pdf"


def test_a_compressed_file_cut_short_is_broken(read):
    raw = gzip.compress(pdf("Pismo", "X", PAGES), mtime=0)
    (skipped,) = read("a.pdf.gz", raw[:-20], bad_input="skip")
    assert skipped.reason == "truncated-gzip"


def test_bounds_are_kept(read, monkeypatch):
    raw = pdf("Pismo", "X", PAGES)
    for name, limit in (("_FILE_BYTES", 100), ("_PAGES", 2), ("_LINES", 3)):
        with monkeypatch.context() as patch:
            patch.setattr(_pdf, name, limit)
            for file in ("a.pdf", "a.pdf.gz"):
                packed = gzip.compress(raw, mtime=0) if file.endswith(".gz") else raw
                (skipped,) = read(file, packed, bad_input="skip")
                assert skipped.reason == "record-too-large", name
    (skipped,) = read("a.pdf", raw, bad_input="skip", max_record_bytes=400)
    assert (skipped.reason, skipped.detail) == ("record-too-large", "at page 2")


def test_a_reservation_in_the_xmp_packet_is_noted(read):
    raw = pdf("Pismo", "X", PAGES)
    packet = b'<x:xmpmeta><rdf:Description tdm:reservation="%b"/></x:xmpmeta>'
    notes = {value: read("a.pdf", raw + packet % value)[0].notes for value in (b"1", b"0", b"x")}
    assert ["tdm-reservation" in notes[value] for value in notes] == [True, False, False]
    element = b"<tdm:reservation>1</tdm:reservation>"
    for packets, expected in ((packet % b"0" + element, True), (element + packet % b"0", False)):
        (record,) = read("a.pdf", raw + packets)
        assert ("tdm-reservation" in record.notes) is expected


def test_a_file_that_forbids_copying_is_noted(read, monkeypatch):
    monkeypatch.setattr(pypdfium2.raw, "FPDF_GetDocPermissions", lambda _: ~(1 << 4))
    (record,) = read("a.pdf", pdf("Pismo", "X", PAGES))
    assert "copying-restricted" in record.notes


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("D:20250929095753+02'00'", "2025-09-29T09:57:53+02:00"),
        ("D:20041027035700", "2004-10-27T03:57:00"),
        ("D:20130312101535Z", "2013-03-12T10:15:35Z"),
        ("D:199812231952-08'00", "1998-12-23T19:52:00-08:00"),
        ("D:2011", "2011"),
        ("D:201107", "2011-07"),
        ("wczoraj", None),
        ("", None),
    ],
)
def test_dates_are_iso_dates(written, iso):
    assert _date(written) == iso


# Running heads


def test_heads_feet_and_page_numbers_go_and_what_is_between_stays():
    pages = [
        (
            line("Dzieje młyna", 800),
            *page(*(f"Tekst {word} ma wiersz {word[:row]}." for row in range(1, 7))),
            line(f"Strona {number} z 4", 40),
        )
        for number, word in enumerate(("pierwszy", "drugi", "trzeci", "czwarty"), start=1)
    ]
    found = cleaned(pages)
    assert [len(part.text.split()) for part in found.parts] == [30, 30, 30, 30]
    assert not {"Dzieje", "Strona"} & set("".join(part.text for part in found.parts).split())
    assert found.repeated_lines == 8


def test_heads_that_change_with_the_chapter_go_by_their_number():
    chapters = ("Ptaki", "Ryby", "Gady", "Ssaki", "Płazy")
    pages = [
        (line(f"{number} Rozdział {number - 11}. {name}", 800), *page(f"{name} to zwierzęta."))
        for number, name in enumerate(chapters, start=12)
    ]
    assert running_heads(pages) == {(number, 0) for number in range(5)}


def test_lines_that_only_look_like_heads_stay():
    ends = ("na podstawie art. 59 § 1", "o którym mowa w art. 2", "zgodnie z art. 12 ust. 3")
    pages = [
        page("Sąd uznał skargę za zasadną, a wyrok", end, top=700 - 20 * number)
        for number, end in enumerate(ends)
    ]
    assert running_heads(pages) == set()
    answers = [page("C. Sąd Najwyższy.", "Dalej.", top=700 - 50 * number) for number in range(5)]
    assert running_heads(answers) == set()


def test_roman_numbers_and_numbers_in_dashes_are_page_numbers():
    for forms in (("i", "ii", "iii", "iv"), ("- 7 -", "- 8 -", "- 9 -", "- 10 -")):
        pages = [
            (*page(f"{word} zdanie."), line(form, 40))
            for word, form in zip(("Oto", "To", "Inne", "Nowe"), forms, strict=True)
        ]
        assert running_heads(pages) == {(number, 1) for number in range(4)}


# Paragraphs


def test_lines_of_a_paragraph_are_joined_and_paragraphs_are_apart():
    lines = (
        line("Nad rzeką stał młyn, a w młynie mieszkał młynarz z żoną", 700, right=500),
        line("i trojgiem dzieci.", 686, right=160),
        line(
            "Pewnego dnia przyszedł do nich wędrowiec i poprosił o nocleg,", 672, left=90, right=500
        ),
        line("bo noc była ciemna.", 658, right=170),
    )
    (text,) = paragraphs(lines)
    assert text == (
        "Nad rzeką stał młyn, a w młynie mieszkał młynarz z żoną i trojgiem dzieci.\n\n"
        "Pewnego dnia przyszedł do nich wędrowiec i poprosił o nocleg, bo noc była ciemna."
    )


def test_a_page_of_few_lines_has_the_sides_of_the_others():
    prose = tuple(
        line(
            "Rada gminy postanowiła, że most będzie odnowiony przed zimą, a",
            700 - 14 * row,
            right=500,
        )
        for row in range(9)
    )
    last = (line("Przewodniczący Rady", 700, right=180), line("Jan Nowak-Zimny", 686, right=170))
    assert paragraphs(prose, last)[1] == "Przewodniczący Rady\nJan Nowak-Zimny"


def test_lists_keep_their_lines_and_entries_are_whole():
    lines = (
        line("Każdy kandydat otrzymuje na sali w dniu egzaminu, co następuje:", 700, right=400),
        line("a) jeden egzemplarz zestawu pytań, zawarty na wszystkich stronach", 686, right=500),
        line("zestawu,", 672, right=120),
        line("b) jeden egzemplarz karty odpowiedzi.", 658, right=300),
        line("• długopis", 644, right=130),
        line("• wodę", 630, right=110),
    )
    (text,) = paragraphs(lines)
    assert text.splitlines() == [
        "Każdy kandydat otrzymuje na sali w dniu egzaminu, co następuje:",
        "a) jeden egzemplarz zestawu pytań, zawarty na wszystkich stronach zestawu,",
        "b) jeden egzemplarz karty odpowiedzi.",
        "• długopis",
        "• wodę",
    ]


def test_verse_and_tables_keep_their_lines():
    verse = page(
        "Litwo! Ojczyzno moja! ty jesteś jak zdrowie;",
        "Ile cię trzeba cenić, ten tylko się dowie,",
        "Kto cię stracił. Dziś piękność twą w całej ozdobie",
        "Widzę i opisuję, bo tęsknię po tobie.",
    )
    table = page("Lp Nazwa Cena", "1 Młotek 20", "2 Gwoździe długie 5", "3 Obcęgi 35")
    assert paragraphs(verse) == ["\n".join(item.text for item in verse)]
    assert paragraphs(table)[0].splitlines()[1:] == [
        "1 Młotek 20",
        "2 Gwoździe długie 5",
        "3 Obcęgi 35",
    ]


def test_program_code_and_tables_of_contents_keep_full_lines():
    code = tuple(
        line(text, 700 - 12 * row, right=400.0, fixed=True)
        for row, text in enumerate(("def f(x): # oblicza", "return x + 1 # i tyle"))
    )
    contents = page("1 Wstęp .......... 3", "2 Opis metody .... 7", full=400)
    assert paragraphs(code)[0].count("\n") == 1
    assert paragraphs(contents)[0].count("\n") == 1


def test_raised_numbers_stay_in_their_line():
    lines = (
        line("Aplikacja nosi nazwę chatter", 700, right=300),
        line("1", 704, left=300.5, right=304, size=6),
        line(". Pod tym adresem", 700, left=304.5, right=400),
    )
    assert paragraphs(lines) == ["Aplikacja nosi nazwę chatter1. Pod tym adresem"]


def test_columns_that_pdfium_puts_in_order_stay_in_order():
    left = page("Lewa szpalta zaczyna opowieść, która", "ciągnie się przez całą szpaltę i")
    right = tuple(
        line(text, 700 - 14 * row, left=320)
        for row, text in enumerate(("dalej prawą,", "do końca."))
    )
    (text,) = paragraphs(left + right)
    assert text == (
        "Lewa szpalta zaczyna opowieść, która ciągnie się przez całą szpaltę i dalej prawą,"
        " do końca."
    )


def test_a_word_broken_over_pages_is_whole_on_the_first():
    pages = (
        (line("Rada przyjęła uchwałę o współ", 700, right=400, hyphenated=True),),
        page("pracy gmin. Uchwała wchodzi w życie."),
    )
    parts = cleaned(pages).parts
    assert parts[0].text == "Rada przyjęła uchwałę o współpracy"
    assert (parts[1].text, parts[1].runs_on) == ("gmin. Uchwała wchodzi w życie.", True)


def test_a_sentence_goes_on_behind_an_abbreviation():
    pages = (
        page("Tak stanowi ustawa o Krajowej Radzie Sądownictwa (Dz.U."),
        page("Nr 100, poz. 1082), a nie inaczej."),
    )
    assert cleaned(pages).parts[1].runs_on


# Words and letters


@pytest.mark.parametrize(
    ("head", "tail", "known", "whole"),
    [
        ("prze", "mysłu", "", "przemysłu"),
        ("stosunki polsko", "niemieckie", "", "stosunki polsko-niemieckie"),
        ("społeczno", "gospodarczego", "", "społeczno-gospodarczego"),
        ("jedno", "znacznego", "", "jednoznacznego"),
        ("skuteczno", "ścią", "", "skutecznością"),
        ("czarno", "biały", "czarno-biały", "czarno-biały"),
        ("naukowo", "techniczny", "naukowotechniczny", "naukowotechniczny"),
        ("Bielsko", "Białej", "", "Bielsko-Białej"),
        ("MRPO.04.02.01", "12-074", "", "MRPO.04.02.01-12-074"),
        ("w latach 1939", "1945", "", "w latach 1939-1945"),
    ],
)
def test_hyphens_at_the_ends_of_lines(head, tail, known, whole):
    assert joined(head, tail, words_of([line(known, 0)])) == whole


def test_a_dash_at_the_end_of_a_line_is_no_hyphen():
    assert joined("Kraków ", "Warszawa", Counter()) is None
    text = page("Przyszedł wtedy stary człowiek -", "kowal ze wsi.", full=300)
    assert paragraphs(text) == ["Przyszedł wtedy stary człowiek - kowal ze wsi."]


def test_ligatures_symbols_and_soft_hyphens_are_letters_again():
    found = mended(line("ﬁnał \uf0b7 polsko\xadniemiecki", 0), swapped=False)
    assert found.text == "finał • polsko-niemiecki"


def test_the_letters_that_printer_drivers_swapped_are_put_right():
    pages = [page("Przedsiębiorstwo InŜynieryjne", "EKO-INśYNIERIA, Ŝe to ś prawdziwe")]
    found = cleaned(pages)
    assert found.repaired_letters
    assert "Inżynieryjne EKO-INŻYNIERIA, że to ś prawdziwe" in " ".join(found.parts[0].text.split())
    esperanto = cleaned([page("Ŝi diris, ke ŝipo venas.")])
    assert not esperanto.repaired_letters
    assert esperanto.parts[0].text.startswith("Ŝi")


letters = st.text(st.sampled_from("aąbcćAŻ .,-–1(•)\u00ad"), min_size=1, max_size=30)
lines_of_a_page = st.lists(
    st.builds(
        Line,
        text=letters.map(str.strip).filter(bool),
        left=st.sampled_from((72.0, 90.0, 300.0)),
        right=st.sampled_from((150.0, 299.0, 500.0)),
        y=st.floats(20, 800),
        size=st.sampled_from((6.0, 11.0, 20.0)),
        fixed=st.booleans(),
        hyphenated=st.booleans(),
    ),
    max_size=12,
)


@given(st.lists(lines_of_a_page, max_size=6))
def test_no_letter_is_lost_but_those_of_heads(pages):
    # Pieces side by side are one line before heads are looked for.
    rows = [rows_of(mended(item, swapped=False) for item in page) for page in pages]
    heads = running_heads(rows)
    kept = "".join(
        item.text
        for number, page in enumerate(rows)
        for at, item in enumerate(page)
        if (number, at) not in heads
    )
    found = "".join(part.text for part in cleaned(pages).parts)
    assert [char for char in found if char.isalnum()] == [char for char in kept if char.isalnum()]


# Hostile files


def mutated(raw, rng):
    data = bytearray(raw)
    kind = rng.choice(("flip", "flip", "cut", "tail", "repeat", "number"))
    if kind == "flip":
        for _ in range(rng.choice((1, 10, 300))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "tail":
        del data[: rng.randrange(len(data))]
    elif kind == "repeat":
        start = rng.randrange(len(data))
        data[start:start] = data[start : start + rng.randrange(5_000)]
    else:
        numbers = list(re.finditer(rb"\b\d+\b", raw))
        found = rng.choice(numbers)
        value = rng.choice((b"0", b"-1", b"2147483647", b"99999999999"))
        data[found.start() : found.end()] = value
    return bytes(data)


def survives(path, raws, count):
    rng = random.Random(7)
    for _ in range(count):
        path.write_bytes(mutated(rng.choice(raws), rng))
        (item,) = read_file(path, "a.pdf", ReaderOptions(bad_input="skip"))
        assert isinstance(item, Record | Skipped)


def test_damaged_files_are_read_or_refused(tmp_path, monkeypatch):
    raws = [pdf("Pismo", "X", PAGES), pdf("Skan", "X", PAGES, scanned=True)]
    monkeypatch.setattr(writer.zlib, "compress", lambda data, _: data)
    monkeypatch.setattr(writer._File, "add_stream", _plain_stream)
    raws.append(pdf("Pismo", "X", PAGES))
    survives(tmp_path / "a.pdf", raws, 300)


def _plain_stream(self, data, entries=""):
    self.add(b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries.encode(), len(data), data))


@pytest.mark.slow
def test_damaged_real_files_are_read_or_refused(tmp_path, data):
    survives(tmp_path / "a.pdf", [path.read_bytes() for path in sorted(data.rglob("*.pdf"))], 300)


# Real files


def record_of(data, name):
    path = data / name
    (record,) = read_file(path, name, ReaderOptions())
    return record


def test_a_court_judgment_reads_as_paragraphs(data):
    record = record_of(data, "saos-courts/f1fb6b13d57e25be69d1159356655528_changed.pdf")
    text = text_of(record)
    assert record.notes == ("repaired-letters", "repeated-lines-left-out")
    assert record.date == "2008-07-03T09:14:02+02:00"
    assert [part.runs_on for part in record.parts] == [False, False, False, False, True]
    assert (
        "\n\nBrak precyzyjnego wskazania jakie elementy, materiały będą zastosowane do realizacji,"
        " powoduje że Wykonawca mógł skalkulować elementy tańsze lub gorszej klasy.\n\n" in text
    )
    assert "Przedsiębiorstwo Budownictwa Inżynieryjnego EKO-INŻYNIERIA Sp. z o.o." in text


def test_an_exam_paper_keeps_its_questions_and_loses_its_heads(data):
    text = text_of(record_of(data, "egzamin-ms/test_questions.pdf"))
    assert "KANDYDATÓW NA APLIKANTÓW ADWOKACKICH I RADCOWSKICH 3" not in text
    assert (
        "6. Zgodnie z Kodeksem karnym, karą nie jest:\nA. pozbawienie wolności,\n"
        "B. ograniczenie wolności,\nC. pozbawienie praw publicznych.\n\n7. " in text
    )
    numbers = [int(found) for found in re.findall(r"^(\d+)\. Zgodnie", text, re.MULTILINE)]
    assert len(numbers) > 140
    assert numbers == sorted(numbers)


def test_letters_that_tex_composed_are_letters(data):
    text = text_of(record_of(data, "python101-course/python2-przewodnik.pdf"))
    assert "są dostępne w sposób wolny i za darmo, zarówno w postaci źródłowej" in text
    assert "wysokiego poziomu" in text
    assert "środowisko" in text


def test_every_real_file_is_mostly_words_of_letters(data):
    for path in sorted(data.rglob("*.pdf")):
        if path.name == "commonCourtCodes.pdf":
            continue  # a table of numbers
        record = record_of(data, path.relative_to(data).as_posix())
        text = text_of(record)
        words = text.split()
        assert sum(word.strip('.,;:()„”"').isalpha() for word in words) > 0.5 * len(words), path
        assert not re.search("[\ufffe\u0002\ufffd]", text), path
