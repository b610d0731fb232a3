import gzip
import re
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from warc_pages import PAGE, chunked, gz, http, record

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.collect.readers import _warc
from mowa.errors import DataError, MowaError

FOUR = [record(name, http(PAGE + name.encode() * 200)) for name in "abcd"]
KEYS = [f"urn:uuid:{name}" for name in "abcd"]
MIDDLE = len(FOUR[0] + FOUR[1])
PLAIN = b"".join(FOUR)


def test_a_page_becomes_a_record_with_address_date_and_charset(read):
    raw = record("a", http(media="text/html; charset=ISO-8859-2"))
    assert read("web/a.warc", raw) == [
        Record(
            key="urn:uuid:a",
            locator="web/a.warc#offset=0&record=<urn:uuid:a>",
            text=None,
            html=PAGE,
            encoding="ISO-8859-2",
            url="https://przyklad.pl/ż",
            captured="2026-01-02T03:04:05Z",
        )
    ]


def test_key_and_content_survive_recompression_and_offsets_say_where_to_read(read, tmp_path):
    forms = {
        "a.warc": PLAIN,
        "a.warc.gz": gz(*FOUR),
        "one.warc.gz": gzip.compress(PLAIN, mtime=0),
        "packed.warc": gz(*FOUR),
        "unpacked.warc.gz": PLAIN,
    }
    for name, raw in forms.items():
        found = read(name, raw)
        assert [item.key for item in found] == KEYS
        assert found[3].html == PAGE + b"d" * 200
    lengths = [len(gz(one)) for one in FOUR]
    for name, starts in (
        ("a.warc", [0, len(FOUR[0]), MIDDLE, MIDDLE + len(FOUR[2])]),
        ("a.warc.gz", [sum(lengths[:index]) for index in range(4)]),
        ("one.warc.gz", [0, 0, 0, 0]),
    ):
        offsets = [
            int(re.search(r"#offset=(\d+)&", item.locator)[1]) for item in read(name, forms[name])
        ]
        assert offsets == starts


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        (record("x", b"software: x\r\n", kind="warcinfo"), "not-a-response", "warcinfo"),
        (record("x", b"GET / HTTP/1.1\r\n\r\n", kind="request"), "not-a-response", "request"),
        (record("x", b"Tekst", kind="conversion"), "not-a-response", "conversion"),
        (record("x", kind="revisit"), "not-a-response", "revisit"),
        (record("x", kind="nowość"), "not-a-response", "nowość"),
        (record("x", without=["WARC-Type"]), "not-a-response", ""),
        (record("x", http(status="404 Nie ma")), "http-status", "404"),
        (record("x", http(status="301 Dalej")), "http-status", "301"),
        (record("x", http(media="image/png")), "not-html", "image/png"),
        (record("x", http(b"{}", media="")), "not-html", "no media type"),
        (record("x", b""), "not-http", "empty"),
        (record("x", b"20260101 przyklad.pl A 1.2.3.4"), "not-http", ""),
        (record("x", http(headers=["Content-Encoding: rot13"])), "bad-http-body", "rot13"),
        (
            record("x", http(chunked(PAGE)[:-9], headers=["Transfer-Encoding: chunked"])),
            "bad-http-body",
            "cut short",
        ),
    ],
)
def test_what_an_archive_normally_holds_besides_pages_is_skipped_with_its_reason(
    read, raw, reason, detail
):
    before, skipped, after = read("a.warc", FOUR[0] + raw + FOUR[1])
    assert [before.key, after.key] == KEYS[:2]
    assert isinstance(skipped, Skipped)
    assert skipped.reason == reason
    assert detail in skipped.detail
    assert skipped.locator == f"a.warc#offset={len(FOUR[0])}&record=<urn:uuid:x>"


