import json
import shutil
from pathlib import Path

import pytest
from test_light import mowa
from typer.testing import CliRunner

from mowa.cli import app
from mowa.cli._plan import parse_count
from mowa.errors import UsageError
from mowa.workspace import Workspace

RECIPES = Path(__file__).parents[2] / "recipes"


def plan(*args):
    return CliRunner().invoke(app, ["plan", *map(str, args)], catch_exceptions=False)


@pytest.fixture
def recipe(tmp_path):
    """The quickstart's recipe, in a folder without a workspace."""
    return shutil.copy(RECIPES / "quickstart.toml", tmp_path / "quickstart.toml")


def options(recipe):
    return [recipe, "--workspace", Path(recipe).parent / "workspace", "--gpus", "H100"]


def test_a_plan_for_gpus_needs_only_the_core(tmp_path, recipe):
    shown = mowa("plan", "quickstart.toml", "--gpus", "1xH100", "--json", "p.json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for text in ("parameters", "2,557,632", "Bielik 7B v0.1", "give --price", "10²³"):
        assert text in shown.stdout
    record = json.loads((tmp_path / "p.json").read_text())
    assert (record["step"], record["tokens"], record["updates"]) == (
        "quickstart/base",
        1_024_000,
        500,
    )
    refused = mowa("plan", "quickstart.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--gpus 8xH100" in refused.stderr


def test_a_price_makes_money_in_the_currency_that_is_named(recipe):
    shown = plan(*options(recipe), "--price", "12", "--currency", "PLN", "--mfu", "0.5")
    assert shown.exit_code == 0
    assert "12.00 PLN a device and hour" in shown.stdout
    assert "PUE 1.54" in shown.stdout


def test_epochs_take_the_tokens_that_are_built_or_said(recipe, tmp_path):
    counted = [*options(recipe), "--set", "steps.base.epochs=2.0"]
    text = Path(recipe).read_text().replace("\nsteps = 500\n", "\n")
    Path(recipe).write_text(text)
    with pytest.raises(UsageError, match="--tokens 60B"):
        plan(*counted)
    assert "8,192,000" in plan(*counted, "--tokens", "4_096_000").stdout

    folder = tmp_path / "workspace"
    store = Workspace.open(folder, create=True)
    made = folder / "quickstart" / "tokens@dev"
    made.mkdir(parents=True)
    (made / "tokens.json").write_text(json.dumps({"splits": {"train": {"tokens": 512_000}}}))
    (made / "artifact.json").write_text(json.dumps(artifact("tokens")))
    assert store.find("quickstart/tokens", "dev") is not None
    assert "1,024,000" in plan(*counted).stdout


def artifact(step):
    return {
        "kind": "tokens",
        "name": f"quickstart/{step}",
        "version": "dev",
        "fingerprint": "f" * 32,
        "revision": 1,
        "config": {},
        "runtime": {},
        "inputs": [],
        "code": {},
        "created": "",
        "seconds": 0.0,
        "files": [],
        "metrics": {},
        "rights": {},
    }


def test_what_does_not_fit_and_what_the_eu_counts_are_said(recipe):
    shown = plan(
        *options(recipe)[:-1], "64xH100",
        "--set", "steps.base.architecture.hidden_size=16384",
        "--set", "steps.base.architecture.layers=126",
        "--set", "steps.base.architecture.heads=128",
        "--set", "steps.base.global_batch_size=4194304",
        "--set", "steps.base.steps=100000",
    )  # fmt: skip
    assert "It does not fit" in shown.stdout
    assert "presumes a general-purpose model" in shown.stdout


def test_one_of_several_steps_is_named(recipe, tmp_path):
    text = Path(recipe).read_text()
    begin = text.index("[steps.base]")
    end = text.index("[steps.base.architecture]")
    second = text[begin:end].replace("steps.base", "steps.second") + (
        "architecture = { hidden_size = 64, layers = 2, heads = 4, context = 256 }\n"
    )
    Path(recipe).write_text(text + "\n" + second)
    with pytest.raises(UsageError, match="2 pretrain steps"):
        plan(*options(recipe))
    assert "quickstart/second" in plan(*options(recipe), "--step", "second").stdout
    with pytest.raises(UsageError, match="no pretrain step 'third'"):
        plan(*options(recipe), "--step", "third")


def test_mistakes_are_refused_with_what_to_do(recipe):
    with pytest.raises(UsageError, match="--sharding 'half'"):
        plan(*options(recipe), "--sharding", "half")
    with pytest.raises(UsageError, match="a probe measures this machine"):
        plan(*options(recipe), "--probe")
    text = Path(recipe).read_text()
    Path(recipe).write_text(text.replace("vocab_size = 4096", ""))
    with pytest.raises(UsageError, match="--vocabulary 32000"):
        plan(*options(recipe))
    assert plan(*options(recipe), "--vocabulary", "4096").exit_code == 0
    Path(recipe).write_text(text[: text.index("# 5.")])
    with pytest.raises(UsageError, match="no step that does 'pretrain'"):
        plan(*options(recipe))


@pytest.mark.parametrize(
    ("text", "count"),
    [("72.8B", 72_800_000_000), ("4M", 4_000_000), ("1_000", 1000), ("3e11", 3 * 10**11),
     ("60 t", 6 * 10**13), ("5,000", 5000)],
)  # fmt: skip
def test_counts_are_read_as_people_write_them(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "many", "-3", "3Q"])
def test_a_count_that_is_none_is_refused(text):
    with pytest.raises(UsageError):
        parse_count(text)


def test_a_probe_stands_beside_the_formula(recipe):
    folder = Path(recipe).parent
    shown = plan(
        recipe, "--workspace", folder / "workspace", "--probe", "--json", folder / "p.json",
        "--set", "steps.base.architecture.hidden_size=32",
        "--set", "steps.base.architecture.layers=1",
        "--set", "steps.base.architecture.heads=2",
        "--set", "steps.base.global_batch_size=256",
        "--set", "steps.base.threads=1",
        "--set", "steps.base.device='cpu'",
    )  # fmt: skip
    assert "by the probe" in shown.stdout
    record = json.loads((folder / "p.json").read_text())
    assert record["probed"] is True
    assert record["peak_bytes"] > record["memory_total"]


def test_a_step_that_goes_on_from_a_checkpoint_is_planned_for_what_is_left(recipe, tmp_path):
    folder = tmp_path / "workspace"
    Workspace.open(folder, create=True)
    made = folder / "quickstart" / "before@dev"
    checkpoint = made / "checkpoints" / "step-00000400"
    checkpoint.mkdir(parents=True)
    state = {"optimizer": "muon", "precision": "bf16"}
    (checkpoint / "state.json").write_text(json.dumps(state))
    record = artifact("before") | {"kind": "model"}
    (made / "artifact.json").write_text(json.dumps(record))
    settings = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    (made / "config.json").write_text(json.dumps(settings))
    text = Path(recipe).read_text()
    begin, end = text.index("[steps.base]"), text.index("[steps.base.architecture]")
    step = text[begin:end].replace("steps.base", "steps.longer")
    reads = next(line for line in step.splitlines() if line.startswith("reads"))
    step = step.replace(reads, 'reads = ["tokens", "tokenizer", "before"]\nstart = "checkpoint"')
    before = text[begin : text.index("\n[steps.", end + 1)].replace("steps.base", "steps.before")
    Path(recipe).write_text(f"{text}\n{before}\n{step}")
    shown = plan(*options(recipe), "--step", "longer")
    assert shown.exit_code == 0
    assert "204,800" in shown.stdout  # 100 of 500 updates
    assert "100" in next(line for line in shown.stdout.splitlines() if "updates" in line)
    assert "muon" in shown.stdout
