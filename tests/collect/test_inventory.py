import hashlib
import json
import os
import socket

import pytest

from mowa.collect import InventoryConfig, _inventory, _places, observe, root_of, scan
from mowa.errors import DataError, UsageError
from mowa.execution import Context, Ledger
from mowa.languages import load
from mowa.workspace import Artifact, Inputs, identity_of, runtime_of

SOURCE = """
title = "Teksty próbne"
holder = "Mowa"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
collected_at = 2026-05-01
collected_how = "napisane do prób"
"""
LONG_AGO = 1_700_000_000


@pytest.fixture
def world(tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "próby.toml").write_text("")
    (tmp_path / "sources" / "proby.toml").write_text(SOURCE, "utf-8")
    put(tmp_path / "data" / "proby" / "b.txt", "Ala ma kota.")
    put(tmp_path / "data" / "proby" / "ą" / "a.jsonl.gz", "x" * 1000)
    put(tmp_path / "data" / "proby" / "ą" / "c", "")
    return tmp_path


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (LONG_AGO, LONG_AGO))


def context(world, cache=None):
    return Context(
        language=load("pol"),
        data=world / "data",
        sources=world / "sources",
        workers=1,
        ledger=Ledger(world / "ledger"),
        cache=cache,
    )


def look(world, cache=None, **config):
    config = {"source": "proby", "path": "proby", **config}
    return observe(InventoryConfig(**config), context(world, cache), cache)


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files that are read for their hashes."""
    names = []
    real = _places.digest

    def spy(path):
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(_places, "digest", spy)
    return names


def test_where_files_lie_does_not_change_the_fingerprint():
    config = InventoryConfig(source="proby", path="/mnt/a", include=["*.txt"], exclude=["x"])
    assert identity_of(config) == {"source": "proby"}
    assert runtime_of(config) == {
        "path": "/mnt/a",
        "include": ["*.txt"],
        "exclude": ["x"],
        "s3_endpoint": "",
        "s3_region": "",
        "s3_anonymous": False,
    }


def test_an_inventory_lists_every_file_sorted_with_size_and_hash(world):
    out = world / "out"
    config = InventoryConfig(source="proby", path="proby")
    metrics = _inventory.run(config, Inputs(()), out, context(world))
    record = json.loads((out / "inventory.json").read_text("utf-8"))
    assert [file["path"] for file in record["files"]] == ["b.txt", "ą/a.jsonl.gz", "ą/c"]
    text = b"Ala ma kota."
    assert record["files"][0]["bytes"] == len(text)
    assert record["files"][0]["blake2b"] == hashlib.blake2b(text, digest_size=32).hexdigest()
    assert record["source"]["licence"] == "CC0-1.0"
    assert metrics["files"] == 3
    assert metrics["bytes"] == 1012
    assert metrics["bytes_by_type"] == {"(none)": 0, ".jsonl.gz": 1000, ".txt": 12}


def test_the_report_shows_the_source_the_types_and_the_folders(world):
    out = world / "out"
    _inventory.run(InventoryConfig(source="proby", path="proby"), Inputs(()), out, context(world))
    page = (out / "report.html").read_text("utf-8")
    for text in ("Teksty próbne", "CC0-1.0", ".jsonl.gz", "(top)", "ą/a.jsonl.gz", "By folder"):
        assert text in page
    assert str(world) not in page


def test_the_same_files_give_the_same_bytes_wherever_they_lie(world):
    config = InventoryConfig(source="proby", path="proby")
    _inventory.run(config, Inputs(()), world / "one", context(world))
    (world / "data" / "proby").rename(world / "data" / "inne")
    config = InventoryConfig(source="proby", path=str(world / "data" / "inne"))
    _inventory.run(config, Inputs(()), world / "two", context(world))
    for name in ("inventory.json", "report.html"):
        assert (world / "one" / name).read_bytes() == (world / "two" / name).read_bytes()


def test_observing_tells_a_changed_an_added_and_a_renamed_file(world):
    seen = [look(world)]
    put(world / "data" / "proby" / "b.txt", "Ala ma psa..")
    seen.append(look(world))
    put(world / "data" / "proby" / "d.txt", "")
    seen.append(look(world))
    (world / "data" / "proby" / "d.txt").rename(world / "data" / "proby" / "e.txt")
    seen.append(look(world))
    assert len({item["files"] for item in seen}) == 4
    assert seen[0]["source"]["name"] == "proby"
    assert (seen[0]["count"], seen[0]["bytes"]) == (3, 1012)


def test_a_file_is_hashed_again_only_when_size_or_time_changed(world, hashed):
    cache = world / "cache" / "proby.json"
    first = look(world, cache)
    assert sorted(hashed) == ["a.jsonl.gz", "b.txt", "c"]
    hashed.clear()
    assert look(world, cache) == first
    assert hashed == []
    put(world / "data" / "proby" / "b.txt", "Ala ma kota!")
    os.utime(world / "data" / "proby" / "b.txt", (LONG_AGO + 1, LONG_AGO + 1))
    assert look(world, cache)["files"] != first["files"]
    assert hashed == ["b.txt"]
    hashed.clear()
    put(world / "data" / "proby" / "b.txt", "Ala ma kota")
    look(world, cache)
    assert hashed == ["b.txt"]


def test_a_run_uses_what_observing_remembered(world, hashed):
    cache = world / "cache.json"
    look(world, cache)
    hashed.clear()
    config = InventoryConfig(source="proby", path="proby")
    _inventory.run(config, Inputs(()), world / "out", context(world, cache))
    assert hashed == []


def test_a_file_changed_a_moment_ago_is_hashed_again(world, hashed):
    """Within a tick of the clock it may change once more and keep its size and time."""
    cache = world / "cache.json"
    (world / "data" / "proby" / "b.txt").touch()
    look(world, cache)
    hashed.clear()
    look(world, cache)
    assert hashed == ["b.txt"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"root": 1}',
        b'{"root": "ROOT", "files": [1]}',
        b'{"root": "ROOT", "files": {"b.txt": [12, 1700000000000000000, "skrot"]}}',
        b'{"root": "/elsewhere", "files": {"b.txt": [12, 1700000000000000000, "HASH"]}}',
    ],
)
def test_a_cache_that_is_damaged_or_of_another_folder_is_ignored(world, raw):
    cache = world / "cache.json"
    root = str((world / "data" / "proby").resolve())
    cache.write_bytes(raw.replace(b"ROOT", root.encode()).replace(b"HASH", b"0" * 64))
    assert look(world, cache) == look(world)
    assert json.loads(cache.read_text("utf-8"))["root"] == root


def test_globs_say_which_files_to_take(world):
    assert look(world, include=["**/*.txt"])["count"] == 1
    assert look(world, exclude=["ą/**"])["count"] == 1
    assert look(world, exclude=["ą"])["count"] == 1
    assert look(world, include=["ą/*"], exclude=["**/*.gz"])["count"] == 1


def test_hidden_files_and_folders_are_left_out(world):
    put(world / "data" / "proby" / ".git" / "x.txt", "x")
    put(world / "data" / "proby" / ".DS_Store", "x")
    assert look(world)["count"] == 3


def test_globs_that_take_nothing_are_refused_with_source_folder_and_globs(world):
    with pytest.raises(UsageError) as caught:
        look(world, include=["*.pdf"], exclude=["x.pdf"])
    message = str(caught.value)
    assert "no file of the source proby matches *.pdf, except what x.pdf leaves out" in message
    assert str(world / "data" / "proby") in message
    assert "--set data=" in message


def test_a_missing_folder_is_refused_with_the_way_out(world):
    with pytest.raises(UsageError, match="there is no such folder") as caught:
        look(world, path="nie-ma")
    assert str(world / "data" / "nie-ma") in str(caught.value)
    assert "--set data=" in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_refused_with_the_way_out(world):
    with pytest.raises(UsageError, match="path is a file") as caught:
        look(world, path="proby/b.txt")
    assert 'include = ["b.txt"]' in str(caught.value)


@pytest.mark.parametrize("path", ["../data/proby", "proby/../../x", "/etc/.."])
def test_a_path_that_climbs_out_is_refused(world, path):
    with pytest.raises(UsageError, match="leads out of the data folder"):
        look(world, path=path)


@pytest.mark.parametrize("include", ["../**", "/etc/*"])
def test_a_glob_that_climbs_out_is_refused(world, include):
    with pytest.raises(UsageError, match="does not stay in the folder"):
        look(world, include=[include])


def test_a_source_that_is_not_registered_is_refused(world):
    with pytest.raises(UsageError, match="there is no source 'probki'"):
        look(world, source="probki")


def test_links_that_lead_out_are_refused_unless_excluded(world):
    folder = world / "data" / "proby"
    put(world / "tajne" / "a.txt", "tajne")
    (folder / "katalog").symlink_to(world / "tajne")
    (folder / "plik.txt").symlink_to(world / "tajne" / "a.txt")
    with pytest.raises(DataError, match="leads out of the source's folder") as caught:
        look(world, exclude=["plik.txt"])
    assert str(folder / "katalog") in str(caught.value)
    with pytest.raises(DataError, match="leads out of the source's folder"):
        look(world, exclude=["katalog"])
    assert look(world, exclude=["katalog", "plik.txt"])["count"] == 3
    assert look(world, include=["b.txt"], exclude=["katalog/**"])["count"] == 1


def test_links_within_the_folder_are_files_and_linked_folders_are_not_walked_twice(world):
    folder = world / "data" / "proby"
    (folder / "odsyłacz.txt").symlink_to("b.txt")
    (folder / "pętla").symlink_to(".")
    files = scan(folder, ["**/*"])
    assert [file["path"] for file in files] == ["b.txt", "odsyłacz.txt", "ą/a.jsonl.gz", "ą/c"]
    assert files[0]["blake2b"] == files[1]["blake2b"]


def test_a_linked_data_folder_is_walked(world):
    (world / "data" / "skrót").symlink_to(world / "data" / "proby")
    assert look(world, path="skrót")["count"] == 3


@pytest.mark.parametrize("target", ["nie-ma", "b.link"])
def test_a_link_to_nothing_is_refused_by_name(world, target):
    (world / "data" / "proby" / "b.link").symlink_to(target)
    with pytest.raises(DataError, match="cannot be read") as caught:
        look(world)
    assert "b.link" in str(caught.value)


def test_what_is_no_file_is_refused_and_never_waited_for(world):
    os.mkfifo(world / "data" / "proby" / "rura")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        look(world)
    assert look(world, exclude=["rura"])["count"] == 3


def test_a_socket_is_no_file(world, monkeypatch):
    monkeypatch.chdir(world / "data" / "proby")  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("gniazdo")
        with pytest.raises(DataError, match="neither a file nor a folder"):
            look(world)


def test_a_name_that_is_not_utf8_is_refused(world):
    name = os.fsencode(world / "data" / "proby") + b"/za\xbf\xf3\xb3\xe6.txt"
    os.close(os.open(name, os.O_CREAT))
    with pytest.raises(
        DataError, match="name of this file or of its folder is not UTF-8"
    ) as caught:
        look(world)
    str(caught.value).encode()


def test_an_unreadable_file_is_named_for_who_may_not_read_it(shared_folder, nobody):
    path = shared_folder / "a.txt"
    path.touch(0o000)
    with nobody(), pytest.raises(DataError, match="Permission denied") as caught:
        scan(shared_folder, ["**/*"])
    assert str(path) in str(caught.value)
    assert "make it readable" in str(caught.value)


def test_an_unreadable_folder_is_named_unless_it_is_excluded(shared_folder, nobody):
    (shared_folder / "a.txt").touch()
    secret = shared_folder / "tajne"
    secret.mkdir(0o000)
    with nobody():
        with pytest.raises(DataError, match="Permission denied") as caught:
            scan(shared_folder, ["**/*"])
        assert str(secret) in str(caught.value)
        assert len(scan(shared_folder, ["**/*"], ["tajne/**"])) == 1


def test_a_data_folder_that_may_not_be_entered_is_a_clear_error(shared_folder, nobody):
    (shared_folder / "data" / "proby").mkdir(parents=True)
    (shared_folder / "data").chmod(0)
    (shared_folder / "sources").mkdir()
    (shared_folder / "sources" / "proby.toml").write_text(SOURCE, "utf-8")
    with nobody(), pytest.raises(DataError, match="Permission denied"):
        look(shared_folder)


def test_the_folder_of_an_inventory_follows_the_data_folder(world):
    values = dict.fromkeys(("kind", "version", "fingerprint", "created"), "")
    artifact = Artifact(
        path=world,
        name="r/proby",
        revision=1,
        config={},
        runtime={"path": "proby"},
        inputs=(),
        code={},
        seconds=0.0,
        files=(),
        metrics={},
        **values,
    )
    assert root_of(artifact, context(world)) == world / "data" / "proby"
