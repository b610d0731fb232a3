"""The step `documents`: every record is one document or one skipped row."""

import hashlib
import importlib.metadata

import polars as pl
import pytest

from mowa.collect import Part, Record, Skipped
from mowa.corpus import _documents, _extract
from mowa.errors import DataError, UsageError

LONG = "Zażółć gęślą jaźń. " * 5


def documents_of(artifact):
    parts = sorted((artifact.path / "documents").glob("*.parquet"))
    return pl.concat([pl.read_parquet(part) for part in parts])


def skipped_of(artifact):
    parts = sorted((artifact.path / "skipped").glob("*.parquet"))
    return pl.concat([pl.read_parquet(part) for part in parts])


def blake(text):
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def test_columns_are_exactly_those_of_the_design(world):
    world.file("teksty/a.txt", "Zażo\u0301łć\u00a0gęślą\r\njaźń")
    made = documents_of(world.documents([world.inventory(agreement="umowa-7")]))
    assert made.columns == [
        "schema",
        "doc_id",
        "text",
        "url",
        "host",
        "title",
        "author",
        "date",
        "language",
        "source",
        "licence",
        "legal_basis",
        "agreement",
        "release",
        "collected_at",
        "locator",
        "parts",
        "content_hash",
        "reservation",
    ]
    row = made.row(0, named=True)
    assert row["schema"] == 2
    assert row["text"] == "Zażółć gęślą\njaźń"
    assert row["doc_id"] == blake("klasyka\0a.txt")
    assert row["content_hash"] == blake(row["text"])
    assert (row["source"], row["licence"], row["agreement"]) == (
        "klasyka",
        "CC-BY-SA-4.0",
        "umowa-7",
    )
    assert (row["locator"], row["url"], row["host"], row["reservation"]) == ("a.txt", *[None] * 3)
    assert row["parts"] is None


def test_records_of_a_warc_are_documents_or_skipped_with_a_reason(world):
    page = f'<html lang="pl"><title> O\u00a0żółwiu </title><body><main><p>{LONG}</p></main>'
    world.warc(
        "teksty/web.warc.gz",
        [
            ("11111111-0000-0000-0000-000000000001", "https://Żółw.PL:8080/a", page.encode()),
            ("11111111-0000-0000-0000-000000000002", "https://b.pl/", b"<p>nie ma", 404),
            ("11111111-0000-0000-0000-000000000003", "https://c.pl/", b"\0\1\2\3" * 500),
            ("11111111-0000-0000-0000-000000000004", "https://d.pl/", b"<html></html>"),
        ],
    )
    artifact = world.documents([world.inventory(folder="teksty")])
    made, skipped = documents_of(artifact), skipped_of(artifact)
    assert made["text"].to_list() == [LONG.strip(), ""]
    assert made.row(0, named=True)["title"] == "O żółwiu"
    assert made.row(0, named=True)["language"] == "pl"
    assert made["host"].to_list() == ["żółw.pl", "d.pl"]
    assert artifact.metrics["records"] == 8
    assert artifact.metrics["documents"] + skipped.height == 8
    assert artifact.metrics["empty"] == 1
    assert artifact.metrics["skipped"] == dict(skipped["reason"].value_counts().rows())
    assert artifact.metrics["skipped"]["binary"] == 1
    assert (artifact.path / "report.html").exists()


def test_a_records_own_licence_counts_only_if_it_is_spdx(world):
    world.jsonl(
        "teksty/a.jsonl",
        [
            {"id": "1", "text": "a", "licence": "cc0-1.0"},
            {"id": "2", "text": "b", "licence": "Wolna, naprawdę"},
            {"id": "3", "text": "c", "licence": " "},
            {"id": "4", "text": "d"},
        ],
    )
    artifact = world.documents([world.inventory()])
    assert documents_of(artifact)["licence"].to_list() == ["CC0-1.0"] + ["CC-BY-SA-4.0"] * 3
    assert artifact.metrics["unknown_licences"] == 1


def test_a_declared_language_is_the_records_own_or_else_the_sources(world):
    world.jsonl("teksty/a.jsonl", [{"id": "1", "text": "a", "language": "pl-PL"}, {"text": "b"}])
    made = documents_of(world.documents([world.inventory(language="szl")]))
    assert made["language"].to_list() == ["pl-PL", "szl"]


def test_records_with_one_key_in_one_unit_get_ids_of_their_own(world):
    world.jsonl("teksty/a.jsonl", [{"id": name, "text": name} for name in ("x", "x#2", "x", "x")])
    made = documents_of(world.documents([world.inventory()]))
    keys = ["x", "x#2", "x#2#2", "x#3"]
    assert made["doc_id"].to_list() == [blake(f"klasyka\0{key}") for key in keys]


