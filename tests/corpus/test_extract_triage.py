"""Triage: a costly extractor is spared pages that could not be kept, and no others."""

import pytest
from pydantic import ValidationError

from mowa.corpus import DocumentsConfig
from mowa.corpus import _extract as module
from mowa.corpus._config import Triage
from mowa.corpus._extract import extract

TEXTS = {
    "pol": "Wczoraj wieczorem poszliśmy na spacer brzegiem rzeki, bo pogoda była piękna, a dzieci"
    " chciały zobaczyć kaczki, które zawsze o tej porze wracają na wyspę pod starym mostem.",
    "eng": "Yesterday evening we went for a walk along the river, because the weather was lovely"
    " and the children wanted to see the ducks that always come back to the island at that hour."
    " In the evening they told their grandmother what they had seen.",
    "deu": "Gestern Abend sind wir am Fluss spazieren gegangen, weil das Wetter schön war und die"
    " Kinder die Enten sehen wollten, die um diese Zeit immer zur Insel zurückkehren.",
    "szl": "Wczora wieczōr my pōszli na szpacyr kole rzyki, bo pogoda była piykno, a dziecka"
    " chciały uwidzieć kaczki, co dycko ô tyj porze wracajōm na wyspa pod starym mostym.",
    "csb": "Wczora wieczór më szlë na szpacérë nad rzéką, bò wiodro bëło snôżé, a dzecë chcałë"
    " òbaczëc kaczczi, chtërne wiedno ò ti pòrze wracają na òstrów pòd stôrim mòstã.",
    "hsb": "Wčera wječor smy so při rěce wuchodźowali, dokelž bě wjedro rjane, a dźěći chcychu"
    " kački widźeć, kotrež so w tutym času přeco na kupu pod starym mostom wróćeja.",
}


def page_of(text):
    return f"<html><body><main><p>{text}</p><p>{text}</p></main></body></html>".encode()


@pytest.fixture(autouse=True)
def costly(monkeypatch):
    """Says which pages the costly extractor saw."""
    seen = []

    def exact(source, markup):
        seen.append(source)
        return "dokładnie"

    monkeypatch.setattr(module, "_exact", exact)
    return seen


@pytest.mark.parametrize("language", TEXTS)
def test_only_what_is_surely_in_another_language_is_spared(costly, language):
    triage = Triage(languages=["pol"])
    page = extract(page_of(TEXTS[language]), extraction="exact", triage=triage)
    is_spared = language in ("eng", "deu")
    assert page.spared == ("language" if is_spared else None)
    assert (page.text == "dokładnie") != is_spared
    assert len(costly) == (not is_spared)
    if is_spared:
        assert page.text == extract(page_of(TEXTS[language])).text


def test_a_wanted_language_is_not_spared(costly):
    triage = Triage(languages=["pol", "eng"])
    assert extract(page_of(TEXTS["eng"]), extraction="exact", triage=triage).spared is None
    assert len(costly) == 1


def test_short_pages_are_spared(costly):
    short = page_of("Krótko.")
    length = len(extract(short).text)
    for bound, spared in ((length, None), (length + 1, "short")):
        page = extract(short, extraction="exact", triage=Triage(characters=bound))
        assert page.spared == spared
    assert len(costly) == 1


def test_without_triage_and_in_the_fast_mode_nothing_is_spared(costly):
    assert extract(page_of("Krótko."), extraction="exact").spared is None
    assert extract(page_of("Krótko."), triage=Triage(characters=1_000)).spared is None
    assert len(costly) == 1


def test_what_was_spared_is_counted_and_recorded(world, costly):
    pages = [
        ("a", "https://a.pl/", page_of(TEXTS["pol"])),
        ("b", "https://a.pl/b", page_of(TEXTS["eng"])),
        ("c", "https://a.pl/c", page_of("Krótko.")),
    ]
    world.warc("teksty/a.warc.gz", pages)
    triage = {"characters": 100, "languages": ["pol"]}
    artifact = world.documents([world.inventory()], extraction="exact", triage=triage)
    assert artifact.metrics["documents"] == 3
    assert artifact.metrics["exact"]["html_spared_language"] == 1
    assert artifact.metrics["exact"]["html_spared_short"] == 1
    assert len(costly) == 1


def test_triage_names_languages_by_iso_639_3():
    with pytest.raises(ValidationError, match="ISO 639-3"):
        DocumentsConfig(triage={"languages": ["pl"]})
    assert Triage(languages=["pol", "eng", "pol"]).languages == ["eng", "pol"]
