"""The Python of docs/catalogue.md runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_the_page_run(world, number, capsys):
    sentence = "Dnia {} maja zebrała się rada gminy i nie doszła do zgody w sprawie drogi. "
    records = [{"text": sentence.format(n) * 30, "id": f"a{n}"} for n in range(20)]
    world.pack = world.pack.model_copy(update={"thresholds": {}})
    world.jsonl("a/a.jsonl", records)
    corpus = world.whole([world.inventory("a", "a", name="a", licence="CC0-1.0")], held_out=0.2)
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[number]
    assert "workspace/quickstart/corpus" in example
    exec(example.replace("workspace/quickstart/corpus", str(corpus.path)), {})  # noqa: S102
    assert "CC0-1.0" in capsys.readouterr().out or number
