"""Models of one beginning are merged tensor by tensor, and others are refused."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from mowa.errors import DataError, UsageError
from mowa.execution import Context, Ledger, PlainProgress
from mowa.languages import LanguagePack
from mowa.model import MergeModelsConfig, build, load_model
from mowa.model import _merge as merging
from mowa.model._merge import run
from mowa.recipe import STEPS, Recipe, Step
from mowa.recipe import run as run_recipe
from mowa.workspace import Artifact, Inputs
from tests.model.adapters import FACTS, SHAPE, base
from tests.road.little_world import SOURCE


def write_model(folder, seed, *, shape=SHAPE, dtype=torch.float32, shard="1GB"):
    """A model with a tokenizer of as many words as it has."""
    build(shape, FACTS, seed).to(dtype).save_pretrained(folder, max_shard_size=shard)
    vocabulary = {f"t{number}": number for number in range(3, FACTS.vocab_size)}
    special = [{"content": f"<{number}>", "id": number} for number in range(3)]
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": vocabulary}, "added_tokens": special})
    )
    names = {"bos_token": "<0>", "eos_token": "<1>", "pad_token": "<2>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "chat_template.jinja").write_text(f"template {seed}")
    (folder / "metrics.jsonl").write_text("beside it")
    return folder


def artifact(folder):
    return Artifact(
        folder, "model", f"mine/{folder.name}", "dev", "f" * 32, 1, {}, {}, (), {}, "", 0.0, (), {}
    )


def merge(out, *folders, weights=None):
    context = Context(
        language=LanguagePack.model_construct(), data=out, sources=out, workers=1,
        ledger=Ledger(out.parent / f"{out.name}.ledger"), progress=PlainProgress(),
    )  # fmt: skip
    out.mkdir(exist_ok=True)
    inputs = Inputs(tuple(map(artifact, folders)))
    return run(MergeModelsConfig(weights=weights), inputs, out, context)


@pytest.fixture
def two(tmp_path):
    return write_model(tmp_path / "a", 1), write_model(tmp_path / "b", 2, shard="9kB")


def tensors(folder):
    return {k: v for path in folder.glob("*.safetensors") for k, v in load_file(path).items()}


def rounded_once(values, weights):
    """The weighted mean, computed with fractions."""
    total = sum(Fraction(w) for w in weights)
    exact = sum(Fraction(w) * Fraction(v) for w, v in zip(weights, values, strict=True)) / total
    return float(exact)


@pytest.mark.parametrize("weights", [None, [3.0, 1.0]])
def test_the_result_is_the_weighted_mean_and_a_model_that_loads(two, tmp_path, weights):
    metrics = merge(tmp_path / "out", *two, weights=weights)
    one, other, found = map(tensors, (*two, tmp_path / "out"))
    of = weights or [1.0, 1.0]
    assert list(found) == list(one)
    for name, value in found.items():
        exact = (of[0] * one[name].double() + of[1] * other[name].double()) / sum(of)
        torch.testing.assert_close(value, exact.float(), atol=0, rtol=1e-7)
    place = ("model.norm.weight", "model.layers.1.mlp.up_proj.weight")[1]
    values = [each[place][3, 5].item() for each in (one, other)]
    assert found[place][3, 5].item() == pytest.approx(rounded_once(values, of), rel=1e-7)
    model = load_model(tmp_path / "out")
    assert sum(p.numel() for p in model.parameters()) == metrics["parameters"]
    assert metrics["weights"] == [w / sum(of) for w in of]
    assert metrics["models"] == ["mine/a@dev", "mine/b@dev"]
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == "template 1"
    assert not (tmp_path / "out" / "metrics.jsonl").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_model_merged_with_itself_is_itself_to_the_byte(tmp_path, dtype):
    folder = write_model(tmp_path / "a", 1, dtype=dtype, shard="9kB")
    merge(tmp_path / "out", folder, folder, folder, weights=[1.0, 5.0, 0.3])
    files = sorted(path.name for path in folder.glob("*.safetensors*"))
    assert len(files) > 2
    for name in files:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


def test_the_first_model_decides_files_and_precision(tmp_path):
    half = write_model(tmp_path / "a", 1, dtype=torch.bfloat16, shard="9kB")
    whole = write_model(tmp_path / "b", 2)
    merge(tmp_path / "out", half, whole)
    found = tensors(tmp_path / "out")
    one, other = tensors(half), tensors(whole)
    for name, value in found.items():
        assert torch.equal(value, ((one[name].double() + other[name].double()) / 2).bfloat16())
    names = {path.name for path in (tmp_path / "out").glob("*.safetensors*")}
    assert names == {path.name for path in half.glob("*.safetensors*")}
    load_model(tmp_path / "out")


def test_parts_of_tensors_change_nothing(two, tmp_path, monkeypatch):
    merge(tmp_path / "whole", *two)
    monkeypatch.setattr(merging, "_AT_ONCE", 50)
    for name, part in (("parts", two), ("again", two)):
        merge(tmp_path / name, *part)
        written = (tmp_path / name / "model.safetensors").read_bytes()
        assert written == (tmp_path / "whole" / "model.safetensors").read_bytes()


def test_scalars_and_whole_numbers_are_merged_where_they_are_alike(tmp_path):
    folders = []
    for name, scale in (("a", 1.0), ("b", 3.0)):
        folder = write_model(tmp_path / name, 1)
        held = load_file(folder / "model.safetensors")
        held |= {"scale": torch.tensor(scale), "steps": torch.tensor([3, 4])}
        save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
        folders.append(folder)
    merge(tmp_path / "out", *folders)
    found = tensors(tmp_path / "out")
    assert found["scale"].item() == 2.0
    assert found["steps"].tolist() == [3, 4]
    held["steps"] = torch.tensor([3, 5])
    save_file(held, folders[1] / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match="steps holds whole numbers that differ"):
        merge(tmp_path / "other", *folders)


KILLED = """
import os, sys
from pathlib import Path
from mowa.model import _merge
from tests.model.test_merge import merge
left = [int(sys.argv[4])]
mean = _merge._mean
def counted(*given):
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
    return mean(*given)
