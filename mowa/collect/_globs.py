"""Globs over paths relative to a folder: `**` crosses folders, `*` and `?` do not."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from mowa.errors import UsageError


def matches(relative: str, globs: Sequence[str]) -> bool:
    """Does any of the globs match the whole of `relative`?

    Between slashes they are those of `fnmatch`, case counts; ``**`` stands for any number of
    folders, at the end for all that is in a folder.

    Example:
        >>> matches("akty/1997/a.txt", ["**/*.txt"]), matches("akty/a.txt", ["*.txt"])
        (True, False)
    """
    names = relative.split("/")
    return any(_matches(names, [part for part in glob.split("/") if part]) for glob in globs)


def check(glob: str, where: str) -> None:
    """Refuse a glob that could never match, or that would leave the folder.

    Raises:
        UsageError: For an empty or absolute glob, and for one with ``.`` or ``..`` as a folder.
    """
    if not glob or glob.startswith("/") or {".", ".."} & set(glob.split("/")):
        raise UsageError(
            f"the glob {glob!r} does not stay in the folder",
            where=where,
            fix="write globs relative to the step's path, as in **/*.txt",
        )


def _matches(names: list[str], parts: list[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        rest = parts[1:]
        return any(_matches(names[at:], rest) for at in range(len(names))) if rest else bool(names)
    return bool(names) and fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])
