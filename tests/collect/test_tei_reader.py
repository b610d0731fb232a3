from xml.etree import ElementTree as ET

import pytest
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file

TEI = "{http://www.tei-c.org/ns/1.0}"
HEADER = """<teiHeader><fileDesc>
<titleStmt><title>Młyn nad Wisłą : ELTeC edition</title>
<author ref="x">Nowak, Jan (1837-1901)</author><editor>Kowalski, Adam</editor>
<respStmt><resp>encoded by</resp><name>Ktoś</name></respStmt></titleStmt>
<publicationStmt><date when="2021-04-09"/><idno type="URL">https://example.org/mlyn</idno>
<availability><licence target="https://creativecommons.org/licenses/by/4.0/"/></availability>
</publicationStmt>
<sourceDesc><bibl type="printSource"><title>Pisma</title><author>Nowak, J.</author>
<date>1890</date></bibl><bibl type="firstEdition"><date>1875</date></bibl></sourceDesc></fileDesc>
<profileDesc><langUsage><language ident="pl">Polish</language></langUsage></profileDesc>
</teiHeader>"""


def tei(body, header=HEADER, front="", back=""):
    return (
        f'<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0" xml:lang="en">{header}'
        f"<text>{front}<body>{body}</body>{back}</text></TEI>"
    ).encode()


@pytest.fixture
def text_of(read):
    def reading(body, **more):
        record = read("a.xml", tei(body, **more))[0]
        return record.text if record.text is not None else [part.text for part in record.parts]

    return reading


def test_the_header_gives_what_is_known_of_the_text(read):
    (record,) = read("powieści/młyn.xml", tei("<p>Mełł.</p>"))
    assert record == Record(
        key="powieści/młyn.xml",
        locator="powieści/młyn.xml",
        text="Mełł.",
        title="Młyn nad Wisłą",
        author="Nowak, Jan",
        date="1875",
        language="pl",
        licence="CC-BY-4.0",
        url="https://example.org/mlyn",
    )


@pytest.mark.parametrize(
    ("availability", "licence"),
    [
        ("<p>This text is in the public domain.</p>", "LicenseRef-public-domain"),
        ("<licence>Domena publiczna</licence>", "LicenseRef-public-domain"),
        ('<licence target="http://creativecommons.org/publicdomain/zero/1.0/"/>', "CC0-1.0"),
        ('<licence target="https://example.org/umowa"/>', "https://example.org/umowa"),
        ("<p>Wszystkie prawa zastrzeżone</p>", None),
    ],
)
def test_a_licence_is_that_of_its_address_or_of_its_words(read, availability, licence):
    header = (
        "<teiHeader><fileDesc><titleStmt><title>A</title></titleStmt><publicationStmt>"
        f"<availability>{availability}</availability></publicationStmt></fileDesc></teiHeader>"
    )
    (record,) = read("a.xml", tei("<p>a</p>", header=header))
    assert (record.licence, record.author, record.date, record.language) == (
        licence,
        None,
        None,
        "en",
    )


def test_paragraphs_stand_apart_and_verses_on_lines_of_their_own(text_of):
    body = """<p>Pierwszy
       akapit.</p><p>Drugi <hi rend="i">akapit</hi>.</p>
       <lg><l>Płynie Wisła,</l><l>płynie</l></lg><lg><l>po polskiej krainie.</l></lg>"""
    assert text_of(body) == (
        "Pierwszy akapit.\n\nDrugi akapit.\n\nPłynie Wisła,\npłynie\n\npo polskiej krainie."
    )


def test_each_chapter_is_a_part_with_the_heading_of_its_volume(read):
    body = (
        '<div type="group"><head>Tom I</head>'
        '<div type="chapter"><head>I</head><p>a</p><div type="letter"><p>list</p></div></div>'
        '<div type="chapter"><head>II</head><p>b</p></div></div>'
        '<div type="group"><head>Tom II</head>'
        '<div type="chapter"><head>I</head><p>c</p></div></div>'
    )
    record, *notes = read("a.xml", tei(body))
    assert not notes
    assert record.text is None
    assert [(part.label, part.text) for part in record.parts] == [
        ("chapter=1", "Tom I\n\nI\n\na\n\nlist"),
        ("chapter=2", "II\n\nb"),
        ("chapter=3", "Tom II\n\nI\n\nc"),
    ]
    split = read("a.xml", tei(body), split_parts=True)
    assert [item.locator for item in split] == [f"a.xml#chapter={n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("printed", "read_as"),
    [
        ("nie<lb/>bo", "nie bo"),
        ("nie-<lb/>bo", "niebo"),
        ("nie-\n   <lb/>\n  bo", "niebo"),
        ("nie¬<pb n='3'/>bo", "niebo"),
        ('nie<lb break="no"/>bo', "niebo"),
        ('nie-<pb/><fw>PAN TADEUSZ</fw><lb break="no"/>bo', "niebo"),
        ("biało-<lb/>-czerwony", "biało-czerwony"),
        ("Bielsko-<lb/>Biała", "Bielsko- Biała"),
        ("rzekł -<lb/>nie", "rzekł - nie"),
        ("— Tak?<pb/>— Tak.", "— Tak? — Tak."),
    ],
)
def test_words_broken_over_lines_and_pages_are_whole_again(text_of, printed, read_as):
    assert text_of(f"<p>{printed}</p>") == read_as


