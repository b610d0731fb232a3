"""EPUB: chapters in the order of the spine, and books made to hurt."""

import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf"
 media-type="application/oebps-package+xml"/></rootfiles>
</container>"""
ENCRYPTION = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
 xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>
<enc:EncryptionMethod Algorithm="{}"/><enc:CipherData><enc:CipherReference URI="OEBPS/a"/>
</enc:CipherData></enc:EncryptedData></encryption>"""
CHAPTERS = {
    "1.xhtml": "<h1>Rozdział pierwszy</h1><p>Żółw poszedł.</p>",
    "tom 2/2.xhtml": "<h1>Rozdział drugi</h1><p>Żółw wrócił.</p><script>x()</script>",
}


def page(body):
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title/></head><body>{body}</body></html>"
    )


def opf(names, metadata="", *, nav=True):
    items = "".join(
        f'<item id="c{n}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(names)))
    if nav:
        items += '<item id="n" href="n.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        spine = f'<itemref idref="n"/>{spine}'
    return (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )


def epub(files=None, metadata="", chapters=CHAPTERS, **more):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as book:
        content = {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": opf(chapters, metadata, **more),
            "OEBPS/n.xhtml": page("<nav>Spis treści</nav>"),
            **{f"OEBPS/{name}": page(body) for name, body in chapters.items()},
            **(files or {}),
        }
        for name, data in content.items():
            if data is not None:
                book.writestr(name, data)
    return raw.getvalue()


def test_chapters_are_parts_in_the_order_of_the_spine(read):
    (book,) = read("a/b.epub", epub())
    assert (book.key, book.locator, book.text) == ("a/b.epub", "a/b.epub", None)
    assert [part.label for part in book.parts] == ["chapter=2", "chapter=3"]
    assert [part.text.split() for part in book.parts] == [
        ["Rozdział", "pierwszy", "Żółw", "poszedł."],
        ["Rozdział", "drugi", "Żółw", "wrócił."],
    ]
    assert not any("Spis" in part.text for part in book.parts)
    chapters = read("b.epub", epub(), split_parts=True)
    assert [chapter.locator for chapter in chapters] == ["b.epub#chapter=2", "b.epub#chapter=3"]


def test_metadata_are_taken_and_a_licence_only_where_it_is_one(read):
    metadata = (
        "<dc:title> Żółw\n i zając </dc:title><dc:creator>Ezop</dc:creator>"
        "<dc:creator>Jan Kowalski</dc:creator><dc:date>1893</dc:date><dc:language>pl</dc:language>"
        "<dc:rights>{}</dc:rights>"
    )
    rights = "Na licencji http://creativecommons.org/licenses/by-sa/3.0/pl/."
    (book,) = read("a.epub", epub(metadata=metadata.format(rights)))
    assert (book.title, book.author) == ("Żółw i zając", "Ezop; Jan Kowalski")
    assert (book.date, book.language) == ("1893", "pl")
    assert book.licence == "LicenseRef-CC-BY-SA-3.0-PL"
    for text, licence in (("CC0-1.0", "CC0-1.0"), ("Wszelkie prawa zastrzeżone", None)):
        assert read("a.epub", epub(metadata=metadata.format(text)))[0].licence == licence
    link = '<link rel="cc:license" href="https://creativecommons.org/licenses/by/4.0/"/>'
    assert read("a.epub", epub(metadata=link))[0].licence == "CC-BY-4.0"
    (book,) = read("a.epub", epub(metadata=link + metadata.format("CC0-1.0")))
    assert (book.licence, book.notes) == (None, ("licence-ambiguous",))


@pytest.mark.parametrize(
    ("meta", "reserved"),
    [
        ('<meta property="tdm:reservation">1</meta>', True),
        ('<meta name="tdm:reservation" content="1" />', True),
        ('<meta property="tdm:reservation">0</meta>', False),
        ("", False),
    ],
)
def test_a_reservation_against_mining_is_noted(read, meta, reserved):
    assert ("tdm-reservation" in read("a.epub", epub(metadata=meta))[0].notes) == reserved


def test_a_protected_book_is_skipped_and_one_with_its_own_fonts_is_not(read):
    aes = {
        "META-INF/encryption.xml": ENCRYPTION.format("http://www.w3.org/2001/04/xmlenc#aes256-cbc")
    }
    (skipped,) = read("a.epub", epub(aes))
    assert (skipped.locator, skipped.reason) == ("a.epub", "encrypted")
    fonts = {"META-INF/encryption.xml": ENCRYPTION.format("http://www.idpf.org/2008/embedding")}
    assert isinstance(read("a.epub", epub(fonts))[0], Record)


def test_a_damaged_chapter_is_counted_and_the_others_are_the_book(read):
    raw = epub({"OEBPS/1.xhtml": None})
    skipped, book = read("a.epub", raw, bad_input="skip")
    assert (skipped.locator, skipped.reason) == ("a.epub#chapter=2", "damaged-chapter")
    assert [part.label for part in book.parts] == ["chapter=3"]
    with pytest.raises(DataError, match=r"a\.epub#chapter=2: a chapter .* cannot be read"):
        read("a.epub", raw)
    damaged = bytearray(epub())
    damaged[damaged.index(b"OEBPS/1.xhtml") + 20] ^= 255
    assert [type(item) for item in read("a.epub", bytes(damaged), bad_input="skip")] == [
        Skipped,
        Record,
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"to nie jest zip",
        epub()[:-30],
        epub()[:200],
        epub({"META-INF/container.xml": None}),
        epub({"META-INF/container.xml": "<container/>"}),
        epub({"OEBPS/book.opf": "<package>"}),
        epub({"OEBPS/book.opf": '<!DOCTYPE p [<!ENTITY a "b">]><package>&a;</package>'}),
        epub({"OEBPS/book.opf": "<package><spine/></package>"}),
        epub({"OEBPS/book.opf": b"<package>" + b"<a/>" * (2 << 20)}),
        epub({f"{number}": "" for number in range(20_000)}),
    ],
    ids=range(11),
)
def test_what_is_no_book_is_refused_or_skipped(read, raw):
    (skipped,) = read("a.epub", raw, bad_input="skip")
    assert (skipped.locator, skipped.reason) == ("a.epub", "invalid-epub")
    with pytest.raises(DataError, match=r"a\.epub: this is not a valid EPUB"):
        read("a.epub", raw)


