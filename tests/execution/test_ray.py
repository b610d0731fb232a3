"""Ray does what local processes do, and loses nothing when a worker dies."""

import hashlib
import json
import os
import signal
import socket
import sys
import time
import tomllib
from pathlib import Path

import pytest
import ray_units

from mowa.corpus import _documents
from mowa.corpus._table import SIGNALS
from mowa.errors import DataError, MowaError, UsageError
from mowa.execution import Context, Executor, Ledger, Unit
from mowa.languages import load
from mowa.recipe import Recipe
from mowa.recipe import run as run_recipe

RAY = Executor("ray")
pytestmark = pytest.mark.xdist_group("ray")  # one cluster at a time is enough for two cores


def context(folder, workers=2, executor=RAY):
    return Context(
        language=load("pol"),
        data=folder,
        sources=folder,
        workers=workers,
        ledger=Ledger(folder / "ledger.jsonl"),
        executor=executor,
    )


def units(count):
    return [Unit(f"{number:03}", number) for number in range(count)]


@pytest.fixture(scope="module")
def cluster():
    """A local cluster of two workers, which the units of all tests here share."""
    pytest.importorskip("ray")
    yield RAY
    RAY.close()


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


# ---- without a cluster


@pytest.mark.parametrize(
    ("kind", "address", "word"),
    [("local", "a:1", "--ray-address"), ("slurm", None, "no executor"), ("Ray", None, "choose")],
)
def test_an_executor_that_is_none_is_refused(kind, address, word):
    with pytest.raises(UsageError, match=word):
        Executor.named(kind, address)


def test_ray_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    from mowa.execution import _ray

    monkeypatch.setattr(_ray, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"mowa\[ray\]"):
        RAY.check()


def test_a_cluster_that_is_not_there_is_told_at_once():
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(UsageError, match="no Ray cluster answers"):
        Executor("ray", f"127.0.0.1:{port}").check()
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("address", ["here", "ray://a:1", "a:b", ":1", "a:99999"])
def test_an_address_that_is_none_is_refused(address):
    pytest.importorskip("ray")
    with pytest.raises(UsageError, match="is not the address"):
        Executor("ray", address).check()


def test_nothing_of_ray_is_imported_by_local_work(out, tmp_path):
    before = "ray" in sys.modules
    context(tmp_path, 1, Executor()).map(ray_units.square, units(2), out, label="squares")
    assert ("ray" in sys.modules) == before


# ---- on a local cluster of two workers


@pytest.mark.slow
def test_units_on_ray_give_what_local_units_give(cluster, out, tmp_path):
    results = context(tmp_path).map(ray_units.square, units(9), out, label="squares")
    assert [result["square"] for result in results] == [n * n for n in range(9)]
    assert (out / "8.txt").read_text() == "64"
    assert len(Ledger(tmp_path / "ledger.jsonl").digests()) == 9


