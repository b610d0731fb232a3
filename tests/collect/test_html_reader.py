"""HTML files: one page a file, which says itself what it is in."""

import tracemalloc

import pytest
from real_data import real

from mowa.collect import ReaderOptions, Record, read_file

PAGE = "<!DOCTYPE html><title>Żółw</title><p>Zażółć gęślą jaźń"


@pytest.mark.parametrize("name", ["a/b.html", "a/b.HTM", "b.html.gz"])
def test_a_file_is_one_page_known_by_its_path(read, name):
    import gzip

    raw = gzip.compress(PAGE.encode(), mtime=0) if name.endswith(".gz") else PAGE.encode()
    (record,) = read(name, raw)
    key = name.removesuffix(".gz")
    assert record == Record(key=key, locator=name, text=None, html=PAGE.encode())


def test_an_encoding_of_the_options_is_what_a_server_would_claim(read):
    (record,) = read("a.html", PAGE.encode("cp1250"), encoding="windows-1250")
    assert record.encoding == "windows-1250"
    assert read("a.html", b"a")[0].encoding is None


def test_empty_elements_of_xhtml_are_closed(read):
    raw = b'<html><head><title/><meta name="a"/></head><body><br/><p class="x"/>a</body></html>'
    (record,) = read("a.xhtml", raw)
    assert record.html == (
        b'<html><head><title></title><meta name="a"/></head>'
        b'<body><br/><p class="x"></p>a</body></html>'
    )
    assert read("a.html", raw)[0].html == raw


def test_a_page_of_a_hundred_megabytes_is_not_read_whole(tmp_path):
    path = tmp_path / "a.html"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    options = ReaderOptions(bad_input="skip")
    tracemalloc.start()
    (skipped,) = read_file(path, path.name, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (skipped.locator, skipped.reason) == ("a.html", "record-too-large")
    assert peak < 40 << 20


def test_a_real_site_gives_a_page_a_file():
    root = real("html/chcesieliczyc")
    files = sorted(root.rglob("*.html"))
    assert files
    for path in files:
        (record,) = read_file(path, path.relative_to(root).as_posix(), ReaderOptions())
        assert record.html == path.read_bytes()
