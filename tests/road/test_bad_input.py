"""What a person is told when something is wrong, and the exit code; nothing is corrupted."""

import gzip
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from little_world import page, text, warc_record

from mowa.workspace import Workspace, verify, write_text


@pytest.fixture
def told(project, mowa):
    """Run the recipe with changes; expects a failure and gives its message, one line a part."""

    def call(*settings, code, to="corpus"):
        options = [part for setting in settings for part in ("--set", setting)]
        result = mowa("run", "recipes/tiny.toml", "--to", to, "--workers", 1, *options)
        assert result.code == code, result.err
        assert "Traceback" not in result.err
        assert result.err.count("mowa: ") == 1
        for artifact in Workspace.open(project / "workspace", create=True).all():
            assert not list(verify(artifact))
        return result.err

    return call


def recipe_with(project, old, new):
    path = project / "recipes" / "tiny.toml"
    assert old in path.read_text("utf-8")
    write_text(path, path.read_text("utf-8").replace(old, new, 1))


def source_with(project, old, new):
    path = project / "sources" / "texts.toml"
    assert old in path.read_text("utf-8")
    write_text(path, path.read_text("utf-8").replace(old, new, 1))


def test_an_unknown_key(told):
    message = told("steps.corpus.held_uot=0.1", code=2)
    assert "recipes/tiny.toml: steps.corpus: held_uot: unknown key" in message
    assert "did you mean 'held_out'?" in message


def test_an_unknown_key_deep_inside(told):
    message = told("steps.base.architecture.layer=2", code=2, to="base")
    assert "steps.base: architecture.layer: unknown key" in message
    assert "did you mean 'layers'?" in message


def test_a_wrong_type(told):
    message = told("steps.corpus.held_out='much'", code=2)
    assert "steps.corpus: held_out: Input should be a valid number, got 'much'" in message


def test_a_shape_that_does_not_fit(told):
    message = told("steps.base.architecture.heads=3", code=2, to="base")
    assert "hidden_size 16 is not a multiple of heads 3" in message


def test_a_missing_path(told):
    message = told("data='/nowhere'", code=2)
    assert "/nowhere" in message
    assert "--set data=" in message


def test_an_empty_glob(told):
    message = told("steps.texts.include=['*.docx']", code=2)
    assert "*.docx" in message
    assert "texts" in message


def test_a_circle_and_a_dangling_step(told, project):
    recipe_with(project, 'reads = "corpus"', 'reads = "tokens"')
    assert "in a circle: tokenizer -> tokens -> tokenizer" in told(code=2)
    recipe_with(project, 'reads = "tokens"', 'reads = "corpsu"')
    message = told(code=2)
    assert "steps.tokenizer: reads 'corpsu', which is not a step" in message
    assert "did you mean 'corpus'?" in message


def test_a_step_of_the_wrong_kind(told, project):
    recipe_with(project, 'reads = "corpus"', 'reads = "texts"')
    message = told(code=2, to="tokenizer")
    assert "reads tiny/texts@dev, which is of kind inventory" in message


def test_an_unknown_licence(told, project):
    source_with(project, "CC0-1.0", "CC-BY-SA-9.0")
    message = told(code=2)
    assert "texts.toml" in message
    assert "licence" in message
    assert "CC-BY-SA-4.0" in message


def test_a_source_that_is_not_in_the_register(told):
    message = told("steps.texts.source='text'", code=2)
    assert "text.toml" in message or "'text'" in message
    assert "texts" in message


def test_an_unknown_language(told):
    message = told("language='xyz'", code=2)
    assert "there is no language pack 'xyz'" in message
    assert "pol" in message


def test_a_file_of_an_unknown_kind(told, project):
    (project / "data" / "texts" / "letter.docx").write_bytes(b"PK")
    assert "letter.docx" in told(code=2)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv to become another user")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_unreadable_file_read_by_another_user(project):
    secret = project / "data" / "texts" / "t003.txt"
    secret.chmod(0)
    for path in [project, *project.rglob("*")]:
        if path != secret:
            os.chown(path, 65534, 65534)
    for parent in (path for path in project.parents if "pytest" in str(path)):
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    run = ["run", "recipes/tiny.toml", "--to", "corpus", "--workers", "1"]
    root = Path(__file__).parents[2]
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         sys.executable, "-m", "mowa", *run],
        cwd=project, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"], "HOME": str(project)},
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "t003.txt" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((project / "workspace").glob("tiny/*"))


