"""Rows of files, whatever is wrong with the file."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError, UsageError
from mowa.instructions._elements import elements
from mowa.instructions._rows import BadRow, Row, read_rows

LIMIT = 1 << 20

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from('"\\[]{},'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


class Chunks:
    """A stream that gives a few bytes at a time."""

    failure = None

    def __init__(self, raw, size):
        self._raw = io.BytesIO(raw)
        self._size = size

    def read(self, _=-1):
        return self._raw.read(self._size)


@given(st.lists(JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_members_of_a_list_are_those_that_a_parser_finds(values, size, indent, ascii_only):
    raw = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    found = list(elements(Chunks(raw, size), LIMIT))
    assert [json.loads(one.raw) for one in found] == values
    assert [one.number for one in found] == list(range(1, len(values) + 1))
    assert all(one.failure is None for one in found)


@given(st.binary(max_size=40), st.integers(1, 9))
def test_whatever_the_bytes_are_the_members_end(raw, size):
    list(elements(Chunks(b"[" + raw, size), 10))


def test_a_member_that_is_too_long_is_named_and_the_next_is_read():
    raw = json.dumps(["a" * 5_000, "b"]).encode()
    long, short = elements(Chunks(raw, 100), 50)
    assert (long.failure.reason, len(long.raw)) == ("record-too-large", 512)
    assert (short.number, short.raw.strip()) == (2, b'"b"')


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"[1, 2", "truncated-json"), (b"[1] 2", "invalid-json"), (b"[1}", "invalid-json")],
)
def test_a_list_that_ends_wrongly_says_so(raw, reason):
    assert list(elements(Chunks(raw, 3), LIMIT))[-1].failure.reason == reason


def read(world, name, content, most=LIMIT):
    return list(read_rows(world.file(f"zbior/{name}", content), name, most))


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '\ufeff{"a": 1}\n\n{"a": 2}\n'),
        ("a.json", '{"a": 1}\n\n{"a": 2}'),
        ("a.json", '\ufeff \n[{"a": 1},\n {"a": 2}]'),
    ],
)
def test_lines_and_lists_are_rows_by_themselves(world, name, content, suffix):
    assert [row.value for row in read(world, name + suffix, content)] == [{"a": 1}, {"a": 2}]


def test_a_document_is_one_row(world):
    [row] = read(world, "a.json", '{\n "data": [1, 2]\n}\n')
    assert row.value == {"data": [1, 2]}
    assert [row.value for row in read(world, "b.json", '{"a": 1}\n')] == [{"a": 1}]


def test_a_table_gives_its_rows_from_one(world):
    path = world.root / "t.parquet"
    rows = [{"messages": [{"role": "user", "content": str(n)}]} for n in range(200)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=70)
    found = list(read_rows(path, "t.parquet", LIMIT))
    assert [row.value for row in found] == rows
    assert [row.number for row in found] == list(range(1, 201))
    assert found[0].beginning.startswith('{"messages": [{"role"')


def test_a_damaged_table_gives_what_can_be_read_and_where_it_stops(world):
    path = world.root / "t.parquet"
    rows = [{"text": f"wiersz {n} " * 50} for n in range(400)]
    options = {"compression": None, "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100, **options)
    raw = bytearray(path.read_bytes())
    middle = raw.index(b"wiersz 150 ")
    raw[middle : middle + 20] = b"X" * 20
    path.write_bytes(raw)
    found = list(read_rows(path, "t.parquet", LIMIT))
    [bad] = [row for row in found if isinstance(row, BadRow)]
    assert bad.reason == "corrupt-parquet"
    assert sum(isinstance(row, Row) for row in found) >= 300


def test_what_only_claims_to_be_a_table_is_refused(world):
    with pytest.raises(DataError, match="not a Parquet file"):
        read(world, "a.parquet", "instruction,output\n")


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.parquet.gz", "bez-konca"])
def test_a_name_that_says_nothing_is_a_mistake_of_the_recipe(world, name):
    with pytest.raises(UsageError, match="does not say"):
        read(world, name, "x")


def test_broken_lines_are_counted_with_their_numbers(world):
    lines = [
        b'{"a": 1}',
        b'{"a": ',
        b'{"a": "\xff"}',
        b'{"a": "' + b"x" * 3_000 + b'"}',
        b"[" * 100_000,
        b'{"a": 6}',
    ]
    found = read(world, "a.jsonl", b"\n".join(lines), most=2_000)
    assert [(row.number, getattr(row, "reason", None)) for row in found] == [
        (1, None),
        (2, "invalid-json"),
        (3, "invalid-utf-8"),
        (4, "record-too-large"),
        (5, "record-too-large"),
        (6, None),
    ]
    assert found[1].beginning == '{"a":'
    [_, deep, _] = read(world, "b.jsonl", b"\n".join([lines[0], lines[4], lines[5]]))
    assert (deep.reason, deep.detail) == ("invalid-json", "nested too deeply")


def test_a_row_of_fifty_megabytes_is_not_held(world):
    lines = (b'{"a": "' + b"x" * 50_000_000 + b'"}', b'{"a": 2}')
    bad, good = read(world, "a.jsonl", b"\n".join(lines))
    assert (bad.number, bad.reason) == (1, "record-too-large")
    assert good.value == {"a": 2}
    bad, good = read(world, "b.json", b"[" + b",".join(lines) + b"]")
    assert (bad.number, bad.reason) == (1, "record-too-large")
    assert good.value == {"a": 2}


def test_a_file_that_was_cut_short_says_where(world):
    path = world.file("zbior/a.jsonl.gz", '{"a": 1}\n' * 5_000)
    path.write_bytes(path.read_bytes()[:-20])
    found = list(read_rows(path, "a.jsonl.gz", LIMIT))
    assert found[-1].reason == "truncated-gzip"
    assert all(isinstance(row, Row) for row in found[:-1])
