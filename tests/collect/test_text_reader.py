import codecs
import gzip
import tracemalloc

import pytest
import zstandard

from mowa.collect import ReaderOptions, Record, Skipped, format_of, read_file
from mowa.errors import DataError, UsageError

TEXT = "Zażółć gęślą jaźń.\nWtem źrebię rzekło: dość!\n"


def test_a_text_file_is_one_record_known_by_its_path(read):
    (record,) = read("akty/1997/a.txt", TEXT.encode())
    assert record == Record(key="akty/1997/a.txt", locator="akty/1997/a.txt", text=TEXT)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"\n", "\n"),
        (codecs.BOM_UTF8 + "ż".encode(), "ż"),
        (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
        (b"a\0b", "a\0b"),
        ("bez końca linii".encode(), "bez końca linii"),
    ],
)
def test_every_form_of_plain_text_is_read(read, raw, text):
    assert [record.text for record in read("a.txt", raw)] == [text]


def test_compression_changes_neither_text_nor_key(read):
    plain = read("a.txt", TEXT.encode())
    for name, raw in (
        ("a.txt.gz", gzip.compress(TEXT.encode(), mtime=0)),
        ("a.txt.zst", zstandard.compress(TEXT.encode())),
    ):
        (record,) = read(name, raw)
        assert (record.key, record.text) == (plain[0].key, plain[0].text)
        assert record.locator == name


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("a.txt", "zażółć".encode("utf-16")[:-1], "invalid-utf-8"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(90)), "invalid-utf-8"),
        ("a.txt", bytes(range(128, 228)), "invalid-utf-8"),
        ("a.txt", "zażółć, ale ".encode() + b"za\xbf", "invalid-utf-8"),
        ("a.txt", "zażółć".encode()[:-1], "invalid-utf-8"),
        ("a.txt", b"\xed\xa0\x80", "invalid-utf-8"),
        ("a.txt", b"x" * 101, "record-too-large"),
        ("a.txt.gz", gzip.compress(b"x" * 101, mtime=0), "record-too-large"),
        ("a.txt.gz", gzip.compress(TEXT.encode(), mtime=0)[:-9], "truncated-gzip"),
        ("a.txt.gz", b"", "truncated-gzip"),
        ("a.txt.gz", b"to nie gzip", "corrupt-gzip"),
        ("a.txt.zst", zstandard.compress(TEXT.encode())[:-3], "truncated-zstd"),
        ("a.txt.zst", b"", "truncated-zstd"),
        ("a.txt.zst", b"to nie jest zstd", "corrupt-zstd"),
    ],
)
def test_broken_text_is_refused_with_the_way_out_or_skipped_with_its_reason(
    read, name, raw, reason
):
    (skipped,) = read(name, raw, bad_input="skip", max_record_bytes=100)
    assert isinstance(skipped, Skipped)
    assert (skipped.locator, skipped.reason) == (name, reason)
    with pytest.raises(DataError) as caught:
        read(name, raw, max_record_bytes=100)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert '--set steps.<documents step>.reader.bad_input="skip"' in message


def test_invalid_utf8_is_told_with_its_byte_and_a_way_to_convert(read):
    with pytest.raises(DataError, match="byte 2: invalid") as caught:
        read("a.txt", b"za\xbf")
    assert "iconv -f WINDOWS-1250" in str(caught.value)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_decompression_bomb_stays_small_in_memory(tmp_path, compress):
    path = tmp_path / ("a.txt.gz" if compress is gzip.compress else "a.txt.zst")
    path.write_bytes(compress(bytes(64 << 20)))
    options = ReaderOptions(max_record_bytes=1 << 20, bad_input="skip")
    list(read_file(path, path.name, options))
    tracemalloc.start()
    (skipped,) = read_file(path, path.name, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert skipped.reason == "record-too-large"
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text"),
        ("a.TXT", "text"),
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.jsonl.zst", "jsonl"),
        ("b/a.warc", "warc"),
        ("a.warc.gz", "warc"),
        ("a.json", "squad"),
        ("a.htm", "html"),
        ("a.html.gz", "html"),
        ("a.xhtml", "html"),
        ("a.MD", "markdown"),
        ("a.markdown", "markdown"),
        ("a.rst", "rst"),
        ("a.epub", "epub"),
    ],
)
def test_the_format_goes_by_the_name(name, expected):
    assert format_of(name, ReaderOptions()) == expected


@pytest.mark.parametrize("name", ["a.xyz", "a", "txt", "a.gz", "a.warc.zst", "a.warc.bz2"])
def test_a_name_that_says_nothing_is_refused_with_the_way_out(read, name):
    with pytest.raises(UsageError, match="does not say what its format is") as caught:
        read(name, b"x")
    assert name in str(caught.value)
    assert ".jsonl" in str(caught.value)


@pytest.mark.parametrize("name", ["a.dat", "README", "a.jsonl"])
def test_a_format_that_the_options_name_overrules_the_name(read, name):
    assert [item.text for item in read(name, b"x", format="text")] == ["x"]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1250", "windows-1250"),
        ("iso-8859-2", "iso-8859-2"),
        ("cp852", "cp852"),
        ("utf-16", "utf-16-le"),
    ],
)
def test_polish_in_another_encoding_is_read_and_noted(read, encoding, name):
    (record,) = read("a.txt", TEXT.encode(encoding))
    assert (record.text, record.notes) == (TEXT, (f"decoded-{name}",))


def test_text_in_utf_8_has_no_notes(read):
    assert read("a.txt", TEXT.encode())[0].notes == ()


def test_an_encoding_that_the_options_name_is_the_only_one(read):
    raw = "Größe, ½ ¹".encode("latin-1")
    assert read("a.txt", raw, encoding="latin-1")[0].text == "Größe, ½ ¹"
    assert read("a.txt", TEXT.encode("utf-16"), encoding="utf-16")[0].text == TEXT
    assert read("a.txt", codecs.BOM_UTF8 + b"a", encoding="utf-8")[0].text == "a"
    (skipped,) = read("a.txt", TEXT.encode("cp1250"), encoding="utf-8", bad_input="skip")
    assert skipped.reason == "invalid-utf-8"
    (skipped,) = read("a.txt", b"a\x81", encoding="cp1250", bad_input="skip")
    assert (skipped.reason, skipped.detail[:6]) == ("undecodable", "byte 1")
    with pytest.raises(DataError, match=r"reader\.encoding"):
        read("a.txt", b"a\x81", encoding="cp1250")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13"])
def test_an_encoding_that_does_not_exist_is_a_mistake_of_the_recipe(encoding):
    with pytest.raises(ValueError, match="is no encoding"):
        ReaderOptions(encoding=encoding)


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file") as caught:
        list(read_file(tmp_path / "a.txt", "a.txt", ReaderOptions()))
    assert "put it back" in str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.zst", "a.warc.gz", "a.json"])
@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
def test_an_unreadable_file_is_always_an_error(shared_folder, nobody, name, bad_input):
    path = shared_folder / name
    path.touch(0)
    with pytest.raises(DataError, match="cannot be read") as caught, nobody():
        list(read_file(path, name, ReaderOptions(bad_input=bad_input)))
    assert str(path) in str(caught.value)


def test_a_folder_in_the_place_of_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        list(read_file(tmp_path / "a.jsonl", "a.jsonl", ReaderOptions(bad_input="skip")))
