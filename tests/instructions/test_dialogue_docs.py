"""docs/dialogues.md and docs/finetuning.md name every key that there is, and no other."""

import re
from pathlib import Path

import pytest

from mowa.instructions import DialoguesConfig
from mowa.model import LoraConfig
from mowa.training import FinetuneConfig, PreferConfig, PretrainConfig
from mowa.workspace import runtime_of

DOCS = Path(__file__).parents[2] / "docs"


def keys_of(page):
    """Of the tables under "Every key": each key, and how the third column marks it."""
    section = (DOCS / page).read_text("utf-8").partition("\n## Every key\n")[2]
    found = {}
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[3] in ("i", "r"):
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[1]), cells[3])
    return found


def test_every_key_of_an_import_is_described():
    config = DialoguesConfig()
    marks = {name: "r" if name in runtime_of(config) else "i" for name in type(config).model_fields}
    assert keys_of("dialogues.md") == marks


@pytest.mark.parametrize("kind", [FinetuneConfig, PreferConfig])
def test_every_key_of_fine_tuning_is_described_that_is_not_pretrains(kind):
    own = set(kind.model_fields) - set(PretrainConfig.model_fields)
    described = set(keys_of("finetuning.md"))
    assert own | {"lora"} <= described
    assert described <= set(FinetuneConfig.model_fields) | set(PreferConfig.model_fields)


def test_the_page_of_adapters_has_every_key_of_theirs():
    text = (DOCS / "merging.md").read_text("utf-8")
    table = text.partition("\n| key | is |\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(LoraConfig.model_fields)
    (line,) = re.findall(
        r"^\| `lora` .*", (DOCS / "finetuning.md").read_text("utf-8"), re.MULTILINE
    )
    assert set(LoraConfig.model_fields) <= set(re.findall(r"`(\w+)`", line))
