"""The pages: well formed, whole, readable by a screen reader, harmless, the same each time."""

import csv
import itertools
import json
import re
import tomllib
from importlib import resources
from urllib.parse import unquote

import pytest

from mowa.errors import UsageError
from mowa.evaluation.leaderboard import build
from tests.evaluation.leaderboard.html_page import HtmlPage
from tests.evaluation.leaderboard.worlds import EVIL, write_result


def pages(site):
    return [HtmlPage(path) for path in sorted(site.rglob("*.html"))]


def data(path):
    """What a data file hands to the page, and under which key."""
    found = re.fullmatch(
        r"\(window\.mowa \?\?= \{\}\)\[(\".*?\")\] = (.*);\n", path.read_text("utf-8"), re.DOTALL
    )
    return json.loads(found[1]), json.loads(found[2])


def words(code):
    folder = resources.files("mowa.evaluation.leaderboard").joinpath("words")
    return tomllib.loads(folder.joinpath(f"{code}.toml").read_text("utf-8"))


def leaves(table, path=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def test_there_is_a_page_of_each_task_and_model_in_both_languages(site):
    for home in ("", "en/"):
        assert {path.stem for path in (site / home / "tasks").iterdir()} == {
            "grammar", "culture", "world", "proverbs", "bits",
        }  # fmt: skip
        assert len(list((site / home / "models").iterdir())) == 6
        for name in ("index", "compare", "items"):
            assert (site / home / f"{name}.html").is_file()


@pytest.mark.parametrize("which", ["site", "hostile_site"])
def test_every_id_is_unique_and_every_reference_resolves_within_the_site(which, request):
    site = request.getfixturevalue(which)
    for page in pages(site):
        assert len(page.ids) == len(set(page.ids)), page.path
        for reference in page.references:
            assert not re.match(r"/|data:|.*://", reference), reference
            path, _, fragment = unquote(reference).partition("#")
            target = (page.path.parent / path).resolve() if path else page.path
            assert target.is_file(), reference
            assert target.is_relative_to(site.resolve()), reference
            if fragment and "=" not in fragment:
                assert fragment in HtmlPage(target).ids
            if "task=" in fragment:
                task = re.search("task=([^&]*)", fragment)[1]
                assert (site / "data" / "items" / task / "index.js").is_file()
        for _, attributes in page.tags:
            for name in ("aria-labelledby", "for"):
                assert attributes.get(name, page.ids[0]) in page.ids, attributes


def test_pages_say_their_language_and_lead_to_the_other_one(site):
    for page in pages(site):
        english = "en" in page.path.relative_to(site).parts
        assert page.all("html")[0]["lang"] == ("en" if english else "pl")
        (other,) = [one for one in page.all("a") if "hreflang" in one]
        assert other["hreflang"] == other["lang"] == ("pl" if english else "en")
        twin = (page.path.parent / other["href"]).resolve()
        assert twin.name == page.path.name
        assert twin != page.path
        assert HtmlPage(twin).all("html")[0]["lang"] == other["hreflang"]


def test_pages_have_one_heading_landmarks_and_tables_with_captions_and_scopes(site):
    for page in pages(site):
        assert len(page.all("h1")) == len(page.all("main")) == 1
        assert page.all("a")[0] == {"class": "skip", "href": "#main"}
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert len(page.all("table")) == len(page.all("caption"))
        assert all(head["scope"] in ("col", "row") for head in page.all("th"))
        for box in page.all("div"):
            if box.get("class") == "scroll":
                assert box["tabindex"] == "0"
                assert box["role"] == "region"
                assert box["aria-labelledby"]


def test_nothing_on_a_page_may_run_but_its_own_files(site, hostile_site):
    for page in pages(site) + pages(hostile_site):
        policy = next(one for one in page.all("meta") if "http-equiv" in one)["content"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for script in page.all("script"):
            assert re.search(r"(assets|data)/[\w.]+\.js$", script["src"])
        for tag, attributes in page.tags:
            assert tag not in ("iframe", "object", "img", "style", "base")
            assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_what_models_and_tasks_say_is_shown_as_it_is_and_never_as_html(hostile_site):
    said = "".join(page.text for page in pages(hostile_site))
    assert said.count(EVIL) > 40
    for path in hostile_site.rglob("*.html"):
        assert "<script>" not in path.read_text("utf-8")
    for path in (hostile_site / "data").rglob("*.js"):
        text = path.read_text("utf-8")
        assert "<" not in text
        assert "\u2028" not in text
    outputs = [
        one["output"]
        for path in (hostile_site / "data" / "items").rglob("m-*.js")
        for one in data(path)[1]
    ]
    assert len(outputs) == 120
    assert all(one.startswith(EVIL) for one in outputs)
    assert all(re.fullmatch(r"[a-z0-9.-]+", path.name) for path in hostile_site.rglob("*"))


def test_a_spreadsheet_takes_no_name_for_a_formula(hostile_site):
    with (hostile_site / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {EVIL, f"'=2+2{EVIL}"}


def test_json_and_csv_hold_the_whole_table(site):
    table = json.loads((site / "table.json").read_text("utf-8"))
    with (site / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(table["models"]) == 6
    assert len(table["tasks"]) == 6
    assert len(table["scores"]) == len(rows) == 36
    by_name = {model["id"]: model for model in table["models"]}
    assert by_name["losowy-4m"]["average"]["value"] < 0.05
    assert by_name["zdalny-70b"]["average"] == {
        "value": None, "low": None, "high": None, "rank": None, "missing": 3, "without_hits": False,
    }  # fmt: skip
    refused = [row for row in rows if row["status"] == "not-comparable"]
    assert len(refused) == 4
    assert all(row["why"] and not row["value"] for row in refused)
    (dirty,) = [row for row in rows if row["hits"] not in ("", "0")]
    assert dirty["model"] == "obcy-1.5b"
    assert float(dirty["clean_value"]) < float(dirty["value"])


def test_each_state_is_named_in_words(site):
    index = HtmlPage(site / "index.html").text
    for word in ("nieporównywalny", "skażony", "za mało pytań", "brak 3 z 4 wyników", "1–2"):
        assert word in index.partition("Jak to czytać")[0], word
    grammar = HtmlPage(site / "tasks" / "grammar.html").text
    assert "Serwer nie podaje prawdopodobieństw" in grammar
    for phenomenon in ("aspekt", "liczebniki"):
        assert phenomenon in grammar
    assert "kaszubski" not in grammar
    assert "polski" in grammar


def test_a_model_page_shows_size_licence_energy_and_lineage_down_to_sources(site):
    text = HtmlPage(site / "models" / "quickstart-4m.html").text
    for said in (
        "4,1\u00a0mln",
        "Apache-2.0",
        "0,012 kWh",
        "RAPL",
        "3,2\u00a0mln",
        "sample-notes",
        "źródło",
    ):
        assert said in text
    assert "Rodowodu nie podano" in HtmlPage(site / "models" / "losowy-4m.html").text


def test_numbers_are_written_as_the_language_writes_them(site):
    polish, english = (HtmlPage(site / name).text for name in ("index.html", "en/index.html"))
    assert re.search(r"\b\d\d,\d\b", polish)
    assert not re.search(r"\b\d\d\.\d\b", polish)
    assert re.search(r"\b\d\d\.\d\b", english)
    assert not re.search(r"\b\d\d,\d\b", english)


def test_all_languages_have_the_same_words_and_fields_and_none_is_empty():
    polish, english = dict(leaves(words("pl"))), dict(leaves(words("en")))
    assert polish.keys() == english.keys()
    for key, text in polish.items():
        assert text.strip(), key
        assert english[key].strip(), key
        if not key.startswith("count."):
            assert set(re.findall(r"\{(\w+)\}", text)) == set(
                re.findall(r"\{(\w+)\}", english[key])
            ), key


LOOKED_UP = {
    "group",
    "size",
    "kind",
    "task_kind",
    "artifact",
    "language",
    "left_out",
    "measure",
    "noticed",
    "unit",
    "count",
    "variant",
}


def test_every_word_that_a_page_or_script_asks_for_is_there_and_no_other():
    folder = resources.files("mowa.evaluation.leaderboard")
    pages_ask = "".join(
        one.read_text("utf-8")
        for one in (*folder.joinpath("templates").iterdir(), *folder.iterdir())
        if one.name.endswith((".jinja", ".py"))
    )
    scripts_ask = "".join(one.read_text("utf-8") for one in folder.joinpath("assets").iterdir())
    known = dict(leaves(words("pl"))).keys()
    asked = set(re.findall(r'\b(?:t|say)\(\s*"([a-z_.]+)"', pages_ask))
    for key in asked:
        assert key in known or (key[-1] in "._" and any(one.startswith(key) for one in known)), key
    for name in re.findall(r'\bsay\("(\w+)"', scripts_ask):
        assert f"js.{name}" in known, name
    for key in known:
        section, _, name = key.rpartition(".")
        if section == "js":
            assert re.search(rf'"{name}"', scripts_ask), key
        elif section.partition(".")[0] not in LOOKED_UP | {""}:
            begun = any(key.startswith(one) for one in asked if one[-1] in "._")
            assert key in asked or begun or section == "head", key


def test_the_same_results_give_the_same_bytes_in_whatever_order_they_come(results, site, tmp_path):
    folders = sorted(results.iterdir(), reverse=True)
    build([*folders, results], tmp_path / "again")
    first = {
        path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()
    }
    again = {
        path.relative_to(tmp_path / "again"): path.read_bytes()
        for path in (tmp_path / "again").rglob("*")
        if path.is_file()
    }
    assert first == again


def test_chunks_hold_every_item_once_and_stay_small(tmp_path):
    long = "bardzo długi tekst " * 5_000
    write_result(tmp_path / "r", "m", "world", [1.0] * 130, texts={"output": long})
    build([tmp_path / "r"], tmp_path / "site", items=120)
    folder = tmp_path / "site" / "data" / "items" / "world-0"
    key, index = data(folder / "index.js")
    assert key == "items/world-0/index"
    assert len(index["ids"]) == 120
    assert index["all"] == 130
    assert index["bounds"][0] == 0
    assert index["bounds"][-1] == 120
    sizes = [b - a for a, b in zip(index["bounds"], index["bounds"][1:], strict=False)]
    assert [len(data(folder / f"m-m-{k}.js")[1]) for k in range(len(sizes))] == sizes
    assert [len(data(folder / f"prompts-{k}.js")[1]) for k in range(len(sizes))] == sizes
    assert max(path.stat().st_size for path in folder.iterdir()) < 200_000
    (one, *_) = data(folder / "m-m-0.js")[1]
    assert f"[… {len(long) - 12_000} …]" in one["output"]


def test_a_model_that_was_asked_in_other_words_shows_its_own_prompt(tmp_path):
    write_result(tmp_path / "r", "a", "world", [1.0] * 40)
    write_result(tmp_path / "r", "b", "world", [1.0] * 40, texts={"prompt": "<czat>Pytanie</czat>"})
    build([tmp_path / "r"], tmp_path / "site")
    folder = tmp_path / "site" / "data" / "items" / "world-0"
    assert "prompt" not in data(folder / "m-a-0.js")[1][0]
    assert data(folder / "m-b-0.js")[1][0]["prompt"] == "<czat>Pytanie</czat>"


def test_without_items_there_is_no_item_browser_and_no_link_to_it(results, tmp_path):
    build([results], tmp_path / "site", items=0)
    assert not (tmp_path / "site" / "items.html").exists()
    assert not (tmp_path / "site" / "data" / "items").exists()
    assert all("items.html" not in "".join(page.references) for page in pages(tmp_path / "site"))


def test_items_are_kept_from_search_engines(site):
    robots = [
        one for one in HtmlPage(site / "items.html").all("meta") if one.get("name") == "robots"
    ]
    assert robots == [{"name": "robots", "content": "noindex"}]


def test_an_older_site_is_replaced_and_anything_else_is_left_alone(results, tmp_path):
    out = tmp_path / "site"
    build([results], out)
    (out / "old.html").write_text("old")
    build([results], out, title="Nasza tablica")
    assert not (out / "old.html").exists()
    assert "Nasza tablica" in HtmlPage(out / "index.html").text
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="something else"):
        build([results], tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert {path.name for path in tmp_path.iterdir()} == {"site", "mine"}


def test_groups_have_names_in_the_language_of_the_page(tmp_path):
    groups = ["negated-object", "absence"] * 20
    write_result(tmp_path / "r", "m", "grammar", [1.0] * 40, groups=groups)
    write_result(tmp_path / "r", "m", "culture", [1.0] * 40, groups=["regional-speech"] * 40)
    build([tmp_path / "r"], tmp_path / "site")
    polish, english = (
        HtmlPage(tmp_path / "site" / home / "tasks" / "grammar.html").text for home in ("", "en")
    )
    assert "Dopełniacz przy przeczeniu" in polish
    assert "negated object" in english
    assert "mowa regionów" in HtmlPage(tmp_path / "site" / "tasks" / "culture.html").text
    _, board = data(tmp_path / "site" / "data" / "board.pl.js")
    assert board["groups"]["absence"] == "Brak, nie ma, zabrakło"


def test_pages_name_the_artifact_in_which_items_were_found(tmp_path):
    found = [i < 7 for i in range(100)]
    write_result(tmp_path / "results", "cheat", "world", [1.0] * 100, found=found)
    build([tmp_path / "results"], tmp_path / "site")
    for page in (*(tmp_path / "site/tasks").iterdir(), *(tmp_path / "site/models").iterdir()):
        assert "quickstart/corpus@dev: 7" in HtmlPage(page).text
