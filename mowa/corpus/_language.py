"""The signal `language`: which language a text and its paragraphs are in, and how surely."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

UNDETERMINED = "und"
NOISE = "zxx"

# What the model is taught to tell Polish from, and is tried on (`docs/languages.md`). Its other
# languages only say that a text is none of these.
KNOWN = frozenset(
    "pol ces slk szl csb hsb dsb eng deu ukr bel rus lit".split()  # noqa: SIM905
)
PROTECTED = ("szl", "csb", "hsb", "dsb")

# ISO 639-1 to ISO 639-3, with the withdrawn iw, in and ji (the tables of ISO 639, macrolanguages as
# they are). The identifier's labels of three letters are ISO 639-3 already.
_CODES = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel
bg:bul bi:bis bm:bam bn:ben bo:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces cu:chu
cv:chv cy:cym da:dan de:deu dv:div dz:dzo ee:ewe el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas
ff:ful fi:fin fj:fij fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb
hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk in:ind
io:ido is:isl it:ita iu:iku iw:heb ja:jpn ji:yid jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal
km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin
lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya
na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm
or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron ru:rus rw:kin sa:san
sc:srd sd:snd se:sme sg:sag sh:hbs si:sin sk:slk sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw
st:sot su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur
ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho
yi:yid yo:yor za:zha zh:zho zu:zul
"""
_ISO_639_3 = dict(pair.split(":") for pair in _CODES.split())
_WITHDRAWN = ("in", "iw", "ji")
_ISO_639_1 = {code3: code1 for code1, code3 in _ISO_639_3.items() if code1 not in _WITHDRAWN}


def iso_639_3(code: str | None) -> str | None:
    """The ISO 639-3 code of a tag (``pl``, ``pl-PL``, ``pol``, ``szl_Latn``); None for no tag.

    Example:
        >>> iso_639_3("PL-pl"), iso_639_3("szl"), iso_639_3("polski")
        ('pol', 'szl', None)
    """
    primary = (code or "").strip().lower().replace("_", "-").partition("-")[0]
    if len(primary) == 3 and primary.isascii() and primary.isalpha():
        return primary
    return _ISO_639_3.get(primary)


def shortest_tag(code: str) -> str:
    """The tag of a language by its ISO 639-3 code: ISO 639-1 where there is one (RFC 5646, 2.2.1).

    Example:
        >>> shortest_tag("pol"), shortest_tag("szl")
        ('pl', 'szl')
    """
    return _ISO_639_1.get(code, code)


LANGUAGE = pa.schema(
    [
        ("language", pa.string()),
        ("confidence", pa.float64()),
        ("language_share", pa.float64()),
        ("second_language", pa.string()),
        ("second_share", pa.float64()),
        ("protected", pa.string()),
        ("protected_confidence", pa.float64()),
    ]
)


def letters(texts: pl.Series) -> pl.Series:
    """What the model sees of a text: words in small letters, without digits and signs."""
    return (
        texts.str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{M}'’]+", " ")
        .str.strip_chars()
    )


@cache
def identifiable() -> frozenset[str]:
    """The languages that the identifier knows, as ISO 639-3."""
    return frozenset(_identifier().codes) | KNOWN


def languages(texts: pl.Series, characters: int) -> pl.DataFrame:
    """Language (ISO 639-3) and confidence in 0..1 of the first `characters` of each text.

    A model of our own decides among the languages of `KNOWN`, noise (`zxx`) and "none of these";
    for the last, py3langid names the language among those outside `KNOWN`, and the confidence is
    the product of both. A text without letters is `und` with confidence 0.
    """
    found = [_combine(row, text) for row, text in _scored(texts, characters)]
    return pl.DataFrame(
        found, schema={"language": pl.String, "confidence": pl.Float64}, orient="row"
    )


def language_signal(texts: pl.Series, characters: int) -> pl.DataFrame:
    """The columns of `LANGUAGE`, one row a text: document, paragraphs and protected varieties.

    `language_share` and `second_share` are those of `paragraph_languages`: the commonest language
    of the paragraphs comes first there, whatever the document's beginning is in.
    """
    frame = pl.concat(
        [
            languages(texts, characters),
            paragraph_languages(texts),
            protected_score(texts, characters),
        ],
        how="horizontal",
    )
    return frame.select(LANGUAGE.names)


def protected_score(texts: pl.Series, characters: int) -> pl.DataFrame:
    """The likeliest protected variety of each text and the probability (0..1) of them together.

    Columns `protected` (ISO 639-3, null where the probability is 0) and `protected_confidence`.
    """
    rows = []
    for scores, _ in _scored(texts, characters):
        shares = {code: scores.get(code, 0.0) for code in PROTECTED}
        total = round(sum(shares.values()), _DIGITS)
        rows.append((max(shares, key=shares.__getitem__) if total else None, min(total, 1.0)))
    return pl.DataFrame(
        rows,
        schema={"protected": pl.String, "protected_confidence": pl.Float64},
        orient="row",
    )