@pytest.mark.slow
def test_a_ray_worker_has_one_thread_and_telemetry_is_off(cluster, out, tmp_path):
    (found,) = context(tmp_path).map(ray_units.threads, units(1), out, label="threads")
    assert found == {
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@pytest.mark.slow
def test_errors_of_units_come_through_ray_unchanged(cluster, out, tmp_path):
    with pytest.raises(DataError) as caught:
        context(tmp_path).map(ray_units.refuse, units(3), out, label="refusals")
    assert type(caught.value) is DataError
    assert caught.value.what == "zły plik"
    assert caught.value.where.startswith("plik ")
    assert caught.value.fix == "popraw"
    with pytest.raises(ZeroDivisionError) as caught:
        context(tmp_path).map(ray_units.stumble, units(3), out, label="bugs")
    assert type(caught.value) is ZeroDivisionError


@pytest.mark.slow
def test_a_unit_whose_ray_worker_was_killed_is_done_again(cluster, out, tmp_path):
    results = context(tmp_path).map(ray_units.die_once, units(6), out, label="squares")
    assert [result["square"] for result in results] == [n * n for n in range(6)]
    assert (out / ".died-3").exists()
    assert not list(out.glob(".*.partial"))


@pytest.mark.slow
def test_a_unit_that_kills_each_worker_ends_the_run_by_its_name_and_the_rest_is_kept(
    cluster, out, tmp_path
):
    with pytest.raises(MowaError, match=r"work unit 003: .*died 3 times"):
        context(tmp_path).map(ray_units.die_always, units(6), out, label="squares")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    done = [unit.key for unit in units(6) if ledger.has(unit.key, out)]
    assert "003" not in done
    assert {"000", "001", "002"} <= set(done)
    results = context(tmp_path).map(ray_units.square, units(6), out, label="squares")
    assert [result["square"] for result in results] == [n * n for n in range(6)]


@pytest.mark.slow
def test_a_ray_worker_killed_from_outside_loses_nothing(cluster, out, tmp_path):
    import threading

    killed = []

    def kill():
        while not killed:
            for mark in sorted(out.glob("*.pid")):
                pid = int(mark.read_text())
                if pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    results = context(tmp_path).map(ray_units.slow_square, units(6), out, label="squares")
    thread.join(10)
    assert killed
    assert [result["square"] for result in results] == [n * n for n in range(6)]


RECIPE = """
name = "small"
language = "pol"
data = "data"
sources = "sources"

[steps.inventory]
does = "inventory"
source = "proby"
path = "proby"

[steps.documents]
does = "documents"
reads = "inventory"

[steps.signals]
does = "signals"
reads = "documents"
measure = [
  "counts", "language", "duplicates", "gopher", "c4", "fineweb", "composition", "speakleash",
  "boilerplate", "templated", "notice", "personal_data",
]

[steps.corpus]
does = "corpus"
reads = ["documents", "signals"]
"""
SOURCE = """
title = "Teksty próbne"
holder = "Mowa"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
collected_at = 2026-05-01
collected_how = "napisane do prób"
"""


def small_world(folder: Path) -> Recipe:
    from mowa.sample._compose import compose

    (folder / "sources").mkdir(parents=True)
    (folder / "sources" / "proby.toml").write_text(SOURCE, "utf-8")
    data = folder / "data" / "proby"
    data.mkdir(parents=True)
    documents = compose("notes", 60, seed=3, seen=set())
    for number in range(6):
        lines = []
        for at, text in enumerate(documents[number * 10 : number * 10 + 10]):
            # Lines of a host, personal data, and in every file a copy of the same text.
            body = f"Strona główna\n{text.text}\nPisz: biuro@gmina.pl, tel. 22 555 01 02.\nStopka"
            body = body if at else documents[0].text + " Dopisek." * number
            record = {"id": f"{number}-{at}", "text": body, "title": text.title}
            lines.append(json.dumps(record | {"url": f"https://gmina{at % 2}.pl/{number}/{at}"}))
        (data / f"{number}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "small.toml").write_text(RECIPE, "utf-8")
    return Recipe.load(folder / "small.toml", [])


def digests(workspace: Path) -> dict[str, str]:
    """Hash of every file of the artifacts but their records, which hold times."""
    return {
        path.relative_to(workspace).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and ".mowa" not in path.parts and path.name != "artifact.json"
    }


@pytest.mark.slow
def test_a_corpus_made_on_ray_has_the_bytes_of_one_made_by_local_workers(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.setattr(_documents, "_UNIT_BYTES", 8_000)
    recipe = small_world(tmp_path)
    made = {}
    for name, workers, executor in (
        ("one", 1, Executor()),
        ("two", 2, Executor()),
        ("four", 4, Executor()),
        ("ray", 2, cluster),
    ):
        run_recipe(recipe, tmp_path / name, workers=workers, executor=executor)
        made[name] = digests(tmp_path / name)
    assert any(path.endswith("inventory-00003.parquet") for path in made["one"])
    assert set(tomllib.loads(RECIPE)["steps"]["signals"]["measure"]) == set(SIGNALS)
    found = json.loads((tmp_path / "one/small/corpus@dev/manifest.json").read_text("utf-8"))
    # Nothing of this is empty, so that each has bytes in which processors could differ.
    assert {signal.partition("@")[0] for signal in found["signals"]} == set(SIGNALS)
    assert found["personal_data"]["email"] > 0
    assert found["duplicates"]
    assert found["edits"]
    assert made["one"] == made["two"] == made["four"] == made["ray"]
