"""Loss and gradients of TRL's trainers on a toy model, recorded for tests, and ours beside them.

    pip install trl accelerate datasets
    python tests/training/make_trl_golden.py

writes trl_golden.json. Pairs of answers to one question go through TRL's `DPOTrainer` as it pads
them, and through ours packed into rows; likewise the chosen ones through its `SFTTrainer`.
"""

import json
import random
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from mowa.model import ArchitectureConfig, TokenizerFacts, build
from mowa.training._finetuning import Answers
from mowa.training._forward import Forward, stack
from mowa.training._preferring import OBJECTIVES, Preferences, Strength
from mowa.training._whole import WholePlan

GOLDEN = Path(__file__).with_name("trl_golden.json")
BETAS = (0.1, 0.5)
CPU = torch.device("cpu")
_SHAPE = {"hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context": 64}
_PAIRS = 6


def toy(*, moved):
    """The reference, or the policy: the same weights, each moved a little."""
    config = ArchitectureConfig.model_validate(_SHAPE | {"init_std": 0.1})
    model = build(config, TokenizerFacts(300, 0, 1, 2), 0)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            draw = torch.Generator().manual_seed(number)
            parameter.add_(moved * torch.randn(parameter.shape, generator=draw))
    return model


def pairs():
    """(question, chosen, rejected) as ids."""
    draw = random.Random(0)

    def ids(most):
        return [draw.randrange(5, 300) for _ in range(draw.randint(2, most))]

    return [([0, *ids(6)], [*ids(8), 4], [*ids(8), 4]) for _ in range(_PAIRS)]


def units_of(*, sides):
    """What `WholePlan` packs: the pairs, or their chosen answers alone."""
    of = []
    for question, *answers in pairs():
        of.append(
            [
                (
                    np.array(question + answer),
                    np.arange(len(question) + len(answer)) >= len(question),
                )
                for answer in answers[:sides]
            ]
        )
    return SimpleNamespace(
        positions=np.array([sum(len(ids) - 1 for ids, _ in each) for each in of]),
        targets=np.array([sum(int(learnt.sum()) for _, learnt in each) for each in of]),
        weights=np.ones(len(of), np.float32),
        reference=None,
        segments=of.__getitem__,
    )


def rows_of_ours(beta):
    """Mean loss of the pairs and the gradients, packed."""
    units = units_of(sides=2)
    plan = WholePlan(units, sequence_length=64, seed=0)
    reference = toy(moved=0.0)
    found = []
    with torch.no_grad():
        for question, *answers in pairs():
            for answer in answers:
                ids = torch.tensor([question + answer])
                scores = torch.log_softmax(reference(input_ids=ids).logits[0], -1)
                places = range(len(question) - 1, ids.shape[1] - 1)
                found.append(sum(float(scores[place, ids[0, place + 1]]) for place in places))
    units.reference = np.array(found, np.float32).reshape(-1, 2)
    policy = toy(moved=0.02)
    forward = Forward(policy, device=CPU, precision="fp32", sequence_length=64)
    objective = Preferences(
        None, plan, units, units, None, OBJECTIVES["dpo"], Strength(beta, beta, 0.0)
    )
    rows = stack([plan.read(units, row) for row in range(plan.blocks_per_epoch)], CPU)
    loss = objective.loss(forward, rows)[0] / _PAIRS
    loss.backward()
    return float(loss.detach()), gradients_of(policy)


def answers_of_ours():
    """Mean loss of the chosen answers' tokens and the gradients, packed."""
    units = units_of(sides=1)
    plan = WholePlan(units, sequence_length=64, seed=0)
    model = toy(moved=0.02)
    forward = Forward(model, device=CPU, precision="fp32", sequence_length=64)
    rows = stack([plan.read(units, row) for row in range(plan.blocks_per_epoch)], CPU)
    objective = Answers(None, plan, units, units, None)
    loss = objective.loss(forward, rows)[0] / int(units.targets.sum())
    loss.backward()
    return float(loss.detach()), gradients_of(model)


