import codecs
import gzip
import json
import tracemalloc

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError

LINES = b'{"text": "pierwszy"}\n{"text": "drugi", "id": "d"}\n{"text": "trzeci"}\n'


def line(**fields):
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def test_every_field_that_the_options_name_is_read(read):
    fields = {
        "text": "Wpłynąłem na suchego przestwór oceanu",
        "id": "ak-1",
        "url": "https://przyklad.pl",
        "title": "Stepy akermańskie",
        "author": "Adam Mickiewicz",
        "date": "1826",
        "language": "pol",
        "licence": "CC0-1.0",
    }
    (record,) = read("n.jsonl", line(**fields))
    del fields["id"]
    assert record == Record(key="ak-1", locator="n.jsonl#line=1", **fields)


def test_fields_may_have_other_names(read):
    names = ("text", "id", "url", "title", "author", "date", "language", "licence")
    options = {f"{name}_field": f"x-{name}" for name in names}
    (record,) = read("n.jsonl", line(**{f"x-{name}": name for name in names}), **options)
    assert (record.key, record.text, record.licence) == ("id", "text", "licence")


def test_fields_that_are_absent_empty_or_no_text_are_none(read):
    (record,) = read("n.jsonl", line(text="", url="", title=7, author=None, date=["x"]))
    assert record == Record(key="n.jsonl#1", locator="n.jsonl#line=1", text="")


def test_a_record_without_id_is_known_by_its_line_whatever_the_compression(outline):
    keys = ["n.jsonl#1", "d", "n.jsonl#3"]
    assert outline("n.jsonl", LINES) == keys
    assert outline("n.jsonl.gz", gzip.compress(LINES, mtime=0)) == keys
    assert outline("n.jsonl.zst", zstandard.compress(LINES)) == keys


def test_members_and_frames_may_follow_each_other(outline):
    first, second = LINES[:30], LINES[30:]
    keys = ["n.jsonl#1", "d", "n.jsonl#3"]
    packed = (
        gzip.compress(first, mtime=0)
        + gzip.compress(b"", mtime=0)
        + gzip.compress(second, mtime=0)
        + bytes(100)
    )
    assert outline("n.jsonl.gz", packed) == keys
    packed = zstandard.compress(first) + zstandard.compress(b"") + zstandard.compress(second)
    assert outline("n.jsonl.zst", packed) == keys


def test_a_number_is_an_id_too(outline):
    assert outline("n.jsonl", line(text="a", id=17) + line(text="b", id=0)) == ["17", "0"]


@pytest.mark.parametrize(
    "raw", [LINES[:-1], LINES.replace(b"\n", b"\r\n"), codecs.BOM_UTF8 + LINES]
)
def test_line_ends_and_a_byte_order_mark_make_no_difference(read, raw):
    assert [record.text for record in read("n.jsonl", raw)] == ["pierwszy", "drugi", "trzeci"]


def test_blank_lines_are_no_records_but_are_counted_as_lines(read):
    found = read("n.jsonl", b"\n  \r\n" + LINES[:21] + b"\n\n")
    assert [record.locator for record in found] == ["n.jsonl#line=3"]


@pytest.mark.parametrize("name", ["n.jsonl", "n.jsonl.gz", "n.jsonl.zst"])
def test_a_file_of_nothing_holds_nothing(outline, name):
    raw = {"gz": gzip.compress(b"", mtime=0), "zst": zstandard.compress(b"")}.get(
        name.rpartition(".")[2], b""
    )
    assert outline(name, raw) == []


BROKEN = [
    (b'{"text": "a"', "invalid-json", "at character"),
    (b"\0\0\0", "invalid-json", ""),
    (b'{"text": "a\0b"}', "invalid-json", "control character"),
    (b'{"text": "a"} {"text": "b"}', "invalid-json", "Extra data"),
    (b'["text"]', "invalid-json", "no object"),
    (b'"text"', "invalid-json", "no object"),
    (b"[" * 100_000, "invalid-json", "nested too deeply"),
    (b'{"text": "a", "x": ' + b'{"a":' * 100_000, "invalid-json", "nested too deeply"),
    (b'{"text": "a", "x": ' + b"9" * 5000 + b"}", "invalid-json", "4300 digits"),
    (b'{"text": "za\xbf\xf3\xb3\xe6"}', "invalid-utf-8", "byte 12"),
    (b'{"text": "a\\ud800b"}', "invalid-utf-8", "character 1 is half of a surrogate pair"),
    (b'{"text": "a", "title": "\\udfff"}', "invalid-utf-8", "half of a surrogate pair"),
    (b'{"text": "a", "id": "\\udfff"}', "invalid-utf-8", "half of a surrogate pair"),
    (b'{"id": "a"}', "no-text-field", "'text' is absent"),
    (b'{"text": null}', "no-text-field", "NoneType, not text"),
    (b'{"text": ["a"]}', "no-text-field", "list, not text"),
    (b'{"text": "a", "id": ["b"]}', "invalid-id", "list"),
    (b'{"text": "a", "id": true}', "invalid-id", "bool"),
    (b'{"text": "a", "id": 1.5}', "invalid-id", "float"),
    (b'{"text": "' + b"x" * 600_000 + b'"}', "record-too-large", ""),
]


