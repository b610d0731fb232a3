import datetime as dt
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.collect.readers import _parquet
from mowa.errors import DataError

ROWS = [
    {"text": "Rada gminy zebrała się w czwartek.", "id": 11, "url": "https://gmina.example/1"},
    {"text": "Droga będzie gotowa jesienią.", "id": 12, "url": None},
    {"text": "Dożynki odbędą się w sobotę.", "id": None, "url": None},
]


def parquet(rows, schema=None, **options):
    table = pa.Table.from_pylist(rows, schema) if isinstance(rows, list) else rows
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def test_each_row_is_a_record(read):
    records = read("gmina/a.parquet", parquet(ROWS))
    assert records[0] == Record(
        key="11",
        locator="gmina/a.parquet#row=0",
        text="Rada gminy zebrała się w czwartek.",
        url="https://gmina.example/1",
    )
    assert [record.key for record in records] == ["11", "12", "gmina/a.parquet#2"]


def test_rows_are_numbered_across_row_groups(read):
    rows = [{"text": f"zdanie {number}"} for number in range(1000)]
    found = read("a.parquet", parquet(rows, row_group_size=300))
    assert [record.text for record in found] == [row["text"] for row in rows]
    assert [record.locator for record in found] == [f"a.parquet#row={n}" for n in range(1000)]


def test_nested_columns_go_by_paths(read):
    rows = [{"body": {"pl": "Treść."}, "meta": {"url": "u", "by": [{"name": "Ala"}]}, "noise": "x"}]
    (record,) = read(
        "a.parquet",
        parquet(rows),
        text_field="body.pl",
        url_field="meta.url",
        author_field="meta.by.0.name",
    )
    assert (record.text, record.url, record.author) == ("Treść.", "u", "Ala")


def test_a_column_with_dots_in_its_name_is_found(read):
    rows = [{"text": "a", "meta.url": "u"}]
    assert read("a.parquet", parquet(rows), url_field="meta.url")[0].url == "u"


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_text_may_be_kept_in_any_way(read, kind):
    table = pa.table({"text": pa.array(["Zażółć", "gęślą"]).cast(kind)})
    assert [record.text for record in read("a.parquet", parquet(table))] == ["Zażółć", "gęślą"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([dt.date(1863, 1, 22)], pa.date32(), "1863-01-22"),
        ([1715997490 * 1_000_000], pa.timestamp("us"), "2024-05-18 01:58:10"),
        ([1716000000123456789], pa.timestamp("ns", "Europe/Warsaw"), "2024-05-18 02:40:00"),
        ([1 << 55], pa.timestamp("ms"), None),
        (["maj 1905"], pa.string(), "maj 1905"),
    ],
)
def test_dates_become_text(read, values, kind, expected):
    table = pa.table({"text": ["a"], "date": pa.array(values, kind)})
    found = read("a.parquet", parquet(table))[0].date
    assert found == expected or (expected is None and found)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": None}, "no-text-field"),
        ({"text": "ż" * 51}, "record-too-large"),
    ],
)
def test_a_broken_row_is_refused_by_its_place_or_counted(read, row, reason):
    content = parquet([{"text": "a"}, row, {"text": "b"}])
    found = read("a.parquet", content, bad_input="skip", max_record_bytes=100)
    assert (found[1].locator, found[1].reason) == ("a.parquet#row=1", reason)
    assert [found[0].text, found[2].text] == ["a", "b"]
    with pytest.raises(DataError, match="row=1"):
        read("a.parquet", content, max_record_bytes=100)


def test_text_that_is_no_utf8_is_counted_alone(outline):
    flat = pa.array([b"a", b"\xb3\xf3d\xbc", b"b"]).cast(pa.binary()).view(pa.string())
    nested = pa.StructArray.from_arrays([flat], names=["pl"])
    for table, field, reason in (
        (pa.table({"text": flat}), "text", "invalid-utf-8"),
        (pa.table({"t": nested}), "t.pl", "unreadable-value"),
    ):
        found = outline("a.parquet", parquet(table), text_field=field, bad_input="skip")
        assert found == ["a.parquet#0", f"-{reason}", "a.parquet#2"]


