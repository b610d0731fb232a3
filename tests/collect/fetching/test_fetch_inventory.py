"""What was fetched is read: the fetcher's own files are left out, and rights stay."""

import json

from fetch_web import QUICK

from mowa.collect import InventoryConfig, observe, scan
from mowa.execution import Context
from mowa.languages import load
from mowa.rights import load_source


def test_an_inventory_takes_what_was_fetched_and_nothing_of_the_fetcher(web, get, into):
    web.answers["/a.txt"] = b"dane"
    web.answers["/b.txt"] = b"inne"
    get("a.txt", {"url": "b.txt", "sha1": "0" * 40}, limits=QUICK)
    (into / "c.txt.part").write_bytes(b"half")
    (into / "c.txt.part.json").write_text("{}")
    assert (into / "b.txt.bad").exists()
    exclude = InventoryConfig(source="proba", path="proba").exclude
    [file] = scan(into, ["**/*"], exclude)
    assert file["path"] == "a.txt"
    line = json.loads((into / "fetched.jsonl").read_text().splitlines()[0])
    assert file["blake2b"] == line["blake2b"]


def test_how_a_source_is_fetched_changes_no_fingerprint(tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "data" / "proba").mkdir(parents=True)
    (tmp_path / "data" / "proba" / "a.txt").write_text("dane")
    record = """title = "Próba"
holder = "nikt"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
collected_at = 2026-11-01
collected_how = "w teście"
"""
    fetch = """[reader]
format = "text"
[fetch]
kind = "files"
base = "https://a.example/"
files = [{ url = "a.txt" }]
"""
    seen = []
    for text in (record, record + fetch):
        (tmp_path / "sources" / "proba.toml").write_text(text, "utf-8")
        context = Context(
            language=load("pol"), data=tmp_path / "data", sources=tmp_path / "sources",
            workers=1, ledger=None,
        )  # fmt: skip
        seen.append(observe(InventoryConfig(source="proba", path="proba"), context, None))
    assert load_source(tmp_path / "sources", "proba").fetch is not None
    assert seen[0] == seen[1]
