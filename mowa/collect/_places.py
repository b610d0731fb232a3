"""Where a source's files lie: a folder, or a prefix of an S3 bucket; the one seam between them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mowa.collect._globs import check, matches
from mowa.collect._walk import files_under, unreadable
from mowa.errors import DataError, MowaError, UsageError
from mowa.workspace import digest, disk_error

_CHUNK = 8 << 20  # bytes of an object in memory at a time
_SECONDS = 20.0  # to connect, and for an answer, each; tried `_TRIES` times
_TRIES = 3

# What a reader looks at beside a file: the manifest of SpeakLeash, what `datasets` says of Arrow.
_BESIDE = ("dataset_info.json", "state.json", "dataset_dict.json")
_MOST_BESIDE_BYTES = 64 << 20


@dataclass(frozen=True)
class S3Prefix:
    """Objects whose keys begin with a prefix; credentials are never a part of it.

    Attributes:
        bucket: The bucket's name.
        prefix: What the keys begin with, without slashes around it; empty for the whole bucket.
        endpoint: URL of a server that is not Amazon's; else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL.
        region: The bucket's region; else AWS_REGION, AWS_DEFAULT_REGION; else it is looked up.
        anonymous: Ask without credentials, whatever the environment holds.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    anonymous: bool = False

    def __str__(self) -> str:
        return f"s3://{self._at('')}".rstrip("/")

    @property
    def name(self) -> str:
        """The last part, for people."""
        return self.prefix.rpartition("/")[2] or self.bucket

    def key(self, relative: str) -> str:
        """Bucket and key of an object, as Arrow names it."""
        return self._at(relative)

    def _at(self, relative: str) -> str:
        return "/".join(part for part in (self.bucket, self.prefix, relative) if part)


Place = Path | S3Prefix


def is_s3(path: str) -> bool:
    """Does a recipe's path name a bucket?"""
    return path.startswith("s3://")


def s3_prefix(
    path: str, *, endpoint: str = "", region: str = "", anonymous: bool = False
) -> S3Prefix:
    """The place that ``s3://bucket/prefix`` names.

    Raises:
        UsageError: Where it names none; what may be a password is not repeated.
    """
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    if "@" in bucket or ":" in bucket:
        raise UsageError(
            "an s3:// path holds no credentials",
            fix="put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and write"
            " s3://bucket/prefix",
        )
    prefix = prefix.strip("/")
    if not bucket or any(mark in path for mark in "?#*") or ".." in prefix.split("/"):
        raise UsageError(f"{path!r} is not a path in a bucket", fix="write s3://bucket/prefix")
    return S3Prefix(bucket, prefix, endpoint, region, anonymous)


def files_at(
    place: Place, include: Sequence[str], exclude: Sequence[str]
) -> list[tuple[str, int, int]]:
    """Relative path, bytes and nanoseconds of the last change of the files that the globs take.

    Sorted by path; hidden files and folders are left out.

    Raises:
        UsageError: For a bad glob, or a bucket or prefix that is not there.
        DataError: Where something may not be read, or the server does not answer.
    """
    if isinstance(place, Path):
        return [
            (relative, status.st_size, status.st_mtime_ns)
            for relative, status in files_under(place, include, exclude)
        ]
    for pattern in (*include, *exclude):
        check(pattern, str(place))
    return sorted(_listed(place, include, exclude))


def hash_at(place: Place, relative: str) -> str:
    """BLAKE2b-256 of a file's bytes, in hexadecimal, read as a stream."""
    if isinstance(place, Path):
        try:
            return digest(place / relative)
        except OSError as error:
            raise unreadable(place / relative, error) from error
    state = hashlib.blake2b(digest_size=32)
    for chunk in _chunks(place, relative):
        state.update(chunk)
    return state.hexdigest()


@contextmanager
def file_at(place: Place, relative: str, blake2b: str) -> Iterator[Path]:
    """A local file with the bytes that the inventory saw; an object is copied until the end.

    Raises:
        DataError: Where the file changed or went, or cannot be read.
    """
    if isinstance(place, Path):
        path = place / relative
        try:
            changed = digest(path) != blake2b
        except OSError:
            changed = True
        if changed:
            raise _changed(str(path))
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="mowa-") as folder:
        path = Path(folder) / PurePosixPath(relative).name
        if _copy(place, relative, path) != blake2b:
            raise _changed(f"{place}/{relative}")
        _copy_beside(place, relative, Path(folder))
        yield path