def test_lone_surrogates_are_replaced_and_counted(world, monkeypatch):
    def read(path, relative, options):
        yield Record("k\udcff", "a\udcff.txt", "ko\ud83dt", title="\udc00", url="http://\ud800/")
        yield Skipped("a\udcff.txt#2", "broken", "\udcff")

    world.file("teksty/a.txt", "a")
    monkeypatch.setattr(_documents, "read_file", read)
    artifact = world.documents([world.inventory()])
    row = documents_of(artifact).row(0, named=True)
    assert (row["text"], row["title"], row["url"]) == ("ko\ufffdt", "\ufffd", "http://\ufffd/")
    assert (row["host"], row["locator"]) == ("\ufffd", "a\ufffd.txt")
    assert artifact.metrics["replaced_characters"] == 1
    assert skipped_of(artifact)["detail"].to_list() == ["\ufffd"]


def test_a_page_made_to_hurt_is_counted(world):
    world.warc("teksty/a.warc.gz", [("p1", "https://a.pl/", b"<div>x" * 500)])
    artifact = world.documents([world.inventory()])
    assert artifact.metrics["html_too_deep"] == 1
    assert documents_of(artifact)["text"].item().count("x") == 500


def test_an_address_that_is_none_has_no_host(world):
    world.jsonl("teksty/a.jsonl", [{"text": "a", "url": "http://[::1"}, {"text": "b", "url": ""}])
    assert documents_of(world.documents([world.inventory()]))["host"].to_list() == [None, None]


def test_units_and_parts_are_cut_by_bytes_and_named_by_inventory(world, monkeypatch):
    monkeypatch.setattr(_documents, "_UNIT_BYTES", 250)
    monkeypatch.setattr(_documents, "_PART_BYTES", 150)
    monkeypatch.setattr(_documents, "_BATCH_BYTES", 1)
    for name in "abcd":
        world.file(f"teksty/{name}.txt", "ż" * 50)
    world.file("teksty/e.txt", "ą" * 300)
    artifact = world.documents([world.inventory()])
    assert sorted(path.name for path in (artifact.path / "documents").iterdir()) == [
        "teksty-00000-000.parquet",
        "teksty-00001-000.parquet",
        "teksty-00002-000.parquet",
    ]
    assert len(list((artifact.path / "skipped").iterdir())) == 3
    monkeypatch.setattr(_documents, "_UNIT_BYTES", 900)
    again = world.documents([world.inventory()], step="drugi")
    assert sorted(path.name for path in (again.path / "documents").iterdir()) == [
        "teksty-00000-000.parquet",
        "teksty-00000-001.parquet",
        "teksty-00001-000.parquet",
    ]
    assert documents_of(artifact).equals(documents_of(again))


def test_skipped_rows_are_written_in_batches_without_loss(world, monkeypatch):
    monkeypatch.setattr(_documents, "_BATCH_ROWS", 2)
    pages = [(f"p{n}", f"https://a.pl/{n}", f"<p>{LONG} {n}".encode()) for n in range(5)]
    world.warc("teksty/a.warc.gz", pages)
    artifact = world.documents([world.inventory()])
    assert skipped_of(artifact).height == 5
    assert documents_of(artifact).height == 5


