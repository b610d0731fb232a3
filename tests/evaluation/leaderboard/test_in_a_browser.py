"""The site as a person meets it: in Chromium, opened from disk; and WCAG 2.2 AA by axe-core.

Needs Chromium and npm, which .ci/run installs; skipped where they are not there, but not where
MOWA_BROWSER=1 promises them.
"""

import json
import os
import shutil
import subprocess
import tarfile

import pytest

from tests.evaluation.leaderboard.chromium import Chromium, program

pytestmark = pytest.mark.slow

AXE = "axe-core@4.14.1"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "index.html",
    "tasks/grammar.html",
    "tasks/world.html",
    "tasks/bits.html",
    "models/obcy-1-5b.html",
    "models/quickstart-4m.html",
    "compare.html#a=obcy-1-5b&b=polish-classics-60m",
    "items.html#task=grammar-0&show=differ",
    "items.html#task=culture-0&models=obcy-1-5b&show=found",
    "en/index.html",
    "en/tasks/culture.html",
    "en/models/zdalny-70b.html",
    "en/items.html#task=bits-0",
]


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The text of axe-core, from the npm registry."""
    if not shutil.which("npm"):
        _lacking("npm")
    folder = tmp_path_factory.mktemp("axe")
    for _ in range(4):  # a registry may be busy
        command = ["npm", "pack", "--silent", AXE]
        packed = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if not packed.returncode:
            break
    else:
        pytest.fail(packed.stderr)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if program() is None:
        _lacking("Chromium")
    found = Chromium(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def _lacking(what):
    if os.environ.get("MOWA_BROWSER"):
        pytest.fail(f"{what} is not here")
    pytest.skip(f"{what} is not here")


def address(site, page):
    path, _, fragment = page.partition("#")
    return (site / path).as_uri() + (f"#{fragment}" if fragment else "")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_against_wcag_2_2_aa(browser, axe, site, width, dark):
    found = []
    for page in PAGES:
        browser.open(address(site, page), width=width, height=800, dark=dark, phone=width < 500)
        browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        browser.run(f"{axe}; undefined")
        checked = browser.run(f"axe.run({{ preload: false, runOnly: {json.dumps(RULES)} }})")
        assert len(checked["passes"]) > 15, page
        found += [
            (page, fault["id"], fault["nodes"][0]["html"], fault["nodes"][0]["failureSummary"])
            for fault in checked["violations"]
        ]
        assert browser.errors == [], page
    assert not found, "\n\n".join("\n".join(fault) for fault in found)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_page_scrolls_sideways_and_wide_tables_do_so_within(browser, site, width):
    for page in PAGES:
        browser.open(address(site, page), width=width, height=740, phone=width < 500)
        assert browser.run("document.documentElement.scrollWidth") <= width, page
    browser.open(address(site, "index.html"), width=360, height=740, phone=True)
    box = "document.querySelector('.scroll')"
    assert browser.run(f"{box}.scrollWidth > {box}.clientWidth")


def test_the_table_is_sorted_by_keyboard_and_says_so(browser, site):
    browser.open(address(site, "index.html"))
    names = "[...document.querySelectorAll('#board tbody th')].map((th) => th.dataset.v)"
    first = browser.run(names)
    assert first[0] == "polish-classics-60m"
    assert first[-1] == "zdalny-70b"
    browser.run("document.querySelectorAll('.sort')[1].focus()")
    browser.press("Enter")
    browser.settle()
    assert browser.run(names) == sorted(first)
    browser.press(" ")
    browser.settle()
    assert browser.run(names) == sorted(first, reverse=True)
    sorted_ = (
        "[...document.querySelectorAll('th[aria-sort]')].map((th) => th.getAttribute('aria-sort'))"
    )
    assert browser.run(sorted_) == ["descending"]
    assert "Posortowano malejąco: Model" in browser.run(
        "document.getElementById('told').textContent"
    )
    browser.run("document.querySelector('[data-column=\"bits-0\"] .sort').click()")
    assert browser.run(names)[0] == "polish-classics-60m"
    assert browser.run(names)[-1] == "zdalny-70b"


FOCUSED = """(() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const scrolled = one.closest(".board [data-column], .board .average");
  const stick = document.querySelector(".board .stick").getBoundingClientRect();
  const covered = scrolled ? stick.right : 0;
  return {
    outline: style.outlineStyle, width: style.outlineWidth, seen: box.right > covered,
    name: `${one.tagName} ${(one.name || one.ariaLabel || one.textContent).trim().slice(0, 60)}`,
  };
})()"""


def test_what_has_the_focus_is_seen_and_the_first_stop_skips_to_the_content(browser, site):
    browser.open(address(site, "index.html"))
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.settle()
    assert browser.run("document.activeElement.getBoundingClientRect().top") >= 0
    seen = set()
    for _ in range(60):
        browser.press("Tab")
        shown = browser.run(FOCUSED)
        if shown is None:
            break
        seen.add(shown["name"])
        assert shown["outline"] == "solid", shown
        assert shown["width"] == "3px", shown
        assert shown["seen"], shown
    assert len(seen) > 20


def test_filters_leave_the_models_that_fit_and_say_how_many(browser, site):
    browser.open(address(site, "index.html"))
    seen = "[...document.querySelectorAll('tbody tr:not([hidden])')].map((tr) => tr.dataset.name)"
    told = "document.getElementById('told').textContent"

    def choose(name, value):
        browser.run(
            f"(() => {{ const one = document.getElementById('filters').elements.{name};"
            f" one.value = {json.dumps(value)};"
            " one.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    choose("size", "tiny")
    assert set(browser.run(seen)) == {
        "losowy-4m",
        "quickstart-4m",
        "polish-classics-20m",
        "polish-classics-60m",
    }
    assert browser.run(told) == "Widać 4 z 6 modeli."
    choose("licence", "Apache-2.0")
    choose("kind", "random")
    assert browser.run(seen) == ["losowy-4m"]
    browser.run("document.querySelector('#filters [type=reset]').click()")
    browser.settle()
    assert len(browser.run(seen)) == 6
    choose("name", "CLASSICS")
    assert len(browser.run(seen)) == 2
    choose("name", "")
    browser.run("document.getElementById('filters').whole.click()")
    assert "zdalny-70b" not in browser.run(seen)
    heads = "[...document.querySelectorAll('thead [data-column]:not([hidden])')]"
    columns = f"{heads}.map((th) => th.dataset.column)"
    assert "culture-0" in browser.run(columns)
    browser.run("document.querySelector('[name=column][value=culture-0]').click()")
    assert "culture-0" not in browser.run(columns)


def test_two_models_are_compared_with_the_differences_that_the_table_was_ranked_by(browser, site):
    browser.open(address(site, "compare.html#a=quickstart-4m&b=losowy-4m"))
    rows = (
        "[...document.querySelectorAll('#out tbody tr')].map("
        "(tr) => [...tr.cells].map((td) => td.innerText))"
    )
    grammar = next(row for row in browser.run(rows) if row[0].startswith("Gramatyka"))
    a, b, gap = (
        float(text.split()[0].replace(",", ".")) for text in (grammar[1], grammar[2], grammar[3])
    )
    assert gap == pytest.approx(a - b, abs=0.11)
    assert grammar[5].startswith("lepszy A")
    browser.run("document.getElementById('swap').click()")
    browser.settle()
    grammar = next(row for row in browser.run(rows) if row[0].startswith("Gramatyka"))
    assert grammar[5].startswith("lepszy B")
    bits = next(row for row in browser.run(rows) if row[0].startswith("Nowe teksty"))
    assert bits[3].startswith("+")
    assert bits[5].startswith("lepszy B")
    assert browser.run("location.hash") == "#a=losowy-4m&b=quickstart-4m"
    browser.run("document.querySelector('#out a[href*=items]').click()")
    browser.wait_for(
        "location.pathname.endsWith('items.html') && document.querySelectorAll('.item').length > 5"
    )
    marks = (
        "[...document.querySelectorAll('.item')].map("
        "(one) => [...one.querySelectorAll('.answer .mark')].map((mark) => mark.className))"
    )
    found = browser.run(marks)
    assert len(found) > 5
    assert all(len(set(pair)) == 2 for pair in found)


def test_items_are_paged_filtered_and_shown_with_each_models_answer(browser, site):
    browser.open(address(site, "items.html#task=grammar-0"))
    ids = "[...document.querySelectorAll('.item h2')].map((one) => one.firstChild.data)"
    assert browser.run(ids) == [f"grammar-{i:04}" for i in range(10)]
    browser.run("document.getElementById('next').click()")
    browser.settle()
    assert browser.run(ids)[0] == "grammar-0010"
    browser.run(
        "(() => { const one = document.getElementById('choose').elements.group;"
        " one.value = '=aspekt';"
        " one.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    browser.wait_for("document.getElementById('told').textContent === 'Pytania 1–10 z 80.'")
    assert browser.run(ids)[0] == "grammar-0003"
    browser.open(address(site, "items.html#task=culture-0&models=obcy-1-5b&show=found"))
    assert browser.run("document.getElementById('told').textContent") == "Pytania 1–10 z 30."
    assert "wolne-lektury/17" in browser.run("document.querySelector('.answer').textContent")
    assert browser.run("document.querySelector('.answers').children.length") == 1


def test_nothing_that_a_model_said_runs(browser, hostile_site):
    for page in sorted(hostile_site.rglob("*.html")):
        browser.open(page)
        browser.run("window.alert = () => { window.ran = true; }")
        browser.settle()
        assert browser.errors == [], page
        assert not browser.run(
            "Boolean(window.ran) || document.querySelector('#out img, #board img')"
        )
    browser.open(hostile_site / "items.html")
    assert "<img src=x onerror=alert(1)>" in browser.run(
        "document.querySelector('.answer pre').textContent"
    )
