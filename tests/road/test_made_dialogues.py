"""What `mowa instruct` made goes into a recipe as docs/making-instructions.md says."""

import re
import tomllib
from pathlib import Path

import pytest
from little_world import SOURCE

from mowa.errors import UsageError
from mowa.inference import Message
from mowa.instructions import Dialogue, Span, read_dialogues, to_row, write_dialogues
from mowa.recipe import Recipe, run
from mowa.workspace import write_text

PAGE = Path(__file__).parents[2] / "docs/making-instructions.md"

MADE = [
    Dialogue(
        f"made-{number}",
        (
            Message("user", f"Ile wiader wody mieści studnia numer {number}?"),
            Message("assistant", f"Studnia numer {number} mieści {number * 7} wiader."),
        ),
        origin="generated",
        licence="CC-BY-4.0",
        source="gazeta",
        author="Jan Młynarz",
        model="nauczyciel",
        language="pol",
        review=("none", "accepted", "corrected")[number % 3],
        documents=(Span(f"{number:032x}", 3, 90),),
        details='{"made":[{"step":"generate-dialogues"}]}',
    )
    for number in range(6)
]


@pytest.fixture
def made(tmp_path):
    """The project of who made dialogues with a command: its data folder, a register, a recipe."""
    write_dialogues(tmp_path / "data/made", MADE)
    for name in ("rejected.parquet", "statistics.json", "report.html", "made.answers.jsonl"):
        write_text(tmp_path / "data/made" / name, "{}")
    write_text(tmp_path / "sources/made.toml", SOURCE.format(name="made"))
    documented = next(
        block
        for block in re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "made/dialogues" in block
    )
    assert set(tomllib.loads(documented)["steps"]) == {"made", "taken"}
    head = f'name = "mine"\ndata = "{tmp_path}/data"\nsources = "{tmp_path}/sources"\n\n'
    write_text(tmp_path / "mine.toml", head + documented)
    return tmp_path


def test_the_documented_recipe_takes_every_row_whole(made):
    *_, taken = run(Recipe.load(made / "mine.toml"), made / "workspace", workers=1)
    assert taken.artifact.kind == "dialogues"
    assert taken.artifact.metrics["licences"] == {"CC-BY-4.0": len(MADE)}
    found = {one.id: to_row(one) for one in read_dialogues(taken.artifact.path)}
    assert found == {one.id: to_row(one) for one in MADE}


def test_the_whole_folder_is_refused_with_the_way_out(made):
    recipe = Recipe.load(made / "mine.toml", ['steps.made.path="made"'])
    with pytest.raises(UsageError, match="a set that Mowa made") as raised:
        run(recipe, made / "workspace", workers=1)
    assert "made/dialogues" in str(raised.value.fix)