@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
def test_a_wrong_column_is_an_error_that_names_the_right_one(read, bad_input):
    content = parquet([{"tekst": "a", "nr": 7}])
    with pytest.raises(DataError, match="the column 'text' is absent") as caught:
        read("a.parquet", content, bad_input=bad_input)
    assert "such as 'tekst'; there are tekst (string), nr (int64)" in str(caught.value)
    with pytest.raises(DataError, match="'nr' holds int64, not text"):
        read("a.parquet", content, text_field="nr", bad_input=bad_input)


def test_what_is_no_parquet_is_always_an_error(read):
    with pytest.raises(DataError, match="not a Parquet file"):
        read("a.parquet", b"id,text\n1,ala\n", bad_input="skip")


def test_a_file_cut_short_is_told_from_a_damaged_one(outline):
    whole = parquet(ROWS)
    for end in (0, 1, 4, 8, len(whole) // 2, len(whole) - 1):
        assert outline("a.parquet", whole[:end], bad_input="skip") == ["-truncated-parquet"]
    footer = bytearray(whole)
    footer[-12:-8] = b"\xff" * 4
    footer[-40:-30] = b"\xff" * 10
    assert outline("a.parquet", bytes(footer), bad_input="skip") == ["-corrupt-parquet"]


def test_a_damaged_row_group_costs_no_other(read):
    chance = random.Random(1)
    rows = [{"text": chance.randbytes(40).hex(), "id": str(n)} for n in range(900)]
    whole = parquet(rows, row_group_size=300, compression="zstd", use_dictionary=False)
    groups = pq.ParquetFile(pa.BufferReader(whole)).metadata
    middle = groups.row_group(1).column(0)
    damaged = bytearray(whole)
    at = middle.data_page_offset + middle.total_compressed_size // 2
    damaged[at : at + 64] = bytes(64)
    found = read("a.parquet", bytes(damaged), bad_input="skip")
    kept = [item for item in found if isinstance(item, Record)]
    lost = [item for item in found if isinstance(item, Skipped)]
    assert [record.key for record in kept] == [str(n) for n in (*range(300), *range(600, 900))]
    assert [(item.locator, item.reason) for item in lost] == [
        ("a.parquet#row=300", "corrupt-parquet")
    ]
    assert lost[0].detail.startswith("rows 300 to 599 cannot be read: ")
    with pytest.raises(DataError, match="row=300"):
        read("a.parquet", bytes(damaged))


def test_a_checksum_that_fails_is_damage(read):
    rows = [{"text": "x" * 500}] * 5
    whole = parquet(rows, compression="none", use_dictionary=False, write_page_checksum=True)
    first = (500).to_bytes(4, "little") + b"x" * 100
    assert first in whole
    damaged = whole.replace(first, first[:-1] + b"y", 1)
    (lost,) = read("a.parquet", damaged, bad_input="skip")
    assert lost.reason == "corrupt-parquet"
    assert "CRC" in lost.detail


def test_a_bomb_is_not_unpacked(outline, monkeypatch):
    monkeypatch.setattr(_parquet, "_GUARDED_BYTES", 1 << 20)
    table = pa.table({"text": ["a" * (8 << 20)], "id": ["1"]})
    content = parquet(table, compression="zstd", use_dictionary=False, write_statistics=False)
    assert len(content) < 8 << 10
    assert outline("a.parquet", content, bad_input="skip") == ["-decompression-bomb"]


WHOLE = parquet(ROWS * 20, compression="snappy", row_group_size=25)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4))
def test_damage_of_any_kind_gives_records_or_reasons(tmp_path_factory, changes):
    raw = bytearray(WHOLE)
    for at, value in changes:
        raw[at] = value
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    path.write_bytes(raw)
    try:
        found = list(read_file(path, "a.parquet", ReaderOptions(bad_input="skip")))
    except DataError:
        return
    assert found
    assert all(isinstance(item, Record | Skipped) for item in found)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=12))
def test_what_was_written_is_what_is_read(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    path.write_bytes(parquet(pa.table({"text": pa.array(texts, pa.string())}), row_group_size=5))
    assert [record.text for record in read_file(path, "a.parquet", ReaderOptions())] == texts