@pytest.mark.parametrize("media", ["application/xhtml+xml", "TEXT/HTML;charset=utf-8", ""])
def test_every_kind_of_page_is_taken(read, media):
    assert read("a.warc", record("a", http(media=media)))[0].html == PAGE


def test_a_coded_body_never_costs_the_record_after_it(outline):
    coded = http(
        chunked(gzip.compress(PAGE, mtime=0)),
        headers=["Transfer-Encoding: chunked", "Content-Encoding: gzip"],
    )
    assert outline("a.warc", record("x", coded) + FOUR[0]) == ["urn:uuid:x", "urn:uuid:a"]


def test_an_address_in_angle_brackets_is_freed_of_them(read):
    assert read("a.warc", record("a", url="<http://przyklad.pl/>"))[0].url == "http://przyklad.pl/"
    assert read("a.warc", record("a", without=["WARC-Target-URI", "WARC-Date"]))[0].url is None


def test_headers_that_are_not_utf8_are_readable_text(read):
    raw = record("a").replace("https://przyklad.pl/ż".encode(), b"https://przyklad.pl/\xbf\xff\xff")
    url = read("a.warc", raw.replace(b"\xff\xff", b""))[0].url
    assert url.startswith("https://przyklad.pl/")
    url.encode()


# Damage among whole records, and what is found.
DAMAGE = {
    "a body that ends with the file": (PLAIN[:-300], [*KEYS[:3], "-truncated-warc"]),
    "a header that ends with the file": (
        PLAIN[: -len(FOUR[3]) + 60],
        [*KEYS[:3], "-invalid-warc-record"],
    ),
    "a length beyond the file": (
        FOUR[0] + record("x", length=10**9) + FOUR[1],
        [KEYS[0], "-truncated-warc", KEYS[1]],
    ),
    "a length too small": (
        FOUR[0] + record("x", length=90) + FOUR[1],
        [KEYS[0], "urn:uuid:x", "-invalid-warc-record", KEYS[1]],
    ),
    "no length": (
        FOUR[0] + record("x", without=["Content-Length"]) + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "a negative length": (
        FOUR[0] + record("x", length=-5) + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "a length that is no number": (
        FOUR[0] + record("x", length="dużo") + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "a length of thirty digits": (
        FOUR[0] + record("x", length=10**30) + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "an unknown version": (
        FOUR[0] + record("x").replace(b"WARC/1.0", b"WARC/9.9") + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "a header too long": (
        FOUR[0] + record("x", extra=f"X-A: {'a' * 100_000}\r\n") + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "no id": (
        FOUR[0] + record("x", without=["WARC-Record-ID"]) + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "bare line feeds": (
        FOUR[0].replace(b"\r\n", b"\n") + FOUR[1],
        ["-invalid-warc-record", KEYS[1]],
    ),
    "bytes in between": (
        FOUR[0] + b"cokolwiek\r\n" + FOUR[1],
        [KEYS[0], "-invalid-warc-record", KEYS[1]],
    ),
    "bytes behind": (PLAIN + b"cokolwiek\r\n\r\n", [*KEYS, "-invalid-warc-record"]),
    "nothing": (b"", ["-empty-warc"]),
    "empty lines": (b"\r\n" * 4, ["-empty-warc"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_with_its_place_or_counted_once_and_read_past(outline, damage):
    raw, expected = DAMAGE[damage]
    assert outline("a.warc", raw, bad_input="skip") == expected
    with pytest.raises(DataError, match=r"^a\.warc#offset=\d+") as caught:
        outline("a.warc", raw)
    assert '--set steps.<documents step>.reader.bad_input="skip"' in str(caught.value)


def test_the_place_of_damage_between_records_is_exact(read):
    for odd in (record("x").replace(b"WARC/1.0", b"WARC/9.9"), b"cokolwiek\r\n"):
        found = read("a.warc", FOUR[0] + odd + FOUR[1], bad_input="skip")
        assert found[1].locator == f"a.warc#offset={len(FOUR[0])}"
        found = read("a.warc.gz", gz(FOUR[0], odd, FOUR[1]), bad_input="skip")
        assert found[1].locator == f"a.warc.gz#offset={len(gz(FOUR[0]))}"
        assert found[2].key == KEYS[1]


MEMBERS = [gz(one) for one in FOUR]


@pytest.mark.parametrize("cut", [1, 4, 8, 100, len(MEMBERS[3]) - 1, len(MEMBERS[3]) - 25])
def test_gzip_that_is_cut_short_is_told_from_its_end(outline, cut):
    raw = b"".join(MEMBERS)[:-cut]
    found = outline("a.warc.gz", raw, bad_input="skip")
    assert found[:3] == KEYS[:3]
    assert found[-1] == "-truncated-gzip"
    assert len(found) == 4 or found[3] == KEYS[3]
    with pytest.raises(DataError, match="the gzip data end too early"):
        outline("a.warc.gz", raw)


def test_one_gzip_member_of_many_records_that_is_cut_short_is_told(outline):
    raw = gzip.compress(PLAIN, compresslevel=0, mtime=0)[:-300]
    assert outline("a.warc.gz", raw, bad_input="skip") == [*KEYS[:3], "-truncated-gzip"]


@pytest.mark.parametrize("place", [1, 5, 12, 60, -6])
def test_a_damaged_gzip_member_costs_only_itself(read, place):
    damaged = bytearray(MEMBERS[1])
    damaged[place] ^= 0xFF
    raw = MEMBERS[0] + bytes(damaged) + MEMBERS[2] + MEMBERS[3]
    found = read("a.warc.gz", raw, bad_input="skip")
    if len(found) == 4 and place == 5:  # the time in a gzip header means nothing
        return
    keys = [item.key if isinstance(item, Record) else item.reason for item in found]
    assert keys == [KEYS[0], "corrupt-gzip", KEYS[2], KEYS[3]]
    assert found[1].locator.startswith(f"a.warc.gz#offset={len(MEMBERS[0])}")
    with pytest.raises(DataError, match="the gzip data are damaged"):
        read("a.warc.gz", raw)


def test_a_damaged_large_gzip_member_costs_only_itself(outline):
    noise = bytes(ord("a") + index * index % 23 for index in range(300_000))
    damaged = bytearray(gz(record("x", http(noise))))
    damaged[-5] ^= 0xFF
    raw = MEMBERS[0] + bytes(damaged) + MEMBERS[1]
    assert outline("a.warc.gz", raw, bad_input="skip") == [KEYS[0], "-corrupt-gzip", KEYS[1]]


def test_a_member_of_many_records_that_is_damaged_early_is_a_damaged_warc(outline):
    raw = bytearray(gzip.compress(PLAIN, mtime=0))
    raw[-6] ^= 0xFF
    assert outline("a.warc.gz", bytes(raw), bad_input="skip") == ["-corrupt-gzip"]
    with pytest.raises(DataError, match="gzip data are damaged"):
        outline("a.warc.gz", bytes(raw))


def test_zstd_is_read_where_the_options_name_the_format(outline):
    assert outline("a.warc.zst", zstandard.compress(PLAIN), format="warc") == KEYS


def test_a_damaged_first_member_does_not_hide_the_rest(outline):
    damaged = bytearray(MEMBERS[0])
    damaged[-6] ^= 0xFF
    raw = bytes(damaged) + MEMBERS[1]
    assert outline("a.warc.gz", raw, bad_input="skip") == ["-corrupt-gzip", KEYS[1]]


def test_zeros_behind_gzip_are_padding_and_other_bytes_are_not(outline):
    raw = b"".join(MEMBERS)
    assert outline("a.warc.gz", raw + bytes(200_000)) == KEYS
    assert outline("a.warc.gz", raw + b"x" * 20, bad_input="skip") == [*KEYS, "-corrupt-gzip"]


def test_a_member_is_found_across_the_border_of_two_reads(outline, monkeypatch):
    for window in range(12, 60):
        monkeypatch.setattr(_warc, "_WINDOW", window)
        raw = FOUR[0] + b"cokolwiek " * 20 + b"\r\n" + FOUR[1]
        expected = [KEYS[0], "-invalid-warc-record", KEYS[1]]
        assert outline("a.warc", raw, bad_input="skip") == expected


@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.warc", PAGE),
        ("a.warc", b"\0" * 1000),
        ("a.warc", b"filedesc://x.arc 0.0.0.0 2026 text/plain 9\n"),
        ("a.warc", zstandard.compress(PLAIN)),
        ("a.warc", gzip.compress(PAGE, mtime=0)),
        ("a.warc.gz", gzip.compress(PAGE, mtime=0)),
        ("a.warc.gz", PAGE),
        ("a.warc.gz", b"%PDF-1.7 cokolwiek"),
    ],
)
def test_what_is_no_warc_is_always_an_error(read, tmp_path, name, raw, bad_input):
    with pytest.raises(DataError, match="this is not a WARC file") as caught:
        read(name, raw, bad_input=bad_input)
    assert str(tmp_path / name) in str(caught.value)
    assert "exclude" in str(caught.value)


def test_a_page_beyond_the_limit_is_broken_and_other_large_records_are_not(outline):
    big = PAGE + b"x" * 300_000
    options = {"max_record_bytes": 100_000}
    raw = record("p", http(big, media="video/mp4")) + record("q", http(big)) + FOUR[0]
    with pytest.raises(DataError, match=r"larger than max_record_bytes"):
        outline("a.warc", raw, **options)
    found = outline("a.warc", raw, bad_input="skip", **options)
    assert found == ["-not-html", "-record-too-large", KEYS[0]]


def test_a_page_of_exactly_the_limit_is_taken(outline):
    for size, expected in ((len(PAGE), ["urn:uuid:a"]), (len(PAGE) - 1, ["-record-too-large"])):
        options = {"max_record_bytes": size, "bad_input": "skip"}
        assert outline("a.warc", record("a", http()), **options) == expected


@pytest.mark.parametrize("coded", [True, False])
def test_a_bomb_in_an_archive_stays_small_in_memory(tmp_path, coded):
    body = bytes(64 << 20)
    block = (
        http(gzip.compress(body, 1, mtime=0), headers=["Content-Encoding: gzip"])
        if coded
        else http(body)
    )
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(record("x", block), 1, mtime=0) + MEMBERS[0])
    del body, block
    options = ReaderOptions(max_record_bytes=1 << 20, bad_input="skip")
    tracemalloc.start()
    skipped, page = read_file(path, "a.warc.gz", options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (skipped.reason, page.key) == ("record-too-large", KEYS[0])
    assert peak < 5 << 20


@given(st.data(), st.sampled_from(["a.warc", "a.warc.gz"]))
def test_no_damage_makes_the_reader_fail_in_an_unforeseen_way(tmp_path_factory, data, name):
    """Cut, flip and insert at random: all that may come is records, or a clear error."""
    raw = bytearray(PLAIN if name == "a.warc" else b"".join(MEMBERS))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "end"])):
            case "flip":
                raw[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 300))]
            case "insert":
                raw[at:at] = data.draw(st.binary(min_size=1, max_size=50))
            case _ if at > 0:
                del raw[at:]
        raw = raw or bytearray(b"x")
    path = tmp_path_factory.mktemp("warc") / name
    path.write_bytes(raw)
    try:
        found = list(read_file(path, name, ReaderOptions(bad_input="skip")))
    except MowaError as error:
        assert "not a WARC" in str(error)  # noqa: PT017
        return
    assert found
    whole = [item for item in found if isinstance(item, Record)]
    assert len({item.key for item in whole}) == len(whole)
