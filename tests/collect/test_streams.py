"""Compressed files as streams: cut short, damaged, put together, and made to burst."""

import bz2
import gzip
import lzma
import random
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect.readers import _compressed
from mowa.collect.readers._streams import lines, open_stream, uncompressed
from mowa.errors import DataError

PACK = {
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
NAMES = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
TEXT = "".join(f"wers {number}: zażółć gęślą jaźń\n" for number in range(5_000)).encode()

every_suffix = pytest.mark.parametrize("suffix", PACK)


def drained(path, size=-1):
    with open_stream(path) as stream:
        data = bytearray()
        while chunk := stream.read(size):
            data += chunk
        assert not stream.read(size), "the end is the end"
        assert stream.tell() == len(data)
        return bytes(data), stream.failure


@pytest.fixture
def drain(tmp_path):
    def draining(suffix, raw, size=-1):
        path = tmp_path / f"plik{suffix}"
        path.write_bytes(raw)
        return drained(path, size)

    return draining


@every_suffix
@given(
    pieces=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    size=st.integers(1, 200),
    feed=st.integers(1, 64),
)
def test_streams_put_together_are_read_as_one_in_any_chunks(
    tmp_path_factory, suffix, pieces, size, feed
):
    path = tmp_path_factory.mktemp("streams") / f"plik{suffix}"
    path.write_bytes(b"".join(PACK[suffix](piece) for piece in pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_compressed, "_FEED", feed)
        assert drained(path, size) == (b"".join(pieces), None)


@every_suffix
def test_a_file_cut_anywhere_is_told_from_its_end(drain, suffix):
    packed = PACK[suffix](b"pierwszy\ndrugi\n")
    for end in range(len(packed)):
        data, failure = drain(suffix, packed[:end])
        assert failure.reason == f"truncated-{NAMES[suffix]}"
        assert b"pierwszy\ndrugi\n".startswith(data)
    data, failure = drain(suffix, packed + packed[:-1])
    assert data[:15] == b"pierwszy\ndrugi\n"
    assert failure.reason == f"truncated-{NAMES[suffix]}"


@every_suffix
def test_what_lies_before_damage_is_given(drain, suffix):
    packed = bytearray(PACK[suffix](TEXT))
    data, failure = drain(suffix, bytes(packed) + b"cokolwiek innego")
    assert data == TEXT
    assert failure.reason == f"corrupt-{NAMES[suffix]}"
    packed[len(packed) // 2] ^= 0xFF
    data, failure = drain(suffix, bytes(packed))
    assert failure is not None
    assert failure.reason.startswith(("corrupt-", "truncated-"))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_zeros_after_the_last_stream_are_padding(drain, suffix):
    packed = PACK[suffix](TEXT)
    assert drain(suffix, packed + bytes(100_000) + packed + bytes(8)) == (TEXT * 2, None)


def bomb(suffix, mebibytes):
    """Zeros by the mebibyte: a few kilobytes."""
    compressor = {
        ".gz": lambda: gzip.zlib.compressobj(9, wbits=31),
        ".zst": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
        ".bz2": lambda: bz2.BZ2Compressor(9),
        ".xz": lambda: lzma.LZMACompressor(preset=0),
    }[suffix]()
    block = bytes(1 << 20)
    return b"".join(compressor.compress(block) for _ in range(mebibytes)) + compressor.flush()


@pytest.mark.parametrize(
    ("suffix", "whole"),
    [
        (".gz", bomb(".gz", 160)),
        (".zst", bomb(".zst", 16) * 640),  # 10 GiB
        (".bz2", bomb(".bz2", 16) * 640),
        (".xz", bomb(".xz", 16) * 640),
    ],
)
def test_a_bomb_is_stopped_and_never_held(tmp_path, suffix, whole):
    path = tmp_path / f"bomba{suffix}"
    path.write_bytes(whole)
    given = 0
    tracemalloc.start()
    with open_stream(path) as stream:
        while chunk := stream.read(1 << 16):
            given += len(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stream.failure.reason == "decompression-bomb"
    assert 64 << 20 <= given < 129 << 20
    assert peak < 4 << 20


def scale_down(monkeypatch):
    """The guard's figures, 64 times smaller."""
    monkeypatch.setattr(_compressed, "_GUARDED_BYTES", 1 << 20)
    monkeypatch.setattr(_compressed, "_FEED", 128)


@every_suffix
def test_a_bomb_behind_honest_megabytes_is_stopped_too(tmp_path, monkeypatch, suffix):
    scale_down(monkeypatch)
    noise = random.Random(3).randbytes(1 << 20)
    path = tmp_path / f"bomba{suffix}"
    path.write_bytes(PACK[suffix](noise) + bomb(suffix, 16))
    data, failure = drained(path, 1 << 16)
    assert failure.reason == "decompression-bomb"
    assert data.startswith(noise)
    assert len(data) <= (1 + 2 + 1) << 20


def test_where_reading_begins_makes_no_difference_to_a_bomb(tmp_path):
    path = tmp_path / "bomba.gz"
    first = gzip.compress(random.Random(3).randbytes(1 << 20), mtime=0)
    path.write_bytes(first + bomb(".gz", 70))
    with open_stream(path, len(first)) as stream:
        while stream.read(1 << 16):
            pass
    assert (stream.failure.reason, stream.failure.offset) == ("decompression-bomb", len(first))


@every_suffix
def test_what_shrinks_more_than_a_hundredfold_is_no_bomb(drain, monkeypatch, suffix):
    scale_down(monkeypatch)
    chance = random.Random(3)
    log = b"".join(chance.randbytes(6) + b"brak polaczenia z baza; " * 70 for _ in range(1_500))
    packed = bz2.compress(log, 1) if suffix == ".bz2" else PACK[suffix](log)
    assert 120 * len(packed) < len(log) < 500 * len(packed)
    data, failure = drain(suffix, packed)
    assert failure is None
    assert data == log


@pytest.mark.parametrize("suffix", [".zst", ".xz"])
def test_a_file_that_asks_for_much_memory_is_refused(drain, suffix):
    if suffix == ".zst":
        wide = zstandard.ZstdCompressionParameters(window_log=31)
        compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
        packed = compressor.compress(TEXT) + compressor.flush()
    else:
        packed = bytearray(lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}]))
        packed = with_dictionary_of_a_gibibyte(packed)
    data, failure = drain(suffix, packed)
    assert data == b""
    assert failure.reason == "window-too-large"


def with_dictionary_of_a_gibibyte(packed):
    """Another dictionary size in the header of an .xz block (xz format, 5.3.1 and 3.1.7)."""
    size = (packed[12] + 1) * 4
    at = packed.index(b"\x21\x01", 12) + 2
    packed[at] = 36  # 2 GiB / 2
    packed[12 + size - 4 : 12 + size] = gzip.zlib.crc32(packed[12 : 12 + size - 4]).to_bytes(
        4, "little"
    )
    return bytes(packed)


@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".zst"])
def test_a_bomb_in_a_reader_is_refused_or_counted(outline, suffix):
    line = b'{"text": "wers"}\n'
    packed = PACK[suffix](line) + bomb(suffix, 16) * 9
    assert outline(f"n.jsonl{suffix}", packed, bad_input="skip")[-1] == "-decompression-bomb"
    with pytest.raises(DataError, match=r"larger than max_record_bytes|thousandfold"):
        outline(f"n.jsonl{suffix}", packed)


def test_names_lose_what_only_says_how_they_are_compressed():
    for suffix in PACK:
        assert uncompressed(f"a/n.jsonl{suffix}") == "a/n.jsonl"


@given(st.binary(max_size=60), st.integers(1, 20))
def test_lines_are_what_split_says_whatever_the_compression(tmp_path_factory, raw, limit):
    path = tmp_path_factory.mktemp("lines") / "n.bz2"
    path.write_bytes(bz2.compress(raw))
    with open_stream(path) as stream:
        found = list(lines(stream, limit))
    *whole, last = raw.split(b"\n")
    expected = whole + ([last] if last else [])
    assert found == [
        (number, line if len(line) <= limit else None) for number, line in enumerate(expected, 1)
    ]
