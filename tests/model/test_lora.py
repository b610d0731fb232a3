"""Adapters train alone, mean what they mean to `peft`, and merge into the model exactly."""

import copy
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from mowa.errors import DataError, UsageError
from mowa.model import LoraConfig, load_lora, lora_layers, merge_lora, save_lora, with_lora
from mowa.model._lora import base_fingerprint
from tests.inference.families import FAMILIES, family
from tests.model.adapters import GOLDEN, IDS, SHAPE, WEIGHT, base, logits, moved
from tests.peers import need

CONFIG = LoraConfig(rank=3, alpha=6.0)
LAYERS = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def adapted(config=CONFIG, seed=1):
    model = base()
    with_lora(model, config, seed)
    return model


def last_names(model):
    return sorted({name.rpartition(".")[2] for name in lora_layers(model)})


def test_untrained_adapters_change_nothing_and_only_they_are_trained():
    model = adapted()
    assert torch.equal(logits(model), logits(base()))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {f"{n}.{part}" for n in lora_layers(model) for part in ("lora_a", "lora_b")}
    assert last_names(model) == LAYERS
    assert len(lora_layers(model)) == SHAPE.layers * len(LAYERS)


def test_a_step_of_training_moves_the_adapters_and_nothing_else():
    model = adapted(LoraConfig(rank=2, dropout=0.5)).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    losses = []
    for _ in range(2):
        loss = model(IDS, labels=IDS).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    changed = {n for n, p in model.named_parameters() if not torch.equal(p.detach(), before[n])}
    assert changed == {name for name in before if "lora_" in name}
    assert len(set(losses)) == 2


def test_weights_keep_their_names_beside_adapters():
    names = set(base().state_dict())
    assert {name for name in adapted().state_dict() if "lora_" not in name} == names


def test_the_seed_decides_how_adapters_begin_and_torch_s_generator_stays_as_it_was():
    state = torch.get_rng_state()
    first, again, other = (adapted(seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    for name, layer in lora_layers(first).items():
        assert torch.equal(layer.lora_a, lora_layers(again)[name].lora_a)
        assert not torch.equal(layer.lora_a, lora_layers(other)[name].lora_a)
        bound = 1 / math.sqrt(layer.in_features)
        assert 0.5 * bound < layer.lora_a.abs().max() <= bound
        assert not layer.lora_b.any()


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        (["q_proj", "v_proj"], ["q_proj", "v_proj"]),
        (["self_attn.*"], ["k_proj", "o_proj", "q_proj", "v_proj"]),
        (["layers.1.mlp.*_proj"], ["down_proj", "gate_proj", "up_proj"]),
        ([WEIGHT.removesuffix(".weight")], ["q_proj"]),
    ],
)
def test_targets_are_names_of_layers_or_patterns_of_them(targets, found):
    model = adapted(LoraConfig(targets=targets))
    assert last_names(model) == found
    if "1" in targets[0]:
        assert all(".1." in name for name in lora_layers(model))


def test_a_target_that_is_no_layer_is_refused_with_those_that_are():
    with pytest.raises(UsageError, match="no linear layer is named like 'c_attn'") as caught:
        adapted(LoraConfig(targets=["q_proj", "c_attn"]))
    assert "q_proj, up_proj" in caught.value.fix


def test_an_adapter_of_an_output_layer_fits_no_model_whose_embeddings_it_is(tmp_path):
    config = base().config
    config.tie_word_embeddings = False
    untied = type(base())(config)
    with_lora(untied, LoraConfig(targets=["lm_head"]), 0)
    save_lora(untied, tmp_path, base="b")
    with pytest.raises(DataError, match="lm_head shares its weights with the input embeddings"):
        load_lora(base(), tmp_path)


def test_an_output_layer_that_is_the_embeddings_too_is_refused():
    with pytest.raises(UsageError, match="lm_head shares its weights"):
        adapted(LoraConfig(targets=["lm_head"]))
    untied = family("llama")
    with_lora(untied, LoraConfig(targets=["lm_head"]), 0)
    assert list(lora_layers(untied)) == ["lm_head"]


def test_adapters_upon_adapters_are_refused(tmp_path):
    model = adapted()
    save_lora(model, tmp_path, base="b")
    with pytest.raises(UsageError, match="adapters already"):
        with_lora(model, CONFIG, 0)
    with pytest.raises(UsageError, match="adapters already"):
        load_lora(model, tmp_path)


def test_a_model_without_adapters_has_none_to_merge_or_save(tmp_path):
    with pytest.raises(UsageError, match="no adapters to merge"):
        merge_lora(base())
    with pytest.raises(UsageError, match="no adapters to save"):
        save_lora(base(), tmp_path, base="b")


