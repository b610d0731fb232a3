"""Folders as `Dataset.save_to_disk` of datasets 5.2 writes them, and Feather files."""

import json

import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, Record, Skipped, format_of, read_file
from mowa.collect.readers._licences import spdx_of_name
from mowa.errors import DataError

TEXTS = [f"Wieś numer {number} leży nad rzeką." for number in range(2_500)]


def stream(table, rows=1000):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def feather(table, **options):
    sink = pa.BufferOutputStream()
    pyarrow.feather.write_feather(table, sink, **options)
    return sink.getvalue().to_pybytes()


def save(folder, table, *, shards=1, licence="", **state):
    """What `save_to_disk` leaves in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-table.num_rows // shards)
    names = [f"data-{shard:05}-of-{shards:05}.arrow" for shard in range(shards)]
    for shard, name in enumerate(names):
        (folder / name).write_bytes(stream(table.slice(shard * size, size)))
    info = {"citation": "", "description": "", "features": {}, "homepage": "", "license": licence}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2))
    about = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "0123456789abcdef",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": "train",
        **state,
    }
    (folder / "state.json").write_text(json.dumps(about, indent=2))


def read_folder(root, **options):
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            relative = path.relative_to(root).as_posix()
            assert format_of(relative, ReaderOptions()) == "arrow"
            found += read_file(path, relative, ReaderOptions(**options))
    return found


def test_a_saved_dataset_is_read_row_by_row(tmp_path):
    save(tmp_path / "train", pa.table({"text": TEXTS}), shards=2, licence="cc-by-sa-4.0")
    found = read_folder(tmp_path)
    records = [item for item in found if isinstance(item, Record)]
    assert [record.text for record in records] == TEXTS
    assert records[0] == Record(
        key="train/data-00000-of-00002.arrow#0",
        locator="train/data-00000-of-00002.arrow#row=0",
        text=TEXTS[0],
        licence="CC-BY-SA-4.0",
    )
    assert records[-1].locator == "train/data-00001-of-00002.arrow#row=1249"
    others = [item for item in found if isinstance(item, Skipped)]
    assert [(item.locator, item.reason) for item in others] == [
        ("train/dataset_info.json", "metadata"),
        ("train/state.json", "metadata"),
    ]


def test_splits_are_folders(tmp_path):
    for split in ("test", "train"):
        save(tmp_path / split, pa.table({"text": [f"zdanie {split}"]}))
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    records = [item for item in read_folder(tmp_path) if isinstance(item, Record)]
    assert [record.text for record in records] == ["zdanie test", "zdanie train"]


def test_what_map_left_in_the_folder_is_not_read_again(tmp_path):
    table = pa.table({"text": ["jedyny"]})
    save(tmp_path, table)
    (tmp_path / "cache-4f2a.arrow").write_bytes(stream(table))
    found = [(item.locator, getattr(item, "reason", "")) for item in read_folder(tmp_path)]
    assert ("cache-4f2a.arrow", "not-in-dataset") in found
    assert [locator for locator, reason in found if not reason] == [
        "data-00000-of-00001.arrow#row=0"
    ]


def test_a_choice_of_rows_in_another_file_is_refused(tmp_path):
    save(tmp_path, pa.table({"text": ["a"]}), _indices_data_files=[{"filename": "indices.arrow"}])
    with pytest.raises(DataError, match="flatten_indices"):
        read_folder(tmp_path, bad_input="skip")


@pytest.mark.parametrize(
    ("licence", "expected", "notes"),
    [
        ("cc0-1.0", "CC0-1.0", ()),
        ("", None, ()),
        ("other", "other", ("unknown-licence",)),
        (["mit"], None, ()),
    ],
)
def test_the_licence_of_the_dataset_counts_where_it_is_one(tmp_path, licence, expected, notes):
    save(tmp_path, pa.table({"text": ["a"]}), licence=licence)
    record = read_folder(tmp_path)[0]
    assert (record.licence, record.notes) == (expected, notes)


def test_the_licence_of_a_row_counts_more(tmp_path):
    save(tmp_path, pa.table({"text": ["a"], "licence": ["MIT"]}), licence="cc0-1.0")
    assert read_folder(tmp_path)[0].licence == "MIT"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cc-by-4.0", "CC-BY-4.0"),
        ("CC-BY 4.0", "CC-BY-4.0"),
        ("CC BY-NC-SA v3.0", "CC-BY-NC-SA-3.0"),
        ("CC BY 3.0 DE", "CC-BY-3.0-DE"),
        ("CC BY 3.0 PL", None),
        ("Apache-2.0", "Apache-2.0"),
        ("odc-by", "ODC-By-1.0"),
        ("cc", None),
        ("unknown", None),
        ("", None),
        ("Public Domain", None),
    ],
)
def test_names_of_licences_become_spdx_or_nothing(name, expected):
    assert spdx_of_name(name) == expected


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_is_read_too(read, compression):
    table = pa.table({"tekst": TEXTS[:10], "nr": list(range(10))})
    found = read(
        "a.feather", feather(table, compression=compression), text_field="tekst", id_field="nr"
    )
    assert [(record.key, record.text) for record in found] == [
        (str(number), TEXTS[number]) for number in range(10)
    ]


def test_nested_columns_go_by_paths(read):
    table = pa.Table.from_pylist([{"meta": {"pl": {"body": "Treść."}}, "x": 1}])
    assert read("a.arrow", stream(table), text_field="meta.pl.body")[0].text == "Treść."


def test_a_column_with_dots_in_its_name_is_found(read):
    table = pa.Table.from_pylist([{"text": "a", "meta.url": "u"}])
    assert read("a.arrow", stream(table), url_field="meta.url")[0].url == "u"


def test_a_wrong_column_is_an_error_that_names_the_right_one(read):
    with pytest.raises(DataError, match="the column 'text' is absent") as caught:
        read("a.arrow", stream(pa.table({"content": ["a"]})), bad_input="skip")
    assert "'content'" in str(caught.value)


@pytest.mark.parametrize("write", [stream, feather])
def test_a_file_cut_anywhere_is_told_from_its_end(read, write):
    table = pa.table({"text": TEXTS[:300]})
    whole = write(table) if write is feather else write(table, 100)
    assert len(read("a.arrow", whole)) == 300
    for end in (0, 1, 7, 9, 100, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        found = read("a.arrow", whole[:end], bad_input="skip")
        assert found[-1].reason == "truncated-arrow", end
        assert [record.text for record in found[:-1]] == TEXTS[: len(found) - 1]
        with pytest.raises(DataError, match="end too early"):
            read("a.arrow", whole[:end])


def test_what_is_no_arrow_is_always_an_error(read):
    with pytest.raises(DataError, match="not an Arrow file"):
        read("a.arrow", b"FEA1" + bytes(100), bad_input="skip")


def test_an_offset_that_leads_out_of_its_buffer_is_damage(outline):
    table = pa.table({"text": ["ala", "ma", "kota"]})
    whole = bytearray(stream(table))
    at = whole.index(bytes([3, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0]))
    whole[at : at + 4] = (1 << 30).to_bytes(4, "little")
    assert outline("a.arrow", bytes(whole), bad_input="skip") == ["-corrupt-arrow"]


def test_text_that_is_no_utf8_is_counted_alone(outline):
    table = pa.table({"text": pa.array([b"a", b"\xb3", b"b"]).view(pa.string())})
    assert outline("a.arrow", stream(table), bad_input="skip") == [
        "a.arrow#0",
        "-invalid-utf-8",
        "a.arrow#2",
    ]


WHOLE = stream(pa.table({"text": TEXTS[:40], "id": [str(n) for n in range(40)]}), 10)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4))
def test_damage_of_any_kind_gives_records_or_reasons(tmp_path_factory, changes):
    raw = bytearray(WHOLE)
    for at, value in changes:
        raw[at] = value
    path = tmp_path_factory.mktemp("arrow") / "a.arrow"
    path.write_bytes(raw)
    try:
        found = list(read_file(path, "a.arrow", ReaderOptions(bad_input="skip")))
    except DataError:
        return
    assert all(isinstance(item, Record | Skipped) for item in found)
