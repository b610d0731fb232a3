"""Writing files so that a kill, at any moment, leaves either the whole file or none."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mowa.errors import MowaError

_CHUNK = 1 << 20


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, flushed to disk.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with writing(folder / "a.txt") as partial:
        ...     _ = partial.write_text("żółw", "utf-8")
        >>> (folder / "a.txt").read_text("utf-8")
        'żółw'

    Raises:
        MowaError: Where the disk is full; the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes of two containers may have one pid.
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    partial = path.with_name(f".{path.name}.{unique}.partial")
    try:
        yield partial
        flush(partial)
        partial.replace(path)
        flush(path.parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


def clear_partial_files(folder: Path) -> None:
    """Remove what a killed `writing` left anywhere under `folder`."""
    for path in folder.rglob(".*.partial"):
        if path.is_file():
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through `writing`."""
    with writing(path) as partial:
        partial.write_text(text, "utf-8", newline="\n")


def disk_error(error: OSError, path: Path) -> MowaError | OSError:
    """The message that belongs to a full disk; any other error as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MowaError(
            "the disk is full",
            where=str(path),
            fix="free some space (`mowa gc` removes superseded artifacts) and run again;"
            " what is finished is kept",
        )
    return error


def digest(path: Path) -> str:
    """BLAKE2b-256 of a file's bytes, in hexadecimal."""
    state = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """Give the bytes of `source` a second name; copy them where there are no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except FileExistsError:
        target.unlink()
        link_or_copy(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        with writing(target) as partial, source.open("rb") as read, partial.open("wb") as write:
            while chunk := read.read(_CHUNK):
                write.write(chunk)


def flush(path: Path) -> None:
    """Make sure that a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
