"""Walking a folder: the same order everywhere, never out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from mowa.collect._globs import check, matches
from mowa.errors import DataError


def files_under(
    root: Path, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and status of every file that a glob of `include` takes and none of `exclude`.

    Sorted by relative path. A glob of `exclude` that matches a folder leaves out all that is in it.
    Hidden files and folders are left out; links to folders within `root` too, since their files
    are found where they are.

    Raises:
        UsageError: For a glob that is empty, absolute or contains ``..``.
        DataError: For a folder that may not be read, and for what is matched and is a link out of
            `root`, a link to nothing, neither file nor folder, or not named in UTF-8.
    """
    for pattern in (*include, *exclude):
        check(pattern, str(root))
    real_root = os.path.realpath(root)
    found = (relative for relative in _walk(root, real_root, exclude) if matches(relative, include))
    for relative in sorted(found):
        yield relative, _status(root / relative, real_root)


def _walk(root: Path, real_root: str, exclude: Sequence[str]) -> Iterator[str]:
    whole_folders = [glob.removesuffix("/**") for glob in exclude if glob.endswith("/**")]
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as error:
            raise unreadable(folder, error) from error
        for entry in entries:
            path = folder / entry.name
            relative = path.relative_to(root).as_posix()
            if entry.name.startswith(".") or matches(relative, exclude):
                continue
            if not _is_folder(entry):
                yield relative
            elif not matches(relative, whole_folders):
                if entry.is_symlink():
                    _refuse_escape(path, real_root)
                else:
                    folders.append(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; refused when it is looked at, if a glob takes it
        return False


def unreadable(path: Path, error: OSError) -> DataError:
    """The message for a file or folder that may not be read, or is gone."""
    return DataError(
        f"this cannot be read: {error.strerror or error}",
        where=str(path),
        fix="make it readable for the user who runs this, or name it in exclude",
    )


def _status(path: Path, real_root: str) -> os.stat_result:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            "the name of this file or of its folder is not UTF-8",
            where=ascii(str(path)),
            fix="rename it (`convmv` converts whole folders)",
        ) from error
    if path.is_symlink():
        _refuse_escape(path, real_root)
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            "this is neither a file nor a folder", where=str(path), fix="name it in exclude"
        )
    return status


def _refuse_escape(path: Path, real_root: str) -> None:
    target = os.path.realpath(path)
    if os.path.commonpath([real_root, target]) != real_root:
        raise DataError(
            f"this link leads out of the source's folder, to {target}",
            where=str(path),
            fix="make that place a source of its own, copy what it holds, or name it in exclude",
        )
