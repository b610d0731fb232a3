"""A floor under each extractor: pages of the sample, whose main text is known."""

from collections import Counter

import pytest

from mowa.corpus._extract import extract
from mowa.sample._compose import compose
from mowa.sample._sites import Sites, makes
from mowa.sample._web import HOSTS, Page, page_url

PAGES = 40


@pytest.fixture(scope="module")
def gold():
    """Pages as bytes with their paragraphs."""
    pages = []
    for number, text in enumerate(compose("web", PAGES, seed=23, seen=set())):
        host = HOSTS[text.host]
        url = page_url(host, text.title, number)
        pages.append(Page(url, host, text.title, text.paragraphs))
    sites = Sites(23, pages)
    assert len({page.host.make for page in pages}) > len(makes()) / 2
    return [(sites.html(page).encode(), page.paragraphs) for page in pages]


def f1(gold, mode):
    """Words that belong to the main text against words that were taken for it, over all pages."""
    both = taken = wanted = 0
    for raw, paragraphs in gold:
        found = Counter(extract(raw, charset="utf-8", extraction=mode).text.split())
        truth = Counter(" ".join(paragraphs).split())
        both += (found & truth).total()
        taken += found.total()
        wanted += truth.total()
    return 2 * both / (taken + wanted)


FLOORS = {"fast": 0.75, "learned": 0.92, "exact": 0.82}


@pytest.mark.parametrize(("mode", "floor"), FLOORS.items())
def test_an_extractor_is_as_good_as_it_was(gold, mode, floor):
    """Who lowers a floor says why in the commit."""
    assert f1(gold, mode) >= floor
