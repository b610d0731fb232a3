"""Names for the languages that our own model does not know: py3langid, with an exact arithmetic."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import numpy as np

from mowa.corpus._language_codes import UNDETERMINED, iso_639_3

# What py3langid 0.4 tells apart, as ISO 639-3 (macrolanguages as they are).
OTHERS = frozenset(
    """
    ace afr amh ara arg ary arz asm aze bak bcl bel ben bos bre bul cat ces crh cym dan deu dzo
    ell eng epo est eus ext fao fas fin fra fry fuv gcf gcr gla gle glg gom grc gug guj guw hat
    hau hbo heb hin hrv hun hye ibo ind isl ita jav jpn kab kan kat kaz khm kik kin kir kor kur
    lao lat lav lij lin lit ltg ltz lug mal mar mkd mlg mlt mon msa mya nep nld nno nor nso oci
    ori orm pan pcm pol por pus que ron rus san sdh sin slk slv sme sna som sot spa sqi srp swa
    swe tam tat tel tgk tgl tha tuk tur uig ukr urd uzb uzs vec vie vol wln wuu xho yor yue zho
    zul zxx
    """.split()  # noqa: SIM905
)


def identify_other(text: str, without: frozenset[str] = frozenset()) -> tuple[str, float]:
    """The likeliest language but those of `without`, and its share among the others.

    The first call reads py3langid's model, for a second.
    """
    return _identifier().identify(text, without)


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
