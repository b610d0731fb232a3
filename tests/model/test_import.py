import hashlib
import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from mowa.errors import DataError, UsageError
from mowa.execution import Context, Ledger, PlainProgress
from mowa.languages import LanguagePack
from mowa.model import ArchitectureConfig, ImportModelConfig, TokenizerFacts, build, load_model
from mowa.model._import import run
from mowa.workspace import Artifact, Inputs

SHAPE = ArchitectureConfig(hidden_size=32, layers=2, heads=4, context=64)
PARAMETERS = 2 * (4 * 32 * 32 + 3 * 32 * 128 + 2 * 32) + 32 + 300 * 32


@pytest.fixture
def folder(tmp_path):
    """A model with a tokenizer, as it is downloaded: other files beside it."""
    folder = tmp_path / "data" / "some-model"
    build(SHAPE, TokenizerFacts(300, 0, 1, 2), 0).save_pretrained(folder, max_shard_size="60kB")
    vocabulary = {f"t{number}": number for number in range(300)}
    special = [{"content": name, "id": number} for number, name in enumerate(("<s>", "</s>"))]
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": vocabulary}, "added_tokens": special})
    )
    names = {"bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    (folder / "README.md").write_text("# a model")
    (folder / "original").mkdir()
    (folder / "original" / "consolidated.safetensors").write_bytes(b"not of the model")
    return folder


def imported(folder, out, *, leave_out=()):
    data = folder.parent
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "blake2b": hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in leave_out
    ]
    inventory = data.parent / "inventory"
    inventory.mkdir(exist_ok=True)
    (inventory / "inventory.json").write_text(json.dumps({"source": {}, "files": files}))
    artifact = Artifact(
        inventory, "inventory", "x/files", "dev", "f" * 32, 1, {}, {"path": folder.name}, (), {},
        "", 0.0, (), {},
    )  # fmt: skip
    context = Context(
        language=LanguagePack.model_construct(), data=data, sources=data, workers=1,
        ledger=Ledger(out / "ledger.jsonl"), progress=PlainProgress(),
    )  # fmt: skip
    out.mkdir(exist_ok=True)
    return run(ImportModelConfig(), Inputs((artifact,)), out, context)


def test_a_model_is_taken_with_its_tokenizer_and_nothing_that_runs(folder, tmp_path):
    metrics = imported(folder, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors.index.json"} <= names
    assert not names & {"modeling_evil.py", "README.md", "original", "consolidated.safetensors"}
    assert metrics["family"] == "llama"
    assert metrics["parameters"] == PARAMETERS
    assert metrics["files"] > 1
    one, two = load_model(tmp_path / "out"), AutoModelForCausalLM.from_pretrained(folder)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_the_copy_does_not_change_with_the_folder(folder, tmp_path):
    imported(folder, tmp_path / "out")
    before = (tmp_path / "out" / "config.json").read_bytes()
    with (folder / "config.json").open("a") as file:
        file.write(" ")
    assert (tmp_path / "out" / "config.json").read_bytes() == before


def test_a_part_that_is_not_there_is_named(folder, tmp_path):
    parts = sorted(path.name for path in folder.glob("*.safetensors"))
    with pytest.raises(DataError, match=f"1 parts of the weights are not there, {parts[1]} first"):
        imported(folder, tmp_path / "out", leave_out={parts[1]})


def test_weights_that_are_cut_short_are_named(folder, tmp_path):
    part = min(folder.glob("*.safetensors"))
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(DataError, match="these weights cannot be read") as caught:
        imported(folder, tmp_path / "out")
    assert part.name in str(caught.value)


@pytest.mark.parametrize("whole", [True, False])
def test_weights_that_lie_there_twice_are_taken_once(folder, tmp_path, whole):
    """Mistral's folders have their weights in another form too."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    if whole:
        model.save_pretrained(folder)
        (folder / "model.safetensors.index.json").write_text("{}")
    (folder / "consolidated.safetensors").write_bytes(min(folder.glob("m*.safe*")).read_bytes())
    metrics = imported(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "consolidated.safetensors").exists()
    assert metrics["parameters"] == PARAMETERS
    assert (metrics["files"] == 1) == whole
    load_model(tmp_path / "out")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", '{"model": 3}'])
def test_settings_that_are_broken_are_named(folder, tmp_path, name, text):
    (folder / name).write_text(text)
    with pytest.raises(DataError) as caught:
        imported(folder, tmp_path / "out")
    assert name in str(caught.value) or name.startswith("tokenizer")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantization_config": {"quant_method": "fp8"}}, "the weights are quantized"),
        ({"attn_implementation": "some/kernel"}, "would fetch code from elsewhere"),
        ({"_attn_implementation": "some/kernel"}, "would fetch code from elsewhere"),
        ({"transformers_weights": "../model.safetensors"}, "names other files"),
    ],
)
def test_settings_that_reach_beyond_the_folder_are_refused(folder, tmp_path, settings, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(DataError, match=message):
        imported(folder, tmp_path / "out")


@pytest.mark.parametrize(
    "settings", [{"quantization_config": {"quant_method": "fp8"}}, {"hidden_size": "x"}]
)
def test_settings_that_transformers_stumbles_over_are_an_error_of_ours(folder, settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(DataError, match="the model cannot be read"):
        load_model(folder)


def test_pickles_are_refused(folder, tmp_path):
    for path in folder.glob("*.safetensors"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match=r"only pytorch_model\.bin, which may run code"):
        imported(folder, tmp_path / "out")


def test_a_folder_without_a_model_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"no config\.json"):
        imported(folder, tmp_path / "out", leave_out={"config.json"})


def test_a_file_that_changed_since_the_inventory_is_refused(folder, tmp_path, monkeypatch):
    from mowa.model import _import

    real = _import._copy

    def changing(path, target):
        real(path, target)
        if path.name == "config.json":
            target.write_text(target.read_text() + " ")

    monkeypatch.setattr(_import, "_copy", changing)
    with pytest.raises(DataError, match="changed since the inventory"):
        imported(folder, tmp_path / "out")


def test_object_storage_is_refused(folder, tmp_path, monkeypatch):
    from mowa.model import _import

    monkeypatch.setattr(_import, "root_of", lambda *_: object())
    with pytest.raises(UsageError, match="read from a local folder"):
        imported(folder, tmp_path / "out")
