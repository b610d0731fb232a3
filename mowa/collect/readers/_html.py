"""HTML files: the file is the page, and says itself what it is in and where it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._markup import as_html
from mowa.collect.readers._records import Record, Skipped
from mowa.collect.readers._streams import uncompressed
from mowa.collect.readers._text import read_whole


def read_html(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The whole file as one page, known by its path.

    What the page says of itself (text, title, language, address, licence, encoding) is taken where
    its text is; `ReaderOptions.encoding` counts as what a server would claim.
    """
    raw = read_whole(path, relative, options)
    if isinstance(raw, Skipped):
        yield raw
        return
    if uncompressed(relative).lower().endswith(".xhtml"):
        raw = as_html(raw)
    encoding = None if options.encoding == "auto" else options.encoding
    yield Record(uncompressed(relative), relative, None, html=raw, encoding=encoding)
