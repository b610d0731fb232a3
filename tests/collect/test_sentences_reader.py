import bz2
import gzip

import pytest
from real_data import real

from mowa.collect import ReaderOptions, Record, read_file
from mowa.errors import DataError


def lines(count):
    return "".join(f"{number}\tZdanie {number}.\n" for number in range(1, count + 1)).encode()


def test_a_hundred_sentences_are_a_record(read):
    found = read("csb/f.txt.bz2", bz2.compress(lines(230)), format="sentences")
    assert found[0] == Record(
        key="csb/f.txt#1",
        locator="csb/f.txt.bz2#lines=1-100",
        text="\n".join(f"Zdanie {number}." for number in range(1, 101)),
    )
    assert [record.locator.partition("=")[2] for record in found] == ["1-100", "101-200", "201-230"]


def test_tabs_in_a_sentence_are_its_own(read):
    assert read("f.txt", b"7\ta\tb\r\n\n8\tc", format="sentences")[0].text == "a\tb\nc"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"bez numeru\n", "invalid-sentence"),
        (b"x\tlitera\n", "invalid-sentence"),
        (b"2\t\xb3\xf3d\xbc\n", "invalid-utf-8"),
        (b"2\t" + b"a" * 600 + b"\n", "record-too-large"),
    ],
)
def test_a_broken_line_is_refused_by_its_number_or_counted(read, line, reason):
    raw = lines(1) + line + b"3\tTrzy.\n"
    found = read("f.txt", raw, format="sentences", bad_input="skip", max_record_bytes=500)
    assert (found[0].locator, found[0].reason) == ("f.txt#line=2", reason)
    assert found[1] == Record("f.txt#1", "f.txt#lines=1-3", "Zdanie 1.\nTrzy.")
    with pytest.raises(DataError, match="line=2"):
        read("f.txt", raw, format="sentences", max_record_bytes=500)


def test_sentences_too_large_together_are_counted(outline):
    raw = b"".join(b"%d\t%b\n" % (number, b"a" * 90) for number in range(30))
    found = outline("f.txt", raw, format="sentences", bad_input="skip", max_record_bytes=1000)
    assert found == ["-record-too-large", "-record-too-large", "f.txt#25"]


def test_a_file_cut_short_gives_what_is_whole(outline):
    packed = gzip.compress(lines(2), mtime=0)[:-4]
    found = outline("f.txt.gz", packed, format="sentences", bad_input="skip")
    assert found == ["f.txt#1", "-truncated-gzip"]


def test_the_kashubian_sentences_are_all_read():
    name = "csb_wikipedia_2021_10K-sentences.txt"
    path = real(f"text/kashubian-wikipedia-leipzig/{name}")
    found = list(read_file(path, name, ReaderOptions(format="sentences")))
    assert len(found) == 100
    assert sum(len(record.text.split("\n")) for record in found) == 10_000