def _copy(place: S3Prefix, relative: str, path: Path) -> str:
    state = hashlib.blake2b(digest_size=32)
    try:
        with path.open("wb") as file:
            for chunk in _chunks(place, relative):
                state.update(chunk)
                file.write(chunk)
    except OSError as error:
        raise disk_error(error, path.parent) from error
    return state.hexdigest()


def _copy_beside(place: S3Prefix, relative: str, folder: Path) -> None:
    own = PurePosixPath(relative)
    names = list(_BESIDE) if own.suffix == ".arrow" else []
    if ".jsonl" in own.suffixes:
        names.append(f"{own.name.partition('.jsonl')[0]}.manifest")
    system, _ = _system(place)
    for name in names:
        beside = str(own.with_name(name))
        with _explained(place, beside):
            (info,) = system.get_file_info([place.key(beside)])
        if info.is_file and (info.size or 0) <= _MOST_BESIDE_BYTES:
            _copy(place, beside, folder / name)


def _listed(
    place: S3Prefix, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[str, int, int]]:
    system, fs = _system(place)
    base = place.key("")
    with _explained(place, ""):
        found = system.get_file_info(fs.FileSelector(base, recursive=True))
    for info in found:
        relative = info.path.removeprefix(base).lstrip("/")
        if info.is_file and _taken(relative, include, exclude):
            yield relative, info.size, info.mtime_ns or 0


def _taken(relative: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    parts = relative.split("/")
    if any(part.startswith(".") or not part for part in parts):
        return False
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return matches(relative, include) and not any(matches(path, exclude) for path in above)


def _chunks(place: S3Prefix, relative: str) -> Iterator[bytes]:
    system, _ = _system(place)
    with _explained(place, relative):
        stream = system.open_input_stream(place.key(relative), compression=None)
    with stream:
        while True:
            with _explained(place, relative):
                chunk = stream.read(_CHUNK)
            if not chunk:
                return
            yield chunk


def _system(place: S3Prefix) -> tuple[Any, Any]:
    """The file system and Arrow's module of them; made anew, since it is cheap and holds keys."""
    from pyarrow import fs

    environ = os.environ
    endpoint = (
        place.endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", "")
    )
    region = place.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", "")
    options: dict[str, Any] = {
        "connect_timeout": _SECONDS,
        "request_timeout": _SECONDS,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        "check_directory_existence_before_creation": True,
    }
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
        region = region or "us-east-1"  # servers of one's own do not look at it
    with _explained(place, ""):
        options["region"] = region or fs.resolve_s3_region(place.bucket)
        if place.anonymous or not environ.get("AWS_ACCESS_KEY_ID"):
            # Never the metadata server of a cloud, which would be asked for seconds elsewhere.
            options["anonymous"] = True
        else:
            options |= {
                "access_key": environ["AWS_ACCESS_KEY_ID"],
                "secret_key": environ.get("AWS_SECRET_ACCESS_KEY", ""),
                "session_token": environ.get("AWS_SESSION_TOKEN"),
            }
        return fs.S3FileSystem(**options), fs


@contextmanager
def _explained(place: S3Prefix, relative: str) -> Iterator[None]:
    where = f"{place}/{relative}" if relative else str(place)
    try:
        yield
    except OSError as error:
        raise _error(str(error), where, error) from error


def _error(message: str, where: str, error: OSError) -> MowaError:
    if "NO_SUCH_BUCKET" in message or "Bucket not found" in message:
        return UsageError(
            "there is no such bucket", where=where, fix="look at path and at the endpoint"
        )
    if "ACCESS_DENIED" in message or "HTTP status 403" in message or "SIGNATURE" in message:
        return DataError(
            "the server does not let us read this",
            where=where,
            fix="put the keys of one who may into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            " (AWS_SESSION_TOKEN), or set s3_anonymous = true for a public bucket",
        )
    if isinstance(error, FileNotFoundError) or "NO_SUCH_KEY" in message:
        return DataError(
            "there is nothing here (any more)",
            where=where,
            fix="look at path and include of the inventory; if it went meanwhile, run again",
        )
    return DataError(
        f"the server of the bucket does not answer as it should ({_short(message)})",
        where=where,
        fix="look at the endpoint and the connection, then run again; what is finished is kept",
    )


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 200 else line[:200] + "…"


def _changed(where: str) -> DataError:
    return DataError(
        "the file changed or went while the recipe ran",
        where=where,
        fix="run again: the inventory is taken anew",
    )