@pytest.mark.parametrize(("raw", "reason", "detail"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_line_is_refused_by_number_or_skipped_and_the_next_is_read(
    read, raw, reason, detail
):
    raw = LINES + raw + b"\n" + line(text="dalej")
    options = {"max_record_bytes": 550_000}
    *before, skipped, after = read("n.jsonl", raw, bad_input="skip", **options)
    assert len(before) == 3
    assert isinstance(skipped, Skipped)
    assert (skipped.locator, skipped.reason) == ("n.jsonl#line=4", reason)
    assert detail in skipped.detail
    assert (after.text, after.locator) == ("dalej", "n.jsonl#line=5")
    with pytest.raises(DataError) as caught:
        read("n.jsonl", raw, **options)
    assert str(caught.value).startswith("n.jsonl#line=4: ")
    assert '--set steps.<documents step>.reader.bad_input="skip"' in str(caught.value)


def test_a_surrogate_pair_is_one_character(read):
    assert read("n.jsonl", b'{"text": "\\ud83d\\udc0e"}')[0].text == "\N{HORSE}"


@pytest.mark.parametrize(
    ("name", "pack", "reason"),
    [
        ("n.jsonl.gz", gzip.compress, "truncated-gzip"),
        ("n.jsonl.zst", zstandard.compress, "truncated-zstd"),
    ],
)
def test_compressed_lines_that_end_too_early_are_told_from_the_end(outline, name, pack, reason):
    whole = pack(LINES)
    for end in (1, 4, len(whole) // 2, len(whole) - 1):
        assert outline(name, whole[:end], bad_input="skip")[-1] == f"-{reason}"
        with pytest.raises(DataError, match="end too early"):
            outline(name, whole[:end])
    found = outline(name, whole + whole[:-2], bad_input="skip")
    assert found[:3] == ["n.jsonl#1", "d", "n.jsonl#3"]
    assert found[-1] == f"-{reason}"


@pytest.mark.parametrize(
    ("name", "pack", "reason"),
    [
        ("n.jsonl.gz", gzip.compress, "corrupt-gzip"),
        ("n.jsonl.zst", zstandard.compress, "corrupt-zstd"),
    ],
)
def test_what_follows_compressed_data_and_is_none_is_told(outline, name, pack, reason):
    found = outline(name, pack(LINES) + b"cokolwiek innego", bad_input="skip")
    assert found == ["n.jsonl#1", "d", "n.jsonl#3", f"-{reason}"]


def test_a_line_too_long_is_skipped_and_never_held(tmp_path):
    path = tmp_path / "n.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "' + b"x" * (64 << 20) + b'"}\n' + LINES, 1, mtime=0))
    options = ReaderOptions(max_record_bytes=1 << 20, bad_input="skip")
    tracemalloc.start()
    found = list(read_file(path, "n.jsonl.gz", options))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [type(item) for item in found] == [Skipped, Record, Record, Record]
    assert found[0] == Skipped("n.jsonl.gz#line=1", "record-too-large")
    assert peak < 4 << 20


def test_a_long_last_line_without_an_end_is_counted(outline):
    raw = LINES + b"x" * 200_000
    assert outline("n.jsonl", raw, bad_input="skip", max_record_bytes=100_000)[3:] == [
        "-record-too-large"
    ]


def test_the_limit_itself_is_not_too_long(outline):
    raw = line(text="ż" * 100_000)
    size = len(raw) - 1
    assert outline("n.jsonl", raw, max_record_bytes=size) == ["n.jsonl#1"]
    assert outline("n.jsonl", raw, max_record_bytes=size - 1, bad_input="skip") == [
        "-record-too-large"
    ]


texts = st.text(max_size=20)


@given(st.lists(texts, max_size=8), st.sampled_from(["n.jsonl", "n.jsonl.gz", "n.jsonl.zst"]))
def test_what_was_written_is_what_is_read(tmp_path_factory, written, name):
    raw = b"".join(line(text=text) for text in written)
    pack = {"gz": gzip.compress, "zst": zstandard.compress}.get(name.rpartition(".")[2], bytes)
    path = tmp_path_factory.mktemp("jsonl") / name
    path.write_bytes(pack(raw))
    assert [record.text for record in read_file(path, name, ReaderOptions())] == written


@given(st.lists(st.binary(max_size=40).filter(lambda raw: b"\n" not in raw), max_size=6))
def test_every_line_that_is_not_blank_is_counted_once(tmp_path_factory, written):
    assume(not b"\n".join(written).startswith(b"\x1f\x8b"))  # such a file is read as gzip
    path = tmp_path_factory.mktemp("jsonl") / "n.jsonl"
    path.write_bytes(b"\n".join(written))
    found = list(read_file(path, "n.jsonl", ReaderOptions(bad_input="skip", max_record_bytes=30)))
    blank = codecs.BOM_UTF8
    lines = [
        number
        for number, raw in enumerate(written, 1)
        if (raw.removeprefix(blank) if number == 1 else raw).strip() or len(raw) > 30
    ]
    assert [item.locator for item in found] == [f"n.jsonl#line={number}" for number in lines]
