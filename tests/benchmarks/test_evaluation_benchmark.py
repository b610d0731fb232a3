"""The benchmark of evaluation runs at toy size and writes its record."""

import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_kind_of_request_is_asked_at_toy_size(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from evaluation import main

    main(["--smoke", "--json", str(tmp_path / "record.json")])
    results = json.loads((tmp_path / "record.json").read_text("utf-8"))["results"]
    assert [row["what"] for row in results] == ["choice-1024", "pairs", "texts", "near"]
    for row in results:
        assert row["ours"] > 0
        assert row["peer"] is None
    assert "choice-1024" in capsys.readouterr().out


def test_likelihoods_that_differ_are_no_measurement(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from evaluation import _beside

    assert _beside([-1.0, -2.0], [-1.0, -2.0005]) == {"largest difference": pytest.approx(0.0005)}
    assert _beside(["a", "b"], ["a", "c"]) == {"texts alike": 0.5}
    with pytest.raises(SystemExit, match="compares nothing"):
        _beside([-1.0], [-1.1])
