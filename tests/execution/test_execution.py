import io
import os
import time

import pytest
import ray_units
from rich.console import Console

from mowa.errors import DataError, MowaError, UsageError
from mowa.execution import BarProgress, Ledger, PlainProgress, best_progress
from mowa.execution._local import LocalPool


def test_a_ledger_cut_short_forgets_only_its_last_line(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.add("00000", {"files": ["a.txt"], "n": 1}, tmp_path)
    ledger.add("00001", {"n": 2}, tmp_path)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = Ledger(path)
        assert again.has("00000", tmp_path) == (cut >= first)
        assert not again.has("00001", tmp_path)
        again.add("00001", {"n": 2}, tmp_path)
        assert Ledger(path).result("00001") == {"n": 2}
        assert Ledger(path).has("00000", tmp_path) == (cut >= first)


def test_a_unit_whose_file_is_gone_or_cut_is_not_finished(tmp_path):
    (tmp_path / "a.txt").write_text("abc")
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.add("0", {"files": ["a.txt"]}, tmp_path)
    assert ledger.has("0", tmp_path)
    (tmp_path / "a.txt").write_text("ab")
    assert not ledger.has("0", tmp_path)
    (tmp_path / "a.txt").unlink()
    assert not ledger.has("0", tmp_path)


def test_plain_progress_speaks_only_now_and_then(monkeypatch):
    text = io.StringIO()
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = PlainProgress(Console(file=text))
    with progress.task("reading", total=100, done=10) as advance:
        advance(1)
        now[0] = 20.0
        advance(9)
    assert text.getvalue() == "reading: 20 of 100, 160 s left\n"


def test_a_bar_is_drawn_on_a_terminal():
    text = io.StringIO()
    progress = best_progress(Console(file=text, force_terminal=True))
    assert isinstance(progress, BarProgress)
    with progress.task("reading", total=2) as advance:
        advance(2)
    progress.say("done")
    assert "reading" in text.getvalue()
    assert "done" in text.getvalue()
    assert isinstance(best_progress(Console(file=io.StringIO())), PlainProgress)


@pytest.mark.parametrize("kind", [MowaError, UsageError, DataError])
def test_errors_say_what_where_and_what_to_do_and_survive_a_worker(kind):
    import copy

    error = copy.copy(kind("co się stało", where="plik.txt", fix="popraw"))
    assert type(error) is kind
    assert str(error) == "plik.txt: co się stało\n  what to do: popraw"
    assert error.exit_code == (2 if kind is UsageError else 1)


def test_workers_are_kept_from_one_call_to_the_next_and_end_with_the_run(tmp_path):
    pool = LocalPool()
    units = {str(number): number for number in range(8)}
    pids = {result["pid"] for _, result in pool.run(ray_units.pid, units, tmp_path, workers=2)}
    again = {result["pid"] for _, result in pool.run(ray_units.pid, units, tmp_path, workers=2)}
    assert os.getpid() not in pids
    assert pids & again
    assert len(pids | again) <= 2
    pool.close()
    for _ in range(200):
        if not any(map(alive, pids | again)):
            break
        time.sleep(0.05)
    assert not any(map(alive, pids | again))


def test_a_pool_goes_on_after_a_unit_that_failed(tmp_path):
    pool = LocalPool()
    units = {str(number): number for number in range(8)}
    with pytest.raises(ZeroDivisionError):
        list(pool.run(ray_units.stumble, units, tmp_path, workers=2))
    assert len(list(pool.run(ray_units.pid, units, tmp_path, workers=2))) == 8
    pool.close()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("make", [PlainProgress, BarProgress])
def test_progress_shows_what_a_terminal_would_obey(make):
    text = io.StringIO()
    progress = make(Console(file=text, width=100))
    with progress.task("a\x1b[2Jb [red]", total=1) as advance:
        advance(1)
    progress.say("plik\x1b]0;x\x07.txt")
    assert "\x1b" not in text.getvalue()
    assert "plik␛]0;x␇.txt" in text.getvalue()
