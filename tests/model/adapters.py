"""Toy models with adapters, and the golden adapter that `peft` wrote.

    PYTHONPATH=. python tests/model/adapters.py     # where `peft` is importable

writes `golden_adapter/` anew: an adapter with matrices that are not zero, and what `peft` makes of
it: logits, and weights of the merged model.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from mowa.model import ArchitectureConfig, TokenizerFacts, build, lora_layers

GOLDEN = Path(__file__).with_name("golden_adapter")
FACTS = TokenizerFacts(vocab_size=60, bos_id=0, eos_id=1, pad_id=2)
SHAPE = ArchitectureConfig(hidden_size=16, layers=2, heads=2, kv_heads=1, ffn_size=24, context=32)
WEIGHT = "model.layers.1.self_attn.q_proj.weight"
IDS = torch.tensor([[0, 7, 31, 5, 58, 12, 44, 9]])


def base(seed=4):
    return build(SHAPE, FACTS, seed).eval()


def moved(model, seed=9):
    """`model` with adapters as if they had been trained: none is zero."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in lora_layers(model).values():
            layer.lora_a.normal_(0, 0.3, generator=draw)
            layer.lora_b.normal_(0, 0.3, generator=draw)
    return model


def logits(model):
    with torch.no_grad():
        return model(IDS).logits[0]


def write_golden():
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=3,
        lora_alpha=5,
        use_rslora=True,
        target_modules=["q_proj", "v_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base(), config).eval()
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.3, generator=draw)
    model.save_pretrained(GOLDEN)
    (GOLDEN / "README.md").unlink(missing_ok=True)
    with torch.no_grad():
        beside = model(IDS).logits[0]
    merged = model.merge_and_unload()
    weight = merged.state_dict()[WEIGHT]
    expected = {"logits": beside, "weight": weight.contiguous()}
    save_file(expected, GOLDEN / "expected.safetensors")
    settings = GOLDEN / "adapter_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()), indent=1) + "\n")


if __name__ == "__main__":
    write_golden()
