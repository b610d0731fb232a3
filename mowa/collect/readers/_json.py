"""JSON values from bytes that nobody vouches for."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError
from mowa.collect.readers._records import Skipped, broken
from mowa.collect.readers._streams import open_stream
from mowa.errors import DataError

MAX_FILE_BYTES = 256 << 20
"""A JSON document is parsed whole, at some ten times its size in memory."""


class Repeated(dict[str, Any]):
    """An object in which a key stood twice: all but the last value of it are lost."""


def parse(raw: bytes, *, mark_repeated: bool = False) -> Any:
    """The JSON value in UTF-8 bytes.

    Args:
        raw: The bytes.
        mark_repeated: Make an object with a key that stands twice a `Repeated`.

    Raises:
        BrokenRecordError: Where it is not one, or Python will not hold it (nested too deeply, a
            number of more than 4,300 digits).
    """
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object if mark_repeated else None)
    except UnicodeDecodeError as error:
        raise BrokenRecordError("invalid-utf-8", f"byte {error.start}: {error.reason}") from error
    except RecursionError as error:
        raise BrokenRecordError("invalid-json", "nested too deeply") from error
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at character {error.pos}"
        raise BrokenRecordError("invalid-json", detail) from error
    except ValueError as error:
        raise BrokenRecordError("invalid-json", str(error).partition(";")[0]) from error


def read_document(path: Path, relative: str, options: ReaderOptions) -> Any | Skipped:
    """The value in a file that is one JSON document; why not, where it is broken.

    An object in which a key stands twice is a `Repeated`.

    Raises:
        DataError: Where it is larger than 256 MiB; where it is broken, unless
            ``bad_input = "skip"``.
    """
    with open_stream(path) as stream:
        raw = bytearray()
        while len(raw) <= MAX_FILE_BYTES and (chunk := stream.read(1 << 20)):
            raw += chunk
        failure = stream.failure
    if failure is not None:
        return broken(relative, failure.reason, failure.detail, options)
    if len(raw) > MAX_FILE_BYTES:
        raise DataError(
            f"a JSON file of more than {MAX_FILE_BYTES >> 20} MiB is not read",
            where=str(path),
            fix="split it, or turn it into JSON Lines (.jsonl), which are read line by line",
        )
    try:
        return parse(bytes(raw.removeprefix(codecs.BOM_UTF8)), mark_repeated=True)
    except BrokenRecordError as error:
        return broken(relative, error.reason, error.detail, options)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(found)
