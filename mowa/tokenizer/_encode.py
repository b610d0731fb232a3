"""Using a tokenizer on documents: their text is only ever text, whatever it looks like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from mowa.errors import DataError

# Oniguruma gives up, and `tokenizers` panics, after ten million steps inside one match: a run of so
# many spaces is enough. A million characters stay clear of it, and keep memory bounded.
_PIECE = 1_000_000


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in `folder` (``tokenizer.json``), set up for documents.

    Text that contains ``<s>`` or another special token is encoded letter by letter: a document
    cannot forge the end of a document or a turn of a conversation. Nothing adds BOS or EOS.

    Raises:
        DataError: Where the file is absent or not a tokenizer.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError("there is no tokenizer here", where=str(path)) from None
    except Exception as error:  # tokenizers raises nothing narrower
        raise DataError(
            f"this is not a readable tokenizer ({error})",
            where=str(path),
            fix="remove the artifact's folder and run the recipe again",
        ) from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode_documents(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without BOS and EOS; decoding gives back exactly the text.

    Args:
        tokenizer: From `load_tokenizer`.
        texts: Documents of any length; pass a few megabytes at once.
    """
    cut = [(index, piece) for index, text in enumerate(texts) for piece in pieces(text)]
    encodings = tokenizer.encode_batch_fast([piece for _, piece in cut], add_special_tokens=False)
    ids: list[list[int]] = [[] for _ in texts]
    for (index, _), encoding in zip(cut, encodings, strict=True):
        ids[index] = ids[index] + encoding.ids if ids[index] else encoding.ids
    return ids


def pieces(text: str, limit: int = _PIECE) -> Iterator[str]:
    """Cut `text` into pieces of at most `limit` characters that together are the text.

    A piece ends between a letter or digit and a space, where every pre-tokenizer of ours cuts
    anyway, so that the tokens stay the same; where there is no such place it ends elsewhere.
    """
    start = 0
    while len(text) - start > limit:
        stop = text.rfind(" ", start + 1, start + limit + 1)
        while stop > start and not text[stop - 1].isalnum():
            stop = text.rfind(" ", start + 1, stop)
        if stop <= start:
            stop = start + limit
        yield text[start:stop]
        start = stop
    yield text[start:]
