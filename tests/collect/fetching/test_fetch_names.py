"""Names from servers become paths that stay in the folder, one for each address."""

import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mowa.collect.fetching._names import Names, clean, name_of

HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "..",
    ".",
    "",
    "a\x00b\n\x1b[31m",
    "..\\..\\windows",
    "C:/x",
    ".ssh/authorized_keys",
    "a" * 5000,
    "/".join("abcdefgh" * 20),
    "ż" * 300,
    "fetched.jsonl",
    "FETCHED.JSONL",
    "a.part",
    "a.part.json",
    "a.bad",
    "a\u202etxt.exe",
    "\ud800",
    " / /a",
]


def check(path):
    pure = PurePosixPath(path)
    assert path
    assert not pure.is_absolute()
    assert all(part not in ("", ".", "..") and not part.startswith(".") for part in pure.parts)
    assert not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in path)
    assert len(path.encode()) <= 1100
    assert all(len(part.encode()) <= 230 for part in pure.parts)
    assert not path.casefold().endswith((".part", ".part.json", ".bad"))
    assert path.casefold() != "fetched.jsonl"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_a_plain_path(name):
    check(clean(name))
    assert clean(clean(name)) == clean(name)


@given(st.text())
@example("0 \x80")
@example("a\u200d\u0301")
def test_any_name_becomes_a_plain_path(name):
    check(clean(name))
    assert clean(clean(name)) == clean(name)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_address_becomes_a_plain_path(path, query):
    check(name_of(f"https://a.example/{path.replace('[', '')}?{query}", "https://a.example/"))


@given(st.lists(st.sampled_from(["a", "A", "a/b", "a/B", "A/b/c", "a/b/c", "ą", "Ą", "x.txt"])))
def test_no_two_addresses_share_a_path_in_any_file_system(wishes):
    names = Names()
    paths = [names.take(f"https://a.example/{at}", wish) for at, wish in enumerate(wishes)]
    folded = [path.casefold() for path in paths]
    assert len(set(folded)) == len(folded)
    for path in folded:
        assert not any(other.startswith(f"{path}/") for other in folded)
    again = Names()
    for at, path in enumerate(paths):
        again.keep(f"https://a.example/{at}", path)
    assert [again.take(f"https://a.example/{at}", w) for at, w in enumerate(wishes)] == paths


def test_names_mirror_the_server_below_base():
    base = "https://a.example/dumps/"
    assert name_of(f"{base}20261101/x.bz2", base) == "20261101/x.bz2"
    assert name_of("https://b.example/y.gz", base) == "b.example/y.gz"
    assert name_of("https://a.example/other/z", base) == "other/z"
    assert name_of(base, base) == "index.html"
    one, two = name_of(f"{base}x?id=1", base), name_of(f"{base}x?id=2", base)
    assert one != two
    assert name_of(f"{base}za%C5%BC%2F%2e%2e%2fb", base) == "zaż/b"
