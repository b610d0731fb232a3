import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect._globs import check, matches
from mowa.errors import UsageError


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**/*", "a.txt", True),
        ("**/*", "a/b/c.txt", True),
        ("**/*.txt", "c.txt", True),
        ("**/*.txt", "a/b/c.txt", True),
        ("*.txt", "a/c.txt", False),
        ("a/**/c.txt", "a/c.txt", True),
        ("a/**/c.txt", "a/x/y/c.txt", True),
        ("a/**/c.txt", "ab/c.txt", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**", "a/b", True),
        ("a**b", "axxb", True),
        ("a**b", "ax/xb", False),
        ("?.txt", "ż.txt", True),
        ("?.txt", "/.txt", False),
        ("[a-c]1", "b1", True),
        ("[!a-c]1", "b1", False),
        ("[!a]1", "/1", False),
        ("[[]x[]]", "[x]", True),
        ("a.c", "abc", False),
        ("a[", "a[", True),
        ("a//b", "a/b", True),
        ("a+(b)", "a+(b)", True),
        ("a\nb*", "a\nb\nc", True),
    ],
)
def test_a_glob_takes_the_paths_that_it_should(pattern, path, expected):
    assert matches(path, [pattern]) is expected


def test_any_of_several_globs_is_enough_and_none_takes_nothing():
    assert matches("a.txt", ["*.md", "*.txt"])
    assert not matches("a.txt", [])


names = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4)


@given(names, st.integers(0, 4), st.integers(0, 4))
def test_two_stars_stand_for_any_run_of_folders(path, start, length):
    start = min(start, len(path) - 1)
    pattern = [*path[:start], "**", *path[min(start + length, len(path) - 1) :]]
    assert matches("/".join(path), ["/".join(pattern)])
    assert not matches("/".join(path), ["/".join([*pattern, "x"])])


@pytest.mark.parametrize("pattern", ["**/*.txt", "*/*.txt", "a/**", "**/b/*", "**/[ab].txt"])
def test_globs_agree_with_the_standard_library_on_a_real_folder(tmp_path, pattern):
    for name in ("a.txt", "a/b.txt", "a/b/c.txt", "b/a.txt", "c/b/x.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    everything = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    found = [path for path in tmp_path.glob(pattern) if path.is_file()]
    if pattern.endswith("**"):  # until Python 3.13 it finds folders only
        found = [path for path in (tmp_path / pattern[:-3]).rglob("*") if path.is_file()]
    expected = {path.relative_to(tmp_path).as_posix() for path in found}
    assert {path for path in everything if matches(path, [pattern])} == expected


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", "a/../b", "./a"])
def test_a_glob_that_leaves_the_folder_is_refused(pattern):
    with pytest.raises(UsageError, match="does not stay in the folder") as caught:
        check(pattern, "krok")
    assert str(caught.value).startswith("krok: ")