def test_broken_input_is_refused_or_counted_as_the_reader_says(world):
    world.file("teksty/a.jsonl", '{"text": "jeden"}\n{"text": \n{"text": "trzy"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl"):
        world.documents([world.inventory()])
    artifact = world.documents([world.inventory()], step="drugi", reader={"bad_input": "skip"})
    assert artifact.metrics["skipped"] == {"invalid-json": 1}
    assert skipped_of(artifact).row(0, named=True)["source"] == "klasyka"


def test_a_file_that_changed_after_the_inventory_is_not_read(world):
    world.file("teksty/a.txt", "stary")
    inventory = world.inventory()
    world.file("teksty/a.txt", "całkiem nowy")
    with pytest.raises(DataError, match="changed or went") as caught:
        world.documents([inventory])
    assert "run again" in str(caught.value)
    (world.root / "data/teksty/a.txt").unlink()
    with pytest.raises(DataError, match="changed or went"):
        world.documents([inventory])


def test_no_document_at_all_is_an_error_that_counts_the_reasons(world):
    world.warc("teksty/a.warc.gz", [("p1", "https://a.pl/", b"<p>nie ma", 404)])
    with pytest.raises(DataError, match="not one document") as caught:
        world.documents([world.inventory()])
    assert "http-status" in str(caught.value)


def test_inventories_that_cannot_be_told_apart_are_a_mistake_of_the_recipe(world):
    world.file("teksty/a.txt", "a")
    inventory = world.inventory()
    with pytest.raises(UsageError, match="same name"):
        world.documents([inventory, inventory])
    with pytest.raises(UsageError, match="no inventory"):
        world.documents([])


def test_a_damaged_inventory_is_named(world):
    world.file("teksty/a.txt", "a")
    inventory = world.inventory()
    (inventory.path / "inventory.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"inventory cannot be read") as caught:
        world.documents([inventory])
    assert "inventory.json" in str(caught.value)


def test_what_was_done_to_records_is_counted_and_shown(world):
    broken = "".join(bytes([byte]).decode("cp1252") for byte in (LONG * 2).encode("cp1250"))
    world.jsonl("teksty/a.jsonl", [{"text": broken, "title": "¯ó³w"}, {"text": LONG}])
    world.file("teksty/b.txt", (LONG * 2).encode("iso-8859-2"))
    artifact = world.documents([world.inventory()])
    made = documents_of(artifact)
    assert made["text"].to_list() == [(LONG * 2).strip(), LONG.strip(), (LONG * 2).strip()]
    assert made["title"].to_list() == ["Żółw", None, None]
    assert artifact.metrics["notes"] == {
        "decoded-iso-8859-2": 1,
        "repaired-windows-1250-as-windows-1252": 1,
    }
    page = (artifact.path / "report.html").read_text("utf-8")
    assert "decoded-iso-8859-2" in page


def test_a_folder_of_pages_gives_addresses_licences_and_encodings(world):
    head = (
        '<meta charset="iso-8859-2"><link rel="canonical" href="https://zolw.pl/a">'
        '<link rel="license" href="https://creativecommons.org/licenses/by-nd/4.0/deed.pl">'
    )
    page = (
        f'<html lang="pl"><head>{head}<title>Żółw</title></head><body><p>{LONG}</p></body></html>'
    )
    world.file("teksty/a.html", page.encode("cp1250"))
    world.file("teksty/b.html", f"<p>{LONG}".encode())
    artifact = world.documents([world.inventory()])
    first, second = documents_of(artifact).rows(named=True)
    assert (first["text"], first["title"], first["url"]) == (
        LONG.strip(),
        "Żółw",
        "https://zolw.pl/a",
    )
    assert (first["host"], first["licence"]) == ("zolw.pl", "CC-BY-ND-4.0")
    assert (second["url"], second["licence"]) == (None, "CC-BY-SA-4.0")
    assert artifact.metrics["notes"] == {
        "charset-overruled": 1,
        "decoded-windows-1250": 1,
        "licence-from-page": 1,
    }


def test_parts_of_a_record_are_one_text(world, monkeypatch):
    parts = (
        Part("page=1", "Zażółć gęślą"),
        Part("page=2", "jaźń.", runs_on=True),
        Part("page=3", "A."),
    )

    def read(path, relative, options):
        yield Record("a", "a", None, parts=parts, notes=("made-up",))

    world.file("teksty/a.txt", "a")
    monkeypatch.setattr(_documents, "read_file", read)
    artifact = world.documents([world.inventory()])
    assert documents_of(artifact)["text"].to_list() == ["Zażółć gęślą jaźń.\n\nA."]
    assert artifact.metrics["notes"] == {"made-up": 1}


def test_the_exact_mode_says_by_which_version_and_how_many_pages_were_too_large(world, monkeypatch):
    monkeypatch.setattr(_extract, "_MAX_CHARACTERS", 2_000)
    pages = [f"<body><article><p>{LONG * times}</p></article>".encode() for times in (3, 90)]
    world.warc("teksty/a.warc.gz", [(f"p{n}", f"https://a.pl/{n}", p) for n, p in enumerate(pages)])
    artifact = world.documents([world.inventory()], extraction="exact")
    assert artifact.metrics["exact"] == {
        "trafilatura": importlib.metadata.version("trafilatura"),
        "html_too_large": 1,
        "html_exact_empty": 1,
    }
    assert all(LONG.strip() in text for text in documents_of(artifact)["text"])


def test_the_learned_mode_counts_what_it_left_to_the_fast_one(world, monkeypatch):
    monkeypatch.setattr(_extract, "_MAX_CHARACTERS", 2_000)
    pages = [f"<body><article><p>{LONG * times}</p></article>".encode() for times in (3, 90)]
    world.warc("teksty/a.warc.gz", [(f"p{n}", f"https://a.pl/{n}", p) for n, p in enumerate(pages)])
    artifact = world.documents([world.inventory()], extraction="learned", markup="markdown")
    assert artifact.metrics["learned"]["html_too_large"] == 1
    assert all(LONG.strip() in text for text in documents_of(artifact)["text"])


def test_what_a_page_says_of_itself_fills_what_the_record_leaves_open(world):
    head = (
        '<meta name="author" content="Anna Nowak"><meta property="article:published_time"'
        ' content="2020-03-04T10:00:00Z">'
    )
    late = '<meta property="article:published_time" content="2026-02-03T10:00:00Z">'
    pages = [f"<html><head>{h}</head><body><p>{LONG}</p>".encode() for h in (head, late)]
    world.warc("teksty/a.warc.gz", [(f"p{n}", f"https://a.pl/{n}", p) for n, p in enumerate(pages)])
    made = documents_of(world.documents([world.inventory()]))
    assert made["author"].to_list() == ["Anna Nowak", None]
    # The WARC says that both were fetched on that day, and nothing is published later.
    assert made["date"].to_list() == ["2020-03-04", "2026-01-31T12:00:00Z"]
    records = [{"text": page.decode(), "date": "2020-12-31", "author": "Jan"} for page in pages]
    world.jsonl("pola/a.jsonl", records)
    fields = world.documents([world.inventory("pola", "pola", name="pola")],
                             step="fields", reader={"text_is_html": True})  # fmt: skip
    # What the source's own records say counts more.
    assert set(documents_of(fields)["date"]) == {"2020-12-31"}
    assert set(documents_of(fields)["author"]) == {"Jan"}