def paragraph_languages(texts: pl.Series, characters: int = 100_000) -> pl.DataFrame:
    """What languages the paragraphs (lines) of each text are in.

    Columns: `paragraphs` (number of those with 20 letters and more); `language_share` and
    `second_share` (of their characters, 0..1); `second_language` (null where there is but one);
    `protected_share`. The shares are of the commonest language of the paragraphs and the next.
    Only the first `characters` of a text are looked at.
    """
    frame = pl.DataFrame({"text": texts.str.slice(0, characters).str.split("\n")})
    lines = frame.with_row_index("row").explode("text", empty_as_null=True, keep_nulls=True)
    lines = lines.filter(letters(lines["text"]).str.len_chars().fill_null(0) >= _SHORTEST)
    named = languages(lines["text"], _OF_A_PARAGRAPH)["language"]
    sizes: list[dict[str, int]] = [{} for _ in range(texts.len())]
    counted = [0] * texts.len()
    for row, size, code in zip(lines["row"], lines["text"].str.len_chars(), named, strict=True):
        counted[row] += 1
        sizes[row][code] = sizes[row].get(code, 0) + size
    return pl.DataFrame(
        [_shares(count, found) for count, found in zip(counted, sizes, strict=True)],
        schema={
            "paragraphs": pl.Int64,
            "language_share": pl.Float64,
            "second_language": pl.String,
            "second_share": pl.Float64,
            "protected_share": pl.Float64,
        },
        orient="row",
    )


# Six digits: the last bits of a float differ between processors.
_DIGITS = 6
_SHORTEST = 20
_OF_A_PARAGRAPH = 500
# So many languages of a text are asked for; the rest have less than a hundredth together.
_BEST = 8


def _shares(count: int, found: dict[str, int]) -> tuple[int, float, str | None, float, float]:
    total = sum(found.values())
    if not total:
        return count, 0.0, None, 0.0, 0.0
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    second, size = ranked[1] if len(ranked) > 1 else (None, 0)
    protected = sum(found.get(code, 0) for code in PROTECTED)
    first = ranked[0][1]
    shares = (round(part / total, _DIGITS) for part in (first, size, protected))
    one, two, three = shares
    return count, one, second, two, three


def _scored(texts: pl.Series, characters: int) -> list[tuple[dict[str, float], str]]:
    """Probability of each likely language, and the text that it was found on."""
    begins = texts.fill_null("").str.slice(0, characters)
    model = _model()
    scored: list[tuple[dict[str, float], str]] = []
    for line, text in zip(letters(begins), begins, strict=True):
        if not line:
            scored.append(({}, text))
            continue
        # Not `predict`: with several labels it gives each of them the first one's probability.
        found = model.predict(line + "\n", _BEST, 0.0, "strict")
        scored.append(
            ({label[9:]: min(round(share, _DIGITS), 1.0) for share, label in found}, text)
        )
    return scored


def _combine(scores: dict[str, float], text: str) -> tuple[str, float]:
    inside = {code: share for code, share in scores.items() if code in KNOWN or code == NOISE}
    outside = sum(share for code, share in scores.items() if code not in inside)
    best = max(inside, key=inside.__getitem__, default=UNDETERMINED)
    if not scores:
        return UNDETERMINED, 0.0
    if inside.get(best, 0.0) >= outside:
        return best, inside[best]
    code, share = _identifier().identify(text, KNOWN)
    return code, round(min(outside, 1.0) * share, _DIGITS)


@cache
def _model() -> Any:
    import floret

    path = Path(__file__).with_name("_language_model.bin")
    return floret.load_model(str(path)).f


class _Identifier:
    """py3langid's model with its own arithmetic: a sum in a fixed order.

    py3langid multiplies matrices through BLAS, whose last bits depend on the number of threads.
    """

    def __init__(self) -> None:
        from py3langid import langid

        self._model: Any = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
        self._visits = langid.visit_counts
        self._row_base = [row << 8 for row in self._model.tk_row]
        labels: list[str] = self._model.labels
        self.codes = [iso_639_3(label) or label for label in labels]
        # A language in two scripts has two columns: their probabilities are added.
        column = {label: index for index, label in enumerate(labels)}
        self._columns = np.array([column[label] for label in self._model.nb_classes])

    def identify(self, text: str, without: frozenset[str] = frozenset()) -> tuple[str, float]:
        """The likeliest language but those of `without`, and its share among the others."""
        text = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
        data = text.encode()
        visits = self._visits(self._model.tk_nextmove, self._row_base, self._model.tk_output, data)
        if not visits:
            return UNDETERMINED, 0.0
        features = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
        weights = np.log1p(np.fromiter(visits.values(), dtype=np.float64, count=len(visits)))
        table = self._model.nb_ptc[features].astype(np.float64)
        scores = (weights[:, None] * table).sum(axis=0) + self._model.nb_pc
        scores = np.exp((scores - scores.max()) / np.sqrt(len(data)))
        shares = np.bincount(self._columns, scores, len(self.codes)) / scores.sum()
        shares[[code in without for code in self.codes]] = 0.0
        if not shares.sum():
            return UNDETERMINED, 0.0
        shares /= shares.sum()
        best = int(shares.argmax())
        return self.codes[best], round(float(shares[best]), 6)


@cache
def _identifier() -> _Identifier:
    return _Identifier()
