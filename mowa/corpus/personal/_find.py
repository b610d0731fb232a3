"""The signal `personal_data@2`: how much personal data a text holds, and where; never which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from mowa.corpus._schema import lists_of
from mowa.corpus.personal import _contacts, _numbers, _places
from mowa.corpus.personal._kinds import BUSINESS, KINDS, MASK, PLACEHOLDERS
from mowa.corpus.personal._text import BLANK, Span, Windows, blanked, numbers_in

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string())]))
PERSONAL_DATA = pa.schema(
    [
        *((kind, pa.int32()) for kind in KINDS),
        ("total", pa.int32()),
        ("personal", pa.int32()),
        ("density", pa.float64()),
        ("spans", SPANS),
    ]
)

# What a text must hold for its detectors to be run, in the syntax of Polars; only ASCII classes and
# no word boundaries, which would send the matcher of non-ASCII texts down its slow way.
_GAP = r"(?: |\x{a0}|\x{2009}|\x{202f}|\x{2010}|\x{2011}|\x{2013}|[-.()/]){0,2}"
_TRIGGERS = {
    "at": r"@|[\[({] ?(?:at|AT|małpa)",
    "long": rf"[0-9](?:{_GAP}[0-9]){{8}}",
    "seven": rf"[0-9](?:{_GAP}[0-9]){{6}}",
    "named": r"[Tt]el|TEL|[Kk]om|KOM|[Ff]a[xk]|FA[XK]|[Dd]zwo|sms|SMS|infol|Infol|[Ww]hats|[Mm]ob",
    "land": r"[A-Z][A-Z][0-9][A-Z][^0-9A-Za-z]{0,2}/",
    "document": r"[0-9]{6}",
    "dots": r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
    "colons": r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:",
    "street": (
        r"(?:(?:[Uu]l|UL|[Aa]l|AL|[Oo]s|OS|[Pp]l|PL)\.|[Uu]lic[a-zęąó]{1,4} |[Aa]lej[a-zęą]{1,3} "
        r"|[Oo]siedl[a-z]{1,2} |[Pp]lac[a-z]{0,2} |[Ss]kwer[a-z]{0,2} |[Rr]ond[a-z]{1,2} "
        r"|[Bb]ulwar[a-z]{0,3} )"
        r"|[0-9]{2}-[0-9]{3}[ \n\x{a0}]"
    ),
    "born": r"(?:[Uu]r\.|UR\.|[Uu]rodz|URODZ|[Dd]at[^ ]{0,3} ur)[^0-9\n]{0,60}[0-9]",
    "plate": r"(?:[Rr]ejestracyjn|REJ|[Nn]r\.? rej|[Tt]ablic|TABLIC)[^0-9\n]{0,60}[0-9]",
}

# Strictest and longest first; what one has found is blank to those behind it.
_DETECTORS: tuple[tuple[tuple[str, ...], Callable[[str, Windows], Iterator[Span]]], ...] = (
    (("at",), _contacts.emails),
    (("long",), _numbers.accounts),
    (("long",), _numbers.cards),
    (("land",), _numbers.land_registers),
    (("long",), _numbers.pesels),
    (("long",), _numbers.regons),
    (("long",), _numbers.nips),
    (("long",), _numbers.court_registers),
    (("document",), _numbers.documents),
    (("plate",), _places.plates),
    (("dots", "colons"), _contacts.addresses_of_hosts),
    (("born",), _places.birth_dates),
    (("long", "named"), _contacts.telephones),
    (("street",), _places.postal_addresses),
)
_SPAN = {"start": pl.Int32, "end": pl.Int32, "kind": pl.String}
_REDACTED = re.compile("|".join([*map(re.escape, PLACEHOLDERS.values()), re.escape(MASK)]))
# A find can bare what it hid (an ISBN before a number, say); hostile text gets no more than this.
_ROUNDS = 4


def find(texts: pl.Series) -> pl.DataFrame:
    """Counts and places of personal data in each text, one row a text.

    The columns are those of `PERSONAL_DATA`: a count per kind, `total`, `personal` (the total
    without identifiers of businesses), `density` (`personal` per 1,000 characters), and `spans`:
    where each stands, in characters (Unicode code points), first to last, without overlaps. Values
    themselves are not kept. Time is linear in the text.

    Example:
        >>> row = find(pl.Series(["Proszę pisać: jan@poczta.example."])).row(0, named=True)
        >>> row["email"], row["total"], row["spans"]
        (1, 1, [{'start': 14, 'end': 32, 'kind': 'email'}])
    """
    texts = texts.fill_null("")
    flags = (
        texts.alias("text")
        .to_frame()
        .select(
            pl.col("text").str.contains(pattern).alias(name) for name, pattern in _TRIGGERS.items()
        )
        # A word and a number, however they stand to each other: the detector looks closer.
        .with_columns(pl.col("named") & pl.col("seven"))
        .drop("seven")
    )
    any_flag = flags.select(pl.any_horizontal(pl.all())).to_series()
    rows: list[tuple[int, Span]] = []
    touched = any_flag.arg_true()
    names = flags.columns
    for row, text, *values in zip(
        touched.to_list(),
        texts.gather(touched).to_list(),
        *(flags[name].gather(touched).to_list() for name in names),
        strict=True,
    ):
        present = {name for name, value in zip(names, values, strict=True) if value}
        rows += [(row, span) for span in spans_of(text, present)]
    return _frame(rows, texts)


def spans_of(text: str, triggers: set[str] | None = None) -> list[Span]:
    """Start, end and kind of each value in one text; all detectors run without `triggers`."""
    open_text = _REDACTED.sub(lambda match: BLANK * len(match[0]), text)
    # Blanks only take digits away, so that the windows hold for every round.
    windows = numbers_in(open_text)
    found: list[Span] = []
    for _ in range(_ROUNDS):
        new: list[Span] = []
        for needs, detector in _DETECTORS:
            if triggers is None or not triggers.isdisjoint(needs):
                spans = list(detector(open_text, windows))
                if spans:
                    new += spans
                    open_text = blanked(open_text, spans)
        if not new:
            break
        found += new
    return sorted(found)


def _frame(rows: list[tuple[int, Span]], texts: pl.Series) -> pl.DataFrame:
    height = len(texts)
    index = np.array([row for row, _ in rows], dtype=np.int64)
    kinds = np.array([KINDS.index(kind) for _, (_, _, kind) in rows], dtype=np.int64)
    counted = np.bincount(index * len(KINDS) + kinds, minlength=height * len(KINDS)).reshape(
        height, len(KINDS)
    )
    spans = pl.DataFrame([span for _, span in rows], schema=_SPAN, orient="row")
    total = counted.sum(axis=1)
    personal = total - counted[:, [KINDS.index(kind) for kind in BUSINESS]].sum(axis=1)
    characters = texts.str.len_chars().to_numpy()
    return pl.DataFrame(
        {
            **{kind: counted[:, at].astype(np.int32) for at, kind in enumerate(KINDS)},
            "total": total.astype(np.int32),
            "personal": personal.astype(np.int32),
            "density": 1000.0 * personal / np.maximum(characters, 1),
            "spans": lists_of("spans", index, height, spans),
        }
    )
