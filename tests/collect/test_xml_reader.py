import codecs
import gzip
import socket
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record, Skipped, format_of, read_file
from mowa.collect.readers._xml import BrokenXmlError, events
from mowa.errors import DataError

DOCUMENTS = {
    "tei": "<TEI><teiHeader/><text><body><p>{}</p></body></text></TEI>",
    "wolne-lektury": "<utwor><opowiadanie><akap>{}</akap></opowiadanie></utwor>",
    "opus": '<document><s id="1">{}</s></document>',
    "tmx": "<tmx><body><tu><tuv lang='pl'><seg>{}</seg></tuv></tu></body></tmx>",
    "mediawiki": "<mediawiki><page><title>A</title><ns>0</ns><id>1</id><revision><id>2</id>"
    "<text>{}</text></revision></page></mediawiki>",
}
BOMBS = {
    "a billion laughs": '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>',
    "a file of this machine": '<!DOCTYPE a [<!ENTITY c SYSTEM "file:///etc/passwd">]>',
    "a file of the network": '<!DOCTYPE a [<!ENTITY c SYSTEM "http://127.0.0.1:9/x">]>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    "a parameter entity that nothing declares": "<!DOCTYPE a [ %p; ]>",
    "an entity of an external DTD": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
    "an external DTD with a public name": '<!DOCTYPE a PUBLIC "-//X//Y" "http://127.0.0.1:9/x.dtd">',
}


class Bytes:
    """A stream over bytes, a few at a time."""

    failure = None

    def __init__(self, raw, size=7):
        self.raw, self.size = raw, size

    def read(self, _size=-1, /):
        piece, self.raw = self.raw[: self.size], self.raw[self.size :]
        return piece


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a reader reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.parametrize("bomb", BOMBS, ids=str)
@pytest.mark.parametrize("form", DOCUMENTS)
def test_entities_are_refused_by_every_reader_before_they_do_anything(read, no_network, form, bomb):
    raw = (BOMBS[bomb] + DOCUMENTS[form].format("&c;")).encode()
    (skipped,) = [
        item for item in read("a.xml", raw, bad_input="skip") if isinstance(item, Skipped)
    ]
    assert skipped.reason == "xml-entities"
    with pytest.raises(DataError, match=r"entities of its own") as caught:
        read("a.xml", raw)
    assert "xmllint" in str(caught.value)


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_document_type_that_is_only_named_is_left_unread(read, no_network, form):
    raw = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + DOCUMENTS[form].format(
        "źrebię &amp; ja"
    )
    (record,) = read("a.xml", raw.encode())
    assert record.text == "źrebię & ja"


@pytest.mark.parametrize("form", DOCUMENTS)
def test_html_entities_that_nothing_declares_are_invalid(outline, form):
    raw = DOCUMENTS[form].format("a&nbsp;b").encode()
    assert "-invalid-xml" in outline("a.xml", raw, bad_input="skip")


@pytest.mark.parametrize("form", DOCUMENTS)
def test_depth_is_bounded_in_every_reader(outline, form):
    raw = DOCUMENTS[form].format("<x>" * 300 + "</x>" * 300).encode()
    assert "-invalid-xml" in outline("a.xml", raw, bad_input="skip")


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_file_cut_anywhere_behind_its_root_is_told_from_a_whole_one(outline, form):
    raw = DOCUMENTS[form].format("źrebię &amp; <![CDATA[ja]]>").encode()
    for end in range(raw.index(b">") + 1, len(raw)):
        assert outline("a.xml", raw[:end], bad_input="skip")[-1] == "-truncated-xml", raw[:end]


@pytest.mark.parametrize("raw", [b"", b"<?xml version='1.0'?>", b"<!-- c -->\n"])
def test_a_file_without_any_element_is_truncated(outline, raw):
    assert outline("a.xml", raw, bad_input="skip") == ["-truncated-xml"]


@pytest.mark.parametrize(
    "raw",
    [
        b"tekst",
        b"<TEI></b>",
        b"<TEI b=1/>",
        b"\xff<TEI/>",
        b"<TEI>\0</TEI>",
        b"<TEI/><TEI/>",
        b"<x:TEI/>",
    ],
)
def test_what_is_no_xml_is_invalid(outline, raw):
    assert outline("a.xml", raw, bad_input="skip", format="tei")[-1] == "-invalid-xml"


