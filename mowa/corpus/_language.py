"""The signal `language@1`: which language a text is in, and how sure the identifier is."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import polars as pl

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
    return frozenset(_identifier().codes)


def languages(texts: pl.Series, characters: int) -> pl.DataFrame:
    """Language (ISO 639-3) and confidence in 0..1 of the first `characters` of each text.

    The model is py3langid's: naive Bayes over byte n-grams, probabilities normalised over its
    languages with a temperature of the square root of the bytes. A text without a feature that the
    model knows, the empty text among them, is `und` with confidence 0.
    """
    identifier = _identifier()
    found = [identifier.identify(text) for text in texts.str.slice(0, characters).to_list()]
    return pl.DataFrame(
        found, schema={"language": pl.String, "confidence": pl.Float64}, orient="row"
    )


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

    def identify(self, text: str) -> tuple[str, float]:
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
        best = int(shares.argmax())
        return self.codes[best], round(float(shares[best]), 6)


@cache
def _identifier() -> _Identifier:
    return _Identifier()