def test_names_that_lead_out_of_the_book_are_only_names(read, tmp_path):
    (tmp_path / "tajne.xhtml").write_text(page("tajne"))
    raw = epub(chapters={"../../tajne.xhtml": "w książce", "/etc/passwd": "też"})
    names = {"../tajne.xhtml": page("w książce"), "/etc/passwd": page("też")}
    items = read("ksiazki/a.epub", raw, bad_input="skip")
    assert [item.reason for item in items[:-1]] == ["damaged-chapter"] * 2
    (book,) = read(
        "ksiazki/a.epub", epub(names, chapters={"../../tajne.xhtml": "", "/etc/passwd": ""})
    )
    assert [part.text.strip() for part in book.parts] == ["w książce", "też"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.epub", "ksiazki", "tajne.xhtml"]


def test_a_bomb_stays_small_in_memory(tmp_path):
    bomb = page("a" * (15 << 20))
    path = tmp_path / "a.epub"
    path.write_bytes(epub({"OEBPS/1.xhtml": bomb}))
    options = ReaderOptions(bad_input="skip")
    list(read_file(path, path.name, options))
    tracemalloc.start()
    skipped, book = read_file(path, path.name, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (skipped.reason, len(book.parts)) == ("damaged-chapter", 1)
    assert "unpacks to" in skipped.detail
    assert peak < 4 << 20


def test_a_lie_about_the_size_does_not_help_a_bomb(read):
    raw = bytearray(epub({"OEBPS/1.xhtml": page("a" * (15 << 20))}))
    size = len(page("a" * (15 << 20))).to_bytes(4, "little")
    while (at := raw.find(size)) >= 0:
        raw[at : at + 4] = (1000).to_bytes(4, "little")
    first, *_ = read("a.epub", bytes(raw), bad_input="skip")
    assert isinstance(first, Skipped) or len(first.parts[0].text) <= 1000


def test_chapters_that_are_too_large_together_are_no_record(read):
    raw = epub(chapters={"1.xhtml": "a" * 600, "2.xhtml": "b" * 600})
    (skipped,) = read("a.epub", raw, bad_input="skip", max_record_bytes=1000)
    assert (skipped.locator, skipped.reason) == ("a.epub", "record-too-large")
    assert len(read("a.epub", raw, max_record_bytes=1300)[0].parts) == 2


def test_a_hundred_thousand_nested_elements_are_read(read):
    chapters = {"1.xhtml": "<div>x" * 100_000}
    (book,) = read("a.epub", epub(chapters=chapters))
    assert book.parts[0].text.count("x") == 100_000


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_no_damage_makes_reading_fail(tmp_path_factory, at, data):
    raw = epub()
    path = tmp_path_factory.mktemp("epub") / "a.epub"
    path.write_bytes(raw[:at] + data + raw[at + len(data) :])
    items = list(read_file(path, "a.epub", ReaderOptions(bad_input="skip")))
    assert items
