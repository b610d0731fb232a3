"""Items of a task are found in the dialogues that a model was fine-tuned on."""

import json
import shutil

import pytest

from mowa.evaluation._results import find_results, read_result
from mowa.evaluation.contamination import corpora_of
from mowa.recipe import Recipe, run
from mowa.workspace import Workspace
from tests.evaluation.made_tasks import CHOICE, write_jsonl

QUESTION = "Który król Polski przeniósł stolicę z Krakowa nad Wisłę w roku tysiąc pięćset?"
ANSWER = "Zygmunt Waza, po pożarze zamku na Wawelu"

RECIPE = """
name = "chat"

[steps.set]
does = "inventory"
source = "texts"
path = "set"

[steps.all]
does = "dialogues"
reads = "set"
origin = "human"
near_duplicates = false

[steps.base]
does = "pretrain"
reads = ["tiny/tokens", "tiny/tokenizer"]
sequence_length = 256
global_batch_size = 256
steps = 1
learning_rate = 1e-3
precision = "fp32"
threads = 1
architecture = {{ hidden_size = 16, layers = 1, heads = 2, context = 256 }}

[steps.model]
does = "finetune"
reads = ["base", "all"]
sequence_length = 256
global_batch_size = 256
steps = 1
precision = "fp32"
device = "cpu"
threads = 1
held_out = 0

[steps.asked]
does = "evaluate"
reads = ["model", "all"]
tasks = ["{tasks}"]
floors = []
"""


@pytest.fixture(scope="module")
def tuned(built, tmp_path_factory):
    """A model fine-tuned on twenty dialogues, one of which has an item of the task."""
    folder = tmp_path_factory.mktemp("tuned") / "project"
    shutil.copytree(built, folder)
    rows = [{"instruction": f"{n} i {n}?", "input": "", "output": f"{2 * n}"} for n in range(20)]
    rows.append({"instruction": f"Odpowiedz krótko.\n\n{QUESTION}", "input": "", "output": ANSWER})
    (folder / "data/set").mkdir()
    write_jsonl(folder / "data/set/set.jsonl", rows)
    task = folder / "tasks/wybor"
    task.mkdir(parents=True)
    (task / "task.toml").write_text(CHOICE.format(name="wybor"), "utf-8")
    other = "Ile lat miała najstarsza z sióstr, kiedy ich brat wrócił nareszcie do domu z wojny?"
    asked = [
        {"id": id_, "topic": "x", "question": text, "choices": ["tak", "nie"], "answer": 0}
        for id_, text in (("planted", QUESTION), ("clean", other))
    ]
    write_jsonl(task / "test.jsonl", asked)
    write_jsonl(task / "train.jsonl", [{**asked[1], "id": "shot", "question": "7?"}])
    (folder / "recipes/chat.toml").write_text(RECIPE.format(tasks=task), "utf-8")
    run(Recipe.load(folder / "recipes/chat.toml"), folder / "workspace", workers=1)
    return folder


def test_a_planted_item_is_found_through_the_lineage_of_a_finetuned_model(tuned, mowa, tmp_path):
    result = mowa(
        "eval", "chat/model", "-w", tuned / "workspace", "--tasks", tuned / "tasks/wybor",
        "--out", tmp_path / "results", "--device", "cpu", "--against", "lineage",
    )  # fmt: skip
    assert result.code == 0, result.err
    (folder,) = find_results([tmp_path / "results"])
    found = read_result(folder)["contamination"]
    named = {one["name"]: (one["kind"], one["hits"]) for one in found["corpora"]}
    assert named == {"chat/all@dev": ("dialogues", 1), "tiny/corpus@dev": ("corpus", 0)}
    assert (found["hits"], found["items"]) == (1, 2)


def test_the_step_looks_in_the_dialogues_it_reads_and_its_report_names_them(tuned):
    asked = Workspace.open(tuned / "workspace").get("chat/asked")
    (folder,) = find_results([asked.path])
    assert read_result(folder)["contamination"]["hits"] == 1
    assert "found in chat/all@dev: 1" in (asked.path / "report.html").read_text("utf-8")


def test_dialogues_that_others_were_chosen_from_are_not_what_a_model_has_read(tuned):
    workspace = Workspace.open(tuned / "workspace")
    record = workspace.get("chat/set").path / "artifact.json"
    before = record.read_text("utf-8")
    record.write_text(json.dumps(json.loads(before) | {"kind": "dialogues"}), "utf-8")
    try:
        found = corpora_of(workspace, workspace.get("chat/model")).found
    finally:
        record.write_text(before, "utf-8")
    assert {one.id for one in found} == {"chat/all@dev", "tiny/corpus@dev"}


def test_dialogues_that_are_gone_are_named_for_nothing_can_be_found_in_them(tuned, mowa, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(tuned, folder)
    shutil.rmtree(Workspace.open(folder / "workspace").get("chat/all").path)
    result = mowa(
        "eval", "chat/model", "-w", folder / "workspace", "--tasks", folder / "tasks/wybor",
        "--out", tmp_path / "results", "--device", "cpu", "--against", "lineage",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert "chat/all@dev (dialogues) is gone" in " ".join(result.err.split())
