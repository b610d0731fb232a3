import errno
import json
import os
import subprocess
import sys
import time

import pytest

from mowa.errors import DataError, MowaError, UsageError
from mowa.workspace import (
    Artifact,
    InputRef,
    Inputs,
    Workspace,
    digest,
    disk_error,
    is_locked,
    lineage,
    link_or_copy,
    locked,
    verify,
    writing,
)


def make(store, name, *, mark="f" * 32, version="dev", inputs=(), kind="thing", text="zażółć"):
    out = store.partial(name, version, mark) / "out"
    out.mkdir(parents=True)
    (out / "data.txt").write_text(text, "utf-8")
    made = Artifact(
        path=out, kind=kind, name=name, version=version, fingerprint=mark, revision=1, config={},
        runtime={}, inputs=tuple(inputs), code={"mowa": "0", "commit": ""}, created="2026-01-01",
        seconds=1.0, files=(), metrics={"n": 1},
    )  # fmt: skip
    return store.publish(made, {})


def test_an_artifact_is_published_found_and_verified(tmp_path):
    store = Workspace.open(tmp_path / "ws", create=True)
    made = make(store, "r/a")
    assert store.get("r/a") == store.get("r/a@dev") == store.get(str(made.path)) == made
    assert made.id == "r/a@dev"
    assert not list(verify(made))
    assert not list((tmp_path / "ws" / ".mowa" / "partial").glob("*/*"))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: (path / "data.txt").write_text("x"), ("data.txt", "changed")),
        (lambda path: (path / "data.txt").unlink(), ("data.txt", "missing")),
        (lambda path: (path / "more.txt").write_text("x"), ("more.txt", "unknown")),
        (lambda path: (path / "data.txt").write_text("zażółc", "utf-8"), ("data.txt", "changed")),
    ],
)
def test_verify_finds_what_is_not_as_it_was_made(tmp_path, spoil, fault):
    made = make(Workspace.open(tmp_path, create=True), "r/a")
    spoil(made.path)
    assert [(found.path, found.what) for found in verify(made)] == [fault]