def test_not_a_warc(told, project):
    (project / "data" / "web" / "pages.warc.gz").write_bytes(
        gzip.compress(b"hello\n" * 100, mtime=0)
    )
    message = told(code=1)
    assert "pages.warc.gz" in message
    assert "WARC" in message


def test_a_truncated_gzip_is_refused_or_read_up_to_the_break(told, project, mowa):
    path = project / "data" / "web" / "pages.warc.gz"
    path.write_bytes(path.read_bytes()[:-700])
    message = told(code=1)
    assert "pages.warc.gz" in message
    assert "#offset=" in message
    assert "Fetch the file again" in message or "fetch the file again" in message
    assert 'reader.bad_input="skip"' in message
    setting = 'steps.web-documents.reader.bad_input="skip"'
    result = mowa("run", "recipes/tiny.toml", "--to", "corpus", "--set", setting)
    assert result.code == 0, result.err
    documents = Workspace.open(project / "workspace").get("tiny/web-documents").metrics
    assert documents["skipped"]["truncated-gzip"] == 1
    assert documents["documents"] > 15


def test_invalid_utf_8(told, project, mowa):
    (project / "data" / "texts" / "cut.txt").write_bytes(text(77).encode() + "ż".encode()[:1])
    message = told(code=1)
    assert "cut.txt" in message
    assert "UTF-8" in message
    setting = 'steps.text-documents.reader.bad_input="skip"'
    assert mowa("run", "recipes/tiny.toml", "--to", "corpus", "--set", setting).code == 0
    documents = Workspace.open(project / "workspace").get("tiny/text-documents").metrics
    assert documents["skipped"] == {"invalid-utf-8": 1}


def test_polish_in_an_old_encoding_is_read_and_noted(project, mowa):
    (project / "data" / "texts" / "latin.txt").write_bytes(text(77).encode("iso-8859-2"))
    assert mowa("run", "recipes/tiny.toml", "--to", "corpus").code == 0
    documents = Workspace.open(project / "workspace").get("tiny/text-documents").metrics
    assert documents["notes"] == {"decoded-iso-8859-2": 1}


def test_a_very_long_line(told, project, mowa):
    """The line of a gigabyte is in the slow tests; a cap of 64 kB is passed in the same way."""
    line = b'{"id": "x", "text": "' + b"a" * 200_000 + b'"}\n'
    good = b'{"id": "y", "text": "' + text(4242).encode() + b'"}\n'
    (project / "data" / "texts" / "long.jsonl").write_bytes(line + good)
    cap = "steps.text-documents.reader.max_record_bytes=65536"
    message = told(cap, code=1)
    assert "long.jsonl" in message
    assert "line 1" in message or "#line=1" in message
    skip = 'steps.text-documents.reader.bad_input="skip"'
    result = mowa("run", "recipes/tiny.toml", "--to", "corpus", "--set", cap, "--set", skip)
    assert result.code == 0, result.err
    documents = Workspace.open(project / "workspace").get("tiny/text-documents").metrics
    assert documents["skipped"] == {"record-too-large": 1}
    assert documents["documents"] == 84