def gradients_of(model):
    """Of each parameter, the gradient's norm and its parts along eight directions drawn at random.

    A gradient that points elsewhere, or has another sign, has other parts.
    """
    found = {}
    for number, (name, parameter) in enumerate(model.named_parameters()):
        if parameter.grad is None:
            continue
        draw = np.random.default_rng(number)
        directions = draw.standard_normal((8, parameter.numel()))
        gradient = parameter.grad.double().numpy().ravel()
        found[name] = [float(np.linalg.norm(gradient)), *map(float, directions @ gradient)]
    return found


def assert_alike(ours, trls):
    """The loss to 1e-5, and each gradient to 1e-5 of its norm."""
    loss, gradients = ours
    assert abs(loss - trls["loss"]) <= 1e-5
    assert gradients.keys() == trls["gradients"].keys()
    for name, (norm, *parts) in trls["gradients"].items():
        off = np.abs(np.array(gradients[name]) - [norm, *parts]).max()
        assert off <= 1e-5 * norm, (name, off / norm)


def padded(rows):
    """Ids and mask of rows of unequal length."""
    size = max(map(len, rows))
    ids = torch.tensor([[*row, *[2] * (size - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (size - len(row)) for row in rows])
    return ids, mask


def _tokenizer():
    from tiny_dialogues import write_tokenizer
    from transformers import AutoTokenizer

    folder = Path(tempfile.mkdtemp())
    write_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def _settings():
    return {
        "output_dir": tempfile.mkdtemp(),
        "use_cpu": True,
        "bf16": False,
        "report_to": [],
        "gradient_checkpointing": False,
        "max_length": None,
    }


def trls_pairs(beta):
    """What `rows_of_ours` computes, by TRL."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    policy = toy(moved=0.02)
    row = {"prompt": "user", "chosen": " assistant", "rejected": " system"}
    trainer = DPOTrainer(
        model=policy,
        ref_model=toy(moved=0.0),
        args=DPOConfig(beta=beta, loss_type="sigmoid", **_settings()),
        train_dataset=Dataset.from_list([row] * 4),
        processing_class=_tokenizer(),
    )
    made = pairs()
    whole = [question + chosen for question, chosen, _ in made]
    whole += [question + rejected for question, _, rejected in made]
    ids, mask = padded(whole)
    completion = mask.clone()
    for number, (question, *_) in enumerate(made * 2):
        completion[number, : len(question)] = 0
    inputs = {"input_ids": ids, "attention_mask": mask, "completion_mask": completion}
    loss = trainer._compute_loss(trainer.model, inputs, return_outputs=False)
    loss.backward()
    return float(loss.detach()), gradients_of(policy)


def trls_answers():
    """What `answers_of_ours` computes, by TRL."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model = toy(moved=0.02)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**_settings()),
        train_dataset=Dataset.from_list([{"text": "user assistant"}] * 4),
        processing_class=_tokenizer(),
    )
    made = pairs()
    ids, mask = padded([question + chosen for question, chosen, _ in made])
    labels = ids.masked_fill(mask == 0, -100)
    for number, (question, *_) in enumerate(made):
        labels[number, : len(question)] = -100
    loss = trainer.compute_loss(
        trainer.model, {"input_ids": ids, "attention_mask": mask, "labels": labels}
    )
    loss.backward()
    return float(loss.detach()), gradients_of(model)


def main():
    """Record TRL's values."""
    import trl

    dpo = []
    for beta in BETAS:
        loss, gradients = trls_pairs(beta)
        dpo.append({"beta": beta, "loss": loss, "gradients": gradients})
    loss, gradients = trls_answers()
    golden = {
        "trl": trl.__version__,
        "dpo": dpo,
        "sft": {"loss": loss, "gradients": gradients},
    }
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    for case in dpo:
        print(case["beta"], case["loss"], rows_of_ours(case["beta"])[0])
    print(golden["sft"]["loss"], answers_of_ours()[0])


if __name__ == "__main__":
    main()