def test_a_new_build_keeps_the_old_one_aside(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    make(store, "r/a", mark="1" * 32, text="old")
    make(store, "r/a", mark="2" * 32, text="new")
    assert (store.get("r/a").path / "data.txt").read_text() == "new"
    assert [item.fingerprint for item in store.superseded()] == ["1" * 32]
    assert store.can_recover("r/a", "dev", "1" * 32)
    assert store.recover("r/a", "dev", "1" * 32) == store.get("r/a")
    assert (store.get("r/a").path / "data.txt").read_text() == "old"


def test_lineage_goes_up_and_down_and_says_what_is_gone(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    a = make(store, "r/a", mark="1" * 32)
    b = make(store, "r/b", mark="2" * 32, inputs=[InputRef("r/a", "dev", "1" * 32, "thing")])
    c = make(
        store, "r/c", mark="3" * 32,
        inputs=[
            InputRef("r/b", "dev", "2" * 32, "thing"),
            InputRef("r/x", "dev", "9" * 32, "thing"),
        ],
    )  # fmt: skip
    up = lineage(store, c)
    assert [node.reference.name for node in up.walk()] == ["r/c", "r/b", "r/x", "r/a"]
    assert up.children[1].artifact is None
    assert up.to_dict()["children"][1]["present"] is False
    down = lineage(store, a, "down")
    assert [node.reference.name for node in down.walk()] == ["r/a", "r/b", "r/c"]
    assert b.id == "r/b@dev"


def test_references_that_lead_nowhere_name_the_nearest(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    with pytest.raises(UsageError, match="run a recipe first"):
        store.get("r/a")
    make(store, "r/corpus")
    with pytest.raises(UsageError, match="did you mean r/corpus@dev"):
        store.get("r/corpse")


def test_a_promoted_version_is_found_without_its_number(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    make(store, "r/a", version="1.0")
    assert store.get("r/a").version == "1.0"


def test_workspaces_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no workspace here"):
        Workspace.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="a file, not a folder"):
        Workspace.open(tmp_path / "file", create=True)
    store = Workspace.open(tmp_path / "ws", create=True)
    record = store.root / ".mowa" / "workspace.json"
    record.write_text('{"format": 99}')
    with pytest.raises(UsageError, match="format 99"):
        Workspace.open(store.root)
    record.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        Workspace.open(store.root)


def test_a_damaged_record_and_a_strange_folder_are_named(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    made = make(store, "r/a")
    (made.path / "artifact.json").write_text('{"kind": 1')
    with pytest.raises(DataError, match="not a readable artifact record"):
        store.get("r/a")
    with pytest.raises(DataError, match="there is no artifact here"):
        Artifact.load(tmp_path)
    (tmp_path / "r" / "b@dev").mkdir()
    with pytest.raises(DataError, match="stands where r/b@dev should go"):
        make(store, "r/b")


def test_inputs_are_asked_for_by_kind(tmp_path):
    store = Workspace.open(tmp_path, create=True)
    a = make(store, "r/a", kind="tokens")
    inputs = Inputs((a,))
    assert inputs.one("tokens") is a
    assert inputs.all("corpus") == []
    with pytest.raises(UsageError, match="expected one input of kind corpus, found none"):
        inputs.one("corpus")


def test_a_second_maker_is_told_who_holds_the_lock(tmp_path):
    path = tmp_path / "locks" / "a@dev.lock"
    said = []
    with locked(path, wait=False):
        assert is_locked(path)
        with (
            pytest.raises(MowaError, match=rf"process {os.getpid()} on .* since 20"),
            locked(path, wait=False),
        ):
            pass
    assert not is_locked(path)
    assert not is_locked(tmp_path / "none")
    with locked(path, wait=False, say=said.append):
        assert said == []


def test_a_lock_left_by_a_killed_process_is_taken_over(tmp_path):
    path = tmp_path / "a@dev.lock"
    code = (
        "import sys, time; from pathlib import Path; from mowa.workspace import locked\n"
        "with locked(Path(sys.argv[1]), wait=False): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    assert is_locked(path)
    holder.kill()
    holder.wait()
    said = []
    with locked(path, wait=False, say=said.append):
        pass
    assert f"process {holder.pid}" in said[0]
    assert "ended early" in said[0]


def test_a_waiting_maker_goes_on_when_the_lock_is_free(tmp_path):
    path = tmp_path / "a@dev.lock"
    code = (
        "import sys, time; from pathlib import Path; from mowa.workspace import locked\n"
        "with locked(Path(sys.argv[1]), wait=False): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    said = []

    def say(line):
        said.append(line)
        holder.stdin.close()

    with locked(path, wait=True, say=say):
        assert "waiting for a@dev" in said[0]
    assert holder.wait() == 0


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fill():
        with writing(path) as partial:
            partial.write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MowaError, match=r"the disk is full[\s\S]*mowa gc"):
        fill()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
    other = OSError(errno.EIO, "io")
    assert disk_error(other, path) is other


def test_links_replace_and_fall_back_to_copies(tmp_path, monkeypatch):
    from pathlib import Path

    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").stat().st_ino == (tmp_path / "a").stat().st_ino

    def refuse(self, target):
        raise OSError(errno.EXDEV, "other device")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "c" / "d")
    assert (tmp_path / "c" / "d").read_text() == "a"
    assert digest(tmp_path / "c" / "d") == digest(tmp_path / "a")


def test_the_record_holds_what_the_design_promises(tmp_path):
    made = make(Workspace.open(tmp_path, create=True), "r/a")
    record = json.loads((made.path / "artifact.json").read_text())
    assert set(record) == {
        "kind", "name", "version", "fingerprint", "revision", "config", "runtime", "inputs", "code",
        "created", "seconds", "files", "metrics", "rights",
    }  # fmt: skip
    assert record["files"] == [
        {"path": "data.txt", "bytes": 10, "blake2b": digest(made.path / "data.txt")}
    ]
    assert time.strptime(record["created"], "%Y-%m-%d")