_merge._mean = counted
merge(*map(Path, sys.argv[1:4]))
"""


def test_a_killed_merge_goes_on_and_writes_the_same_bytes(tmp_path):
    folders = [
        write_model(tmp_path / name, seed, shard="9kB")
        for name, seed in zip("ab", (1, 2), strict=True)
    ]
    merge(tmp_path / "whole", *folders)
    out = tmp_path / "out"
    subprocess.run([sys.executable, "-c", KILLED, out, *folders, "14"], check=False, env=os.environ)
    begun = {path.name: path.stat().st_mtime_ns for path in out.glob("model-*.safetensors")}
    parts = sorted(path.name for path in (tmp_path / "whole").glob("model-*.safetensors"))
    assert 0 < len(begun) < len(parts)
    merge(out, *folders)
    for name in parts:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert all((out / name).stat().st_mtime_ns == when for name, when in begun.items())


# --- what does not belong together


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_models_of_another_shape_are_refused_with_the_key(two, tmp_path):
    wide = write_model(tmp_path / "c", 1, shape=SHAPE.model_copy(update={"ffn_size": 32}))
    with pytest.raises(DataError, match="intermediate_size is 24 in mine/a@dev and 32 here"):
        merge(tmp_path / "out", two[0], wide)
    assert not any((tmp_path / "out").iterdir())
    edit(wide / "config.json", lambda c: c.update(intermediate_size=24))
    with pytest.raises(DataError, match=r"\((32, 16|16, 32)\), and \((24, 16|16, 24)\) in mine/a"):
        merge(tmp_path / "out", two[0], wide)


def test_what_config_says_of_its_writer_does_not_part_models(two, tmp_path):
    edit(two[1] / "config.json", lambda c: c.update(transformers_version="9", dtype="bfloat16"))
    merge(tmp_path / "out", *two)
    assert (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["model"]["vocab"].update(t3=4, t4=3),
        lambda t: t.update(normalizer={"type": "NFC"}),
        lambda t: t["added_tokens"].append({"content": "<x>", "id": 60}),
    ],
)
def test_models_of_another_tokenizer_are_refused(two, tmp_path, change):
    edit(two[1] / "tokenizer.json", change)
    with pytest.raises(DataError, match="this is not the tokenizer of mine/a@dev") as caught:
        merge(tmp_path / "out", *two)
    assert caught.value.where == str(two[1] / "tokenizer.json")


def test_a_tensor_that_one_model_lacks_is_named(two, tmp_path):
    held = load_file(two[0] / "model.safetensors")
    held.pop("model.norm.weight")
    save_file(held, two[0] / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"no tensor model\.norm\.weight") as caught:
        merge(tmp_path / "out", *two)
    assert caught.value.where == "mine/a@dev"


@pytest.mark.parametrize("cut", [20, 2000])
def test_weights_that_are_damaged_are_named(two, tmp_path, cut):
    path = two[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="cannot be read") as caught:
        merge(tmp_path / "out", *two)
    assert caught.value.where == str(path)


def test_a_model_without_weights_or_settings_is_refused(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "c")
    (tmp_path / "c" / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights in safetensors"):
        merge(tmp_path / "out", two[0], tmp_path / "c")
    (tmp_path / "c" / "config.json").unlink()
    with pytest.raises(DataError, match=r"config\.json"):
        merge(tmp_path / "out", two[0], tmp_path / "c")


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")], [0.0, 1.0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises((ValidationError, ValueError)):
        MergeModelsConfig(weights=weights).check_reads(["model", "model"])


def test_merging_one_model_is_refused():
    with pytest.raises(ValueError, match="two models or more"):
        MergeModelsConfig().check_reads(["model"])
    assert STEPS["merge-models"].config_class() is MergeModelsConfig


def test_the_mean_of_three_is_what_the_models_say_in_between(tmp_path):
    """Merging is linear: moving one of three models moves the result by a third of it."""
    folders = [write_model(tmp_path / name, 1) for name in "abc"]
    held = load_file(folders[2] / "model.safetensors")
    name = "model.layers.0.mlp.down_proj.weight"
    held[name] += 0.3
    save_file(held, folders[2] / "model.safetensors", metadata={"format": "pt"})
    merge(tmp_path / "out", *folders)
    moved = tensors(tmp_path / "out")[name] - dict(base(1).named_parameters())[name]
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1), atol=1e-6, rtol=0)


def test_a_recipe_merges_imported_models_and_their_licences_go_with_them(tmp_path):
    sources, steps = tmp_path / "sources", {}
    sources.mkdir()
    for seed, name in enumerate("ab"):
        (sources / f"{name}.toml").write_text(
            SOURCE.format(name=name).replace("CC0-1.0", ("CC0-1.0", "CC-BY-4.0")[seed])
        )
        write_model(tmp_path / "data" / name, seed)
        steps[f"{name}-files"] = Step(does="inventory", source=name, path=name)
        steps[name] = Step(does="import-model", reads=[f"{name}-files"])
    steps["merged"] = Step(does="merge-models", reads=["a", "b"], weights=[1.0, 3.0])
    recipe = Recipe(name="r", data=str(tmp_path / "data"), sources=str(sources), steps=steps)
    made = run_recipe(recipe, tmp_path / "workspace", workers=1)[-1].artifact
    assert (made.name, made.kind) == ("r/merged", "model")
    assert made.metrics["weights"] == [0.25, 0.75]
    assert sorted(made.rights["sources"]) == ["a", "b"]
    of = [tensors(tmp_path / "data" / name) for name in "ab"]
    for name, value in tensors(made.path).items():
        torch.testing.assert_close(value, 0.25 * of[0][name] + 0.75 * of[1][name])
    steps["merged"] = Step(does="merge-models", reads=["a"])
    with pytest.raises(UsageError, match="two models or more"):
        run_recipe(recipe.model_copy(update={"steps": steps}), tmp_path / "workspace", workers=1)
