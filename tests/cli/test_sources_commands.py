"""`mowa sources` and `mowa fetch`: what a person sees, and the exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "collect" / "fetching"))
from fetch_web import web_server

SOURCE = """
title = "Próba"
holder = "nikt"
licence = "CC0-1.0"
legal_basis = "open_licence"
release = "open"
language = "pol"
collected_at = 2026-11-01
collected_how = "z serwera w teście"

[reader]
format = "text"

[fetch]
kind = "files"
base = "{base}"
delay = 0
files = [{{ url = "a.txt", bytes = 4 }}, {{ url = "b.txt" }}]
"""


@pytest.fixture
def web():
    with web_server() as server:
        server.answers["/a.txt"] = b"dane"
        server.answers["/b.txt"] = b"dane i dane"
        yield server


@pytest.fixture
def project(tmp_path, web):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "proba.toml").write_text(SOURCE.format(base=web.url), "utf-8")
    return tmp_path


def mowa(*args, cwd, **env):
    clean = {
        key: value
        for key, value in os.environ.items()
        if "proxy" not in key.lower() and key != "MOWA_CONTACT"
    }
    return subprocess.run(
        [sys.executable, "-m", "mowa", *args],
        cwd=cwd, capture_output=True, text=True, check=False, env={**clean, **env},
    )  # fmt: skip


CONTACT = ("--contact", "tester@example.org")


def test_a_source_is_fetched_and_a_second_run_says_unchanged(project):
    done = mowa("fetch", "proba", *CONTACT, cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "data/proba: 2 fetched, 0 unchanged" in done.stdout
    assert (project / "data" / "proba" / "b.txt").read_text() == "dane i dane"
    again = mowa("fetch", "proba", cwd=project, MOWA_CONTACT="https://example.org/o-nas")
    assert "0 fetched, 2 unchanged" in again.stdout


def test_a_dry_run_says_what_would_come_and_fetches_nothing(project, web):
    done = mowa("fetch", "proba", "--dry-run", *CONTACT, cwd=project)
    assert done.returncode == 0, done.stderr
    assert "a.txt" in done.stdout
    assert "2 files; 4 B in the 1 whose size is known" in done.stdout
    assert not (project / "data").exists()
    assert web.paths() == []


def test_a_failure_is_exit_code_1_without_a_traceback(project, web):
    del web.answers["/b.txt"]
    done = mowa("fetch", "proba", *CONTACT, cwd=project)
    assert done.returncode == 1
    assert "has no such file (status 404)" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nie-ma", *CONTACT), "there is no source"),
        (("proba",), "servers want to know"),
        (("proba", "--contact", "ja"), "administrator"),
        (("proba", *CONTACT, "--set", "x"), "is not KEY=VALUE"),
        (("proba", *CONTACT, "--set", "x=1"), "no value 'x' to set"),
        (("dziennik-ustaw", *CONTACT), "does not say how it is fetched"),
        (("europeana", *CONTACT), "EUROPEANA_KEY is not set"),
    ],
)
def test_a_mistake_is_exit_code_2_with_the_way_out(project, args, said):
    done = mowa("fetch", *args, cwd=project)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_of_mowa_is_registered_when_it_is_fetched(project, web):
    web.answers["/three/sorted/pol_Latn.map"] = f"{web.url}three/sorted/x/1.jsonl.zst\n".encode()
    web.answers["/three/sorted/x/1.jsonl.zst"] = b"zst"
    done = mowa("fetch", "hplt", "--base-url", web.url, *CONTACT, cwd=project)
    assert done.returncode == 0, done.stderr
    text = (project / "sources" / "hplt.toml").read_text("utf-8")
    assert "collected_at = 20" in text
    assert (project / "data" / "hplt" / "three" / "sorted" / "x" / "1.jsonl.zst").exists()


def test_the_register_is_listed_and_one_source_shown(project):
    listed = mowa("sources", cwd=project)
    assert listed.returncode == 0, listed.stderr
    lines = {line.split()[0]: line for line in listed.stdout.splitlines() if line}
    assert "this project" in lines["proba"]
    assert "files" in lines["proba"]
    assert "szl" in lines["wikipedia-szl"]
    shown = mowa("sources", "show", "common-crawl", cwd=project)
    assert shown.returncode == 0, shown.stderr
    assert "crawl = CC-MAIN" in shown.stdout
    assert "tdm_art26_3" in shown.stdout
    assert mowa("sources", "show", "nie-ma", cwd=project).returncode == 2


def test_sources_and_dry_runs_need_no_heavy_package(project):
    code = (
        "import sys\nfrom mowa.cli import main\nsys.argv = ['mowa', 'sources']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'httpx', 'polars', 'pyarrow'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
