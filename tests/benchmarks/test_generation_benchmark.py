"""The benchmark of generation runs at toy size, and both write the same."""

import json
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_both_write_the_same_texts_at_toy_size(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from generation import main

    main(["--smoke", "--json", str(tmp_path / "record.json")])
    results = json.loads((tmp_path / "record.json").read_text("utf-8"))["results"]
    assert [row["what"] for row in results] == ["one-16-64", "16-unequal", "stream", "turns"]
    for row in results:
        assert row["ratio"] == row["ours"] / row["peer_value"] > 0
        assert row["texts alike"] == 1.0, row["what"]
    assert "one-16-64" in capsys.readouterr().out