def test_compression_that_ends_too_early_keeps_its_own_reason(outline):
    raw = gzip.compress(DOCUMENTS["tei"].format("ż" * 999).encode(), mtime=0)[:-12]
    assert outline("a.xml.gz", raw, bad_input="skip") == ["-truncated-gzip"]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16", b""),
        ("iso-8859-2", b""),
        ("windows-1250", b""),
    ],
)
def test_the_encoding_is_that_of_the_declaration(read, encoding, mark):
    text = "Zażółć gęślą jaźń"
    raw = f'<?xml version="1.0" encoding="{encoding}"?>' + DOCUMENTS["tei"].format(text)
    assert [item.text for item in read("a.xml", mark + raw.encode(encoding))] == [text]


@pytest.mark.parametrize("encoding", ["klingon", "idna", "rot13", "zlib", "utf-7", "undefined"])
def test_an_encoding_that_python_has_no_table_for_is_invalid(outline, encoding):
    raw = f'<?xml version="1.0" encoding="{encoding}"?>' + DOCUMENTS["tei"].format("a")
    assert outline("a.xml", raw.encode(), bad_input="skip") == ["-invalid-xml"]


def test_a_tag_without_end_stays_small_in_memory(tmp_path):
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b'<TEI a="' + b"x" * (64 << 20), mtime=0))
    tracemalloc.start()
    (skipped,) = read_file(path, path.name, ReaderOptions(bad_input="skip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (skipped.reason, "4 MiB" in skipped.detail) == ("invalid-xml", True)
    assert peak < 16 << 20


def test_default_attributes_of_a_dtd_are_not_multiplied(read):
    dtd = '<!DOCTYPE TEI [<!ATTLIST p big CDATA "' + "x" * 10_000 + '">]>'
    (record,) = read("a.xml", (dtd + DOCUMENTS["tei"].format("a")).encode())
    assert record.text == "a"


@pytest.mark.parametrize(
    ("form", "kind"),
    [("tei", "TEI"), ("wolne-lektury", "Wolne"), ("opus", "OPUS"), ("mediawiki", "MediaWiki")],
)
@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
def test_a_format_that_the_file_is_not_of_is_always_an_error(read, form, kind, bad_input):
    with pytest.raises(DataError, match=rf"this is no .*{kind}.*its root element is <svg>"):
        read("a.xml", b"<svg/>", format=form, bad_input=bad_input)


def test_a_root_that_nothing_reads_is_named_with_those_that_are_known(read):
    with pytest.raises(DataError, match="root element is <svg>") as caught:
        read("a.xml", b"<svg/>", bad_input="skip")
    assert "<mediawiki>" in str(caught.value)


@pytest.mark.parametrize("name", ["a.xml", "a.XML.gz", "b/a.xml.zst"])
def test_xml_files_are_told_by_their_names(name):
    assert format_of(name, ReaderOptions()) == "xml"


@pytest.mark.parametrize("form", DOCUMENTS)
def test_compression_changes_neither_text_nor_key(read, form):
    raw = DOCUMENTS[form].format("źrebię").encode()
    (plain,) = read("a.xml", raw)
    (packed,) = read("a.xml.gz", gzip.compress(raw, mtime=0))
    assert (packed.key, packed.text) == (plain.key, plain.text)
    assert plain.locator.startswith("a.xml")
    assert packed.locator.startswith("a.xml.gz")


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_record_too_large_is_counted_and_not_held(outline, form):
    raw = DOCUMENTS[form].format("ż" * 600).encode()
    assert outline("a.xml", raw, bad_input="skip", max_record_bytes=1000) == ["-record-too-large"]


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_a_reason(raw):
    reason = "none"
    try:
        for event in events(Bytes(raw)):
            assert event.kind in ("start", "end", "text")
    except BrokenXmlError as error:
        reason = error.reason
    assert reason in ("none", "invalid-xml", "truncated-xml", "xml-entities")


@given(st.text(alphabet="<>/ab&;![]CDAT-?x=\"' ", max_size=80))
def test_anything_in_a_text_gives_a_record_or_a_reason(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("x") / "a.xml"
    path.write_text(DOCUMENTS["tei"].format(text), "utf-8")
    (item,) = read_file(path, "a.xml", ReaderOptions(bad_input="skip"))
    assert isinstance(item, Record) or item.reason in ("invalid-xml", "truncated-xml")