def test_notes_are_a_record_of_their_own(read):
    body = (
        '<p>Ala<note place="foot">Imię.</note> ma'
        "<note><p>Czasownik.</p><p>I to.</p></note> kota.</p>"
    )
    back = (
        '<back><div type="notes"><head>Przypisy</head><note n="3">Kot domowy.</note></div></back>'
    )
    text, notes = read("a.xml", tei(body, back=back))
    assert text.text == "Ala ma kota."
    assert (notes.key, notes.locator) == ("a.xml#notes", "a.xml#notes")
    assert notes.text == "Imię.\n\nCzasownik.\nI to.\n\nPrzypisy\n\nKot domowy."
    assert (notes.title, notes.author, notes.licence) == ("Młyn nad Wisłą", None, "CC-BY-4.0")


def test_notes_can_be_left_out_which_is_noted(read):
    (record,) = read("a.xml", tei("<p>Ala<note>Imię.</note>.</p>"), footnotes="leave_out")
    assert (record.text, record.notes) == ("Ala.", ("notes-left-out",))


def test_a_note_within_a_broken_word_leaves_the_word_whole(text_of):
    assert text_of("<p>nie-<lb/><note>Uwaga.</note>bo</p>") == "niebo"


def test_title_pages_and_tables_of_contents_are_left_out_and_prefaces_kept(text_of):
    front = (
        "<front><titlePage><docTitle><titlePart>MŁYN</titlePart></docTitle></titlePage>"
        '<div type="titlepage"><p>MŁYN</p></div><div type="liminal"><p>Żonie.</p></div></front>'
    )
    back = '<back><div type="contents"><p>Rozdział I 5</p></div></back>'
    assert text_of("<div><p>a</p></div>", front=front, back=back) == ["Żonie.", "a"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p><choice><orig>móy</orig><reg>mój</reg></choice> dom</p>", "móy dom"),
        ("<p><choice><sic>dmo</sic><corr>dom</corr></choice></p>", "dom"),
        ("<p><choice><abbr>np.</abbr><expan>na przykład</expan></choice></p>", "np."),
        ("<p><app><lem>dom</lem><rdg>lom</rdg></app></p>", "dom"),
        ("<p>stary <del>duży</del> dom</p>", "stary dom"),
        ("<p>dom<gap/></p>", "dom […]"),
        ("<p>Rzekł: <quote>dom</quote>.</p>", "Rzekł: dom."),
        ("<div><p>Oto:</p><quote><p>dom</p></quote></div>", "Oto:\n\ndom"),
        ("<p>a</p><milestone/><p>b</p>", "a\n\nb"),
        ("<list><item>jeden</item><item>dwa</item></list>", "jeden\ndwa"),
        (
            "<table><row><cell>a</cell><cell>b</cell></row><row><cell>c</cell></row></table>",
            "a b\nc",
        ),
        (
            "<sp><speaker>JAN</speaker><p>Idę.</p></sp><stage>Wychodzi.</stage>",
            "JAN\nIdę.\n\nWychodzi.",
        ),
        ("<sp><speaker>JAN</speaker><l>Idę</l><l>w las.</l></sp>", "JAN\nIdę\nw las."),
        ("<figure><head>Młyn</head><figDesc>Rysunek młyna</figDesc></figure>", "Młyn"),
    ],
)
def test_what_the_encoder_added_gives_way_to_what_was_written(text_of, body, text):
    assert text_of(body) == text


def test_a_corpus_is_one_record_a_text(outline):
    corpus = b"<teiCorpus><teiHeader/>" + b"".join(
        tei(f"<p>{word}<note>n</note></p>").partition(b"?>")[2] for word in ("a", "b")
    )
    found = outline("k.xml", corpus + b"</teiCorpus>")
    assert found == ["k.xml#text=1", "k.xml#text=1#notes", "k.xml#text=2", "k.xml#text=2#notes"]


def test_a_corpus_that_is_cut_gives_the_texts_before_the_cut(read):
    whole = tei("<p>a</p>").partition(b"?>")[2]
    found = read("k.xml", b"<teiCorpus>" + whole + whole[:-20], bad_input="skip")
    assert [type(item) for item in found] == [Record, Skipped]
    assert (found[1].locator, found[1].reason) == ("k.xml#text=2", "truncated-xml")


def test_real_novels_are_whole_chapter_by_chapter():
    folder = real("text/eltec-pol")
    novels = {"lalka": 39, "faraon": 69, "bialy-murzyn": 19, "ozimina": 4}
    for path in sorted(folder.glob("*.xml"))[::6] + [
        path for name in novels for path in folder.glob(f"*{name}.xml")
    ]:
        (record,) = read_file(path, path.name, ReaderOptions())
        texts = [part.text for part in record.parts] or [record.text]
        assert all(texts)
        assert record.author
        assert record.title
        assert "ELTeC" not in record.title
        assert record.language in ("pl", "pol")
        assert record.licence == "CC-BY-4.0"
        assert 1840 <= int(record.date) <= 1940
        # ElementTree, which holds the whole tree, as the other witness.
        text = ET.parse(path).getroot().find(f"{TEI}text")  # noqa: S314 (known files)
        for page in text.findall(f"{TEI}front/{TEI}div[@type='titlepage']"):
            page.clear()
        for block in text.iter():
            if block.tag in (f"{TEI}p", f"{TEI}head"):
                block.tail = f" {block.tail or ''}"
        expected = "".join(text.itertext()).split()
        assert " ".join(texts).split() == expected
        for name, parts in novels.items():
            if path.stem.endswith(name):
                assert len(record.parts) == parts