@pytest.mark.parametrize("change", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}, {"r": 8}])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ValidationError):
        LoraConfig(**change)


@settings(max_examples=10, deadline=None)
@given(rank=st.integers(1, 20), alpha=st.floats(0.1, 8), rslora=st.booleans())
def test_the_merged_model_says_what_the_model_with_adapters_says(rank, alpha, rslora):
    config = LoraConfig(rank=rank, alpha=alpha, rslora=rslora)
    model = moved(adapted(config))
    beside = logits(model)
    plain = dict(base().named_parameters())
    expected = {
        f"{name}.weight": plain[f"{name}.weight"] + config.scale * (layer.lora_b @ layer.lora_a)
        for name, layer in lora_layers(model).items()
    }
    merge_lora(model)
    assert not lora_layers(model)
    assert type(model.get_submodule(WEIGHT.removesuffix(".weight"))) is torch.nn.Linear
    assert list(model.state_dict()) == list(base().state_dict())
    assert all(p.requires_grad for p in model.parameters())
    for name, parameter in model.named_parameters():
        wanted = expected.get(name, plain[name])
        torch.testing.assert_close(parameter, wanted, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(logits(model), beside, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_adapters_fit_every_family(name, tmp_path):
    model = family(name)
    with_lora(model, LoraConfig(rank=2, alpha=1.0), 0)
    moved(model)
    save_lora(model, tmp_path, base=name)
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        beside = model(ids).logits
        again = family(name)
        load_lora(again, tmp_path)
        assert torch.equal(again(ids).logits, beside)
        merge_lora(again)
        torch.testing.assert_close(again(ids).logits, beside, atol=2e-3, rtol=1e-3)
    assert not torch.allclose(family(name)(ids).logits, beside, atol=0.1)


def test_a_model_in_half_precision_is_merged_in_float32_and_rounded_once():
    model = base().bfloat16()
    with_lora(model, CONFIG, 1)
    moved(model)
    layer = lora_layers(model)[WEIGHT.removesuffix(".weight")]
    assert layer.lora_a.dtype == torch.float32
    whole = layer.weight.float() + layer.scale * (layer.lora_b @ layer.lora_a)
    assert logits(model).dtype == torch.bfloat16
    merge_lora(model)
    assert torch.equal(dict(model.named_parameters())[WEIGHT], whole.bfloat16())


# --- files


def test_an_adapter_comes_back_as_it_was_saved_with_the_same_bytes_each_time(tmp_path):
    model = moved(adapted())
    for name in "ab":
        save_lora(model, tmp_path / name, base="mine/base@1.0")
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab"]
    assert files[0] == files[1]
    assert set(files[0]) == {"adapter_config.json", "adapter_model.safetensors"}
    again = base()
    load_lora(again, tmp_path / "a")
    assert torch.equal(logits(again), logits(model))
    written = json.loads(files[0]["adapter_config.json"])
    assert (written["r"], written["lora_alpha"], written["peft_type"]) == (3, 6, "LORA")
    assert written["base_model_name_or_path"] == "mine/base@1.0"
    assert written["target_modules"] == LAYERS


def test_layers_whose_last_name_others_have_too_are_saved_by_their_whole_name(tmp_path):
    save_lora(adapted(LoraConfig(targets=["layers.1.mlp.*"])), tmp_path, base="b")
    written = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert written == [f"model.layers.1.mlp.{name}_proj" for name in ("gate", "up", "down")]


def test_a_divided_model_is_saved_from_its_gathered_weights(tmp_path):
    model = moved(adapted())
    whole = {name: value.clone() for name, value in model.state_dict().items()}
    for layer in lora_layers(model).values():
        torch.nn.init.zeros_(layer.lora_b)
    save_lora(model, tmp_path, base="b", state=whole)
    again = base()
    load_lora(again, tmp_path)
    assert torch.equal(logits(again), logits(moved(model)))


def test_the_golden_adapter_of_peft_means_what_it_means_to_peft():
    expected = load_file(GOLDEN / "expected.safetensors")
    model = base()
    load_lora(model, GOLDEN)
    torch.testing.assert_close(logits(model), expected["logits"], atol=1e-5, rtol=1e-5)
    merge_lora(model)
    weight = dict(model.named_parameters())[WEIGHT]
    torch.testing.assert_close(weight, expected["weight"], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(weight, dict(base().named_parameters())[WEIGHT], atol=1e-2)


@pytest.mark.parametrize("rslora", [True, False])
@pytest.mark.parametrize("targets", [[], ["layers.1.mlp.*"]])
def test_peft_reads_our_adapters_and_merges_them_to_the_same_bits(tmp_path, targets, rslora):
    peft = need("peft")
    model = moved(adapted(LoraConfig(rank=4, alpha=7.0, targets=targets, rslora=rslora)))
    save_lora(model, tmp_path, base="b")
    theirs = peft.PeftModel.from_pretrained(base(), tmp_path).eval()
    assert sum("lora_A" in name for name, _ in theirs.named_parameters()) == len(lora_layers(model))
    torch.testing.assert_close(logits(model), logits(theirs), atol=1e-6, rtol=1e-5)
    merge_lora(model)
    merged = theirs.merge_and_unload().state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, merged[name]), name


# --- another base, and damage


@pytest.fixture
def saved(tmp_path):
    save_lora(moved(adapted()), tmp_path, base="mine/base@1.0")
    return tmp_path


def change_settings(folder, **change):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def change_tensors(folder, change):
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


A = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"


def test_an_adapter_of_other_weights_is_refused_and_names_its_model(saved):
    for other in (base(seed=5), copy.deepcopy(base())):
        if base_fingerprint(other) == base_fingerprint(base()):
            with torch.no_grad():  # one number of a layer that has no adapter
                other.model.norm.weight[3] += 1e-3
        with pytest.raises(DataError, match="not those that it was trained beside") as caught:
            load_lora(other, saved)
        assert "mine/base@1.0" in caught.value.fix
        assert not lora_layers(other)


def test_an_adapter_of_another_shape_is_refused(saved):
    from mowa.model import build
    from tests.model.adapters import FACTS

    wide = build(SHAPE.model_copy(update={"ffn_size": 32}), FACTS, 0)
    with pytest.raises(DataError, match=r"has the shape \(3, 24\), and here \(3, 32\) fits"):
        load_lora(wide, saved)
    flat = build(SHAPE.model_copy(update={"layers": 1}), FACTS, 0)
    with pytest.raises(DataError, match=r"no linear layer model\.layers\.1\."):
        load_lora(flat, saved)


def test_the_fingerprint_of_a_base_is_of_its_weights_in_any_precision():
    half = base().bfloat16()
    assert base_fingerprint(half) == base_fingerprint(copy.deepcopy(half).float())
    assert base_fingerprint(half) != base_fingerprint(base())
    assert base_fingerprint(adapted()) == base_fingerprint(base())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "this is no LoRA: 'IA3'"),
        ({"use_dora": True}, "use_dora = True makes an adapter of a kind"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"bias": "all"}, "bias = 'all'"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'"),
        ({"what_peft_will_have_one_day": 3}, "what_peft_will_have_one_day = 3"),
        ({"r": 4}, r"has the shape \(3, \d+\), and here \(4, \d+\) fits"),
        ({"r": "4"}, "not complete"),
        ({"lora_alpha": None}, "not complete"),
    ],
)
def test_settings_that_mean_something_else_are_refused(saved, change, message):
    change_settings(saved, **change)
    with pytest.raises(DataError, match=message):
        load_lora(base(), saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", " " * (1 << 21)])
def test_settings_that_are_broken_are_refused(saved, text):
    (saved / "adapter_config.json").write_text(text)
    with pytest.raises(DataError, match="settings of "):
        load_lora(base(), saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(A), "has one matrix of two"),
        (lambda t: t.update({A: t[A] * math.nan}), "no finite number"),
        (lambda t: t.update({A: t[A].int()}), "no finite number"),
        (
            lambda t: t.update({"base_model.model.lm_head.weight": t[A].clone()}),
            "more than the two",
        ),
        (lambda t: t.update({A.removeprefix("base_"): t[A].clone()}), "more than the two"),
        (dict.clear, "the adapter is empty"),
    ],
)
def test_matrices_that_are_not_those_of_an_adapter_are_refused(saved, change, message):
    change_tensors(saved, change)
    with pytest.raises(DataError, match=message):
        load_lora(base(), saved)


def test_a_folder_without_an_adapter_or_with_a_pickle_is_refused(saved):
    weights = saved / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(DataError, match="the adapter cannot be read"):
        load_lora(base(), saved)
    weights.unlink()
    with pytest.raises(DataError, match=r"there is no adapter_model\.safetensors\n.*copy it"):
        load_lora(base(), saved)
    (saved / "adapter_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match="only a pickle, which may run code"):
        load_lora(base(), saved)
    (saved / "adapter_config.json").unlink()
    with pytest.raises(DataError, match="no adapter here"):
        load_lora(base(), saved)
