"""What a general-purpose compressor needs for a text: a bound that a language model must beat."""

from __future__ import annotations

import lzma
from collections.abc import Iterable


def xz_bits(text: str) -> int:
    """Bits of the file that `xz -9` makes of `text` in UTF-8, its headers included.

    The headers, some 60 bytes, weigh much in a short document; a model that codes documents one by
    one has no such cost, so compare long documents, or several measures.
    """
    return 8 * len(lzma.compress(text.encode(), format=lzma.FORMAT_XZ, preset=9))


def xz_bits_per_byte(texts: Iterable[str]) -> float:
    """Bits per UTF-8 byte of `texts`, each compressed on its own.

    Raises:
        ValueError: Where the texts have no bytes at all.

    Example:
        >>> round(xz_bits_per_byte(["ala ma kota, a kot ma alę; " * 100]), 2)
        0.32
    """
    bits = size = 0
    for text in texts:
        bits += xz_bits(text)
        size += len(text.encode())
    if not size:
        raise ValueError("bits per byte of no bytes are not defined")
    return bits / size