@pytest.mark.slow
def test_a_line_of_a_gigabyte_never_fills_the_memory(project):
    path = project / "data" / "texts" / "gigabyte.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"id": "x", "text": "')
        for _ in range(1024):
            file.write(b"a" * (1 << 20))
        file.write(b'"}\n{"id": "y", "text": "' + text(4242).encode() + b'"}\n')
    code = (
        "from pathlib import Path; from mowa.recipe import Recipe, run\n"
        "recipe = Recipe.load(Path('recipes/tiny.toml'),"
        " ['steps.text-documents.reader.bad_input=\"skip\"'])\n"
        "found = run(recipe, Path('workspace'), to='text-documents', workers=1)[-1].artifact\n"
        # Not `ru_maxrss`, which begins with what the process that starts this one holds.
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "[peak] = [line.split()[1] for line in lines if line.startswith('VmHWM')]\n"
        "print(found.metrics['skipped'], peak)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    skipped, _, kilobytes = result.stdout.strip().rpartition(" ")
    assert skipped == "{'record-too-large': 1}"
    assert int(kilobytes) < 600_000


def test_a_vocabulary_larger_than_the_text_supports(told):
    message = told("steps.tokenizer.vocab_size=50000", code=1, to="tokenizer")
    assert "tiny/tokenizer@dev" in message
    assert "not of 50000" in message.replace(",", "")
    assert "set vocab_size to" in message


def test_a_loss_that_is_no_longer_a_number(told, project):
    message = told("steps.base.learning_rate=1e30", "steps.base.grad_clip=1e30", code=1, to="base")
    assert "tiny/base@dev" in message
    assert "diverged" in message
    assert "lower learning_rate" in message
    assert not (project / "workspace" / "tiny" / "base@dev").exists()


def test_a_full_disk(project, tmp_path, mowa):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        failed = mowa("run", "recipes/tiny.toml", "-w", small / "ws", "--workers", 1)
        assert failed.code == 1, failed.err
        assert "the disk is full" in failed.err
        assert "free some space" in failed.err
        assert "Traceback" not in failed.err
        before = {item.id: item.created for item in Workspace.open(small / "ws").all()}
        assert before
        for artifact in Workspace.open(small / "ws").all():
            assert not list(verify(artifact))
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        done = mowa("run", "recipes/tiny.toml", "-w", small / "ws", "--workers", 1)
        assert done.code == 0, done.err
        assert f"{len(before)} of 10 steps were up to date" in done.out
        assert mowa("verify", "-w", small / "ws").code == 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_file_that_changes_while_the_run_goes_on(told, project, monkeypatch):
    from mowa.corpus import _documents

    real = _documents.run
    path = project / "data" / "texts" / "t001.txt"

    def change_and_run(*args):
        path.write_bytes(path.read_bytes().replace(b"numer 1", b"numer 7"))  # the same size
        return real(*args)

    monkeypatch.setattr(_documents, "run", change_and_run)
    message = told(code=1)
    assert "t001.txt" in message
    assert "run again" in message


def test_two_files_may_use_the_same_ids(project, mowa):
    """A record's key holds where it lies, so that two exports with ids from 1 do not clash."""
    line = '{"id": "n1", "text": "' + text(6001) + '"}\n'
    write_text(project / "data" / "texts" / "more.jsonl", line)
    assert mowa("run", "recipes/tiny.toml", "--to", "corpus", "--workers", 1).code == 0


def test_an_interrupted_command_says_how_to_go_on(project, mowa, monkeypatch):
    from mowa.corpus import _signals

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(_signals, "run", interrupt)
    result = mowa("run", "recipes/tiny.toml", "--to", "corpus", "--workers", 1)
    assert result.code == 130
    assert "run the same command to go on" in result.err


def test_a_defect_is_one_line_and_a_file(project, mowa, monkeypatch, tmp_path):
    import tempfile

    from mowa.corpus import _signals

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_signals, "run", lambda *_: 1 / 0)
    result = mowa("run", "recipes/tiny.toml", "--to", "corpus", "--workers", 1)
    assert result.code == 1
    assert "unexpected ZeroDivisionError" in result.err
    kept = next(tmp_path.glob("mowa-error-*.txt"))
    assert "Traceback" in kept.read_text()
    assert str(kept) in result.err


def test_commands_without_what_they_need(project, mowa):
    assert mowa("run", "nothing.toml").code == 2
    assert mowa("status").code == 2
    assert mowa("corpus", "why", "abcdef").code == 2
    assert mowa("generate", "tiny/base", "W").code == 2
    assert mowa("run").code == 2
    assert mowa("rnu").code == 2
    (project / "ws").touch()
    assert mowa("run", "recipes/tiny.toml", "-w", "ws").code == 2


def test_a_page_that_is_hostile_is_only_a_page(project, mowa):
    bomb = b"<html><body>" + b"<div>" * 200_000 + b"<p>x"
    path = project / "data" / "web" / "pages.warc.gz"
    records = [
        warc_record("response", "https://zle.example/1", bomb, 700),
        warc_record("response", "https://zle.example/2", b"\x00\xff" * 5000, 701),
        warc_record("response", "https://zle.example/3", page(text(5001)), 702),
    ]
    with path.open("ab") as file:
        for record in records:
            file.write(gzip.compress(record, mtime=0))
    result = mowa("run", "recipes/tiny.toml", "--to", "corpus", "--workers", 1)
    assert result.code == 0, result.err
