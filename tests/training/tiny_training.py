"""A tokens artifact, a tokenizer and a model of some ten thousand parameters, for tests."""

import json
import random
import sys
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mowa.execution import Context, Ledger, PlainProgress
from mowa.languages import LanguagePack
from mowa.training import PretrainConfig
from mowa.training._metrics import read_metrics
from mowa.training._optimizer import Optimizers
from mowa.workspace import Inputs
from tests.made_artifacts import artifact

torch.set_num_threads(1)  # tiny products are slower on two

VOCABULARY = 300
_WORDS = ["Kraków", "żółw", "gęś", "jaźń", "w", "na", "się", "rzeka", "Wisła", "płynie", "i"]


def sentences(count, *, seed):
    draw = random.Random(seed)
    return [" ".join(draw.choices(_WORDS, k=draw.randint(3, 30))) + "." for _ in range(count)]


def train_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences(300, seed=1), trainer)
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names})
    )
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    return tokenizer


def write_tokens(folder, documents, *, vocabulary=VOCABULARY):
    """Write ``{split: [(ids, bytes of the text), ...]}`` in two shards a split."""
    index = {"vocab_size": vocabulary, "dtype": "uint16", "bos_id": 0, "eos_id": 1, "splits": {}}
    for split, rows in documents.items():
        (folder / split).mkdir(parents=True)
        half = len(rows) // 2
        shards = []
        for name, part in (("a-00000-000", rows[:half]), ("b-00000-000", rows[half:])):
            lengths = [len(ids) for ids, _ in part]
            flat = np.array([token for ids, _ in part for token in ids], dtype=np.uint16)
            np.save(folder / split / f"{name}.npy", flat)
            pl.DataFrame(
                {
                    "doc_id": [f"{split}{name}{i:020d}" for i in range(len(part))],
                    "offset": list(np.cumsum([0, *lengths])[:-1]),
                    "length": lengths,
                    "bytes": [size for _, size in part],
                    "source": ["tiny"] * len(part),
                },
                schema_overrides={"offset": pl.Int64, "length": pl.Int64, "bytes": pl.Int64},
            ).write_parquet(folder / split / f"{name}.documents.parquet")
            shards.append(
                {
                    "name": name,
                    "documents": len(part),
                    "tokens": len(flat),
                    "bytes": sum(size for _, size in part),
                }
            )
        totals = {k: sum(shard[k] for shard in shards) for k in ("documents", "tokens", "bytes")}
        index["splits"][split] = {**totals, "shards": shards}
    (folder / "tokens.json").write_text(json.dumps(index))


def make_world(root, *, documents=120, held_out=12):
    """``root/tokenizer`` and ``root/tokens``."""
    tokenizer = train_tokenizer(root / "tokenizer")

    def rows(count, seed):
        texts = sentences(count, seed=seed)
        return [([0, *tokenizer.encode(text).ids, 1], len(text.encode())) for text in texts]

    write_tokens(root / "tokens", {"train": rows(documents, 2), "held_out": rows(held_out, 3)})
    return root


def inputs_of(root):
    tokens, tokenizer = (
        artifact(root / kind, kind, name=f"tiny/{kind}", fingerprint=fingerprint)
        for kind, fingerprint in (("tokens", "f" * 32), ("tokenizer", "e" * 32))
    )
    return Inputs((tokens, tokenizer))


def updates(out):
    """What a run says of each update."""
    return [line for line in read_metrics(out / "metrics.jsonl") if "loss" in line]


def losses(out):
    return [line["loss"] for line in updates(out)]


def weights(out):
    return (out / "model.safetensors").read_bytes()


def lines_of(out):
    """The metrics without what the clock decides."""
    clock = {
        "seconds", "seconds_left", "tokens_per_second", "memory", "joules", "flops_per_second",
    }  # fmt: skip
    return [
        {k: v for k, v in line.items() if k not in clock}
        for line in read_metrics(out / "metrics.jsonl")
    ]


def in_update(monkeypatch, number, act):
    """Call `act` before a run moves its weights for the `number`th time."""
    real, updates = Optimizers.step, count(1)

    def step(self):
        if next(updates) == number:
            act()
        real(self)

    monkeypatch.setattr(Optimizers, "step", step)


class Lines(PlainProgress):
    """Keeps what was said."""

    def __init__(self):
        super().__init__()
        self.said = []

    def say(self, line):
        self.said.append(line)


def context_for(folder, progress=None):
    return Context(
        language=LanguagePack.model_construct(),
        data=folder,
        sources=folder,
        workers=1,
        ledger=Ledger(folder / "ledger.jsonl"),
        progress=progress or Lines(),
    )


def tiny_config(**changes):
    shape = {"hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context": 64}
    changed = changes.pop("architecture", {})
    values = {
        "architecture": None if changed is None else shape | changed,
        "sequence_length": 32,
        "global_batch_size": 128,
        "steps": 12,
        "optimizer": "adamw",
        "learning_rate": 3e-3,
        "warmup_steps": 2,
        "precision": "fp32",
        "device": "cpu",
        "micro_batch_size": 2,
        "threads": 1,
        "checkpoint_every_seconds": 0.0,
    }
    values |= changes
    if "epochs" in changes:
        del values["steps"]
    return PretrainConfig.model_validate(values)


def pretrain(root, out, progress=None, **changes):
    from mowa.training._pretrain import run

    out.mkdir(parents=True, exist_ok=True)
    return run(tiny_config(**changes), inputs_of(root), out, context_for(root, progress))


def main():
    """Train until the moment that the arguments name, and die there by SIGKILL."""
    import os
    import signal

    from mowa.training import _checkpoint, _train

    root, out, moment, count, changes = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    left = int(count)

    def dying(function):
        def call(*arguments, **options):
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    if moment == "update":
        from mowa.training._optimizer import Optimizers

        Optimizers.step = dying(Optimizers.step)
    elif moment == "file":
        _checkpoint.write_tensors = dying(_checkpoint.write_tensors)
    elif moment == "rename":
        _checkpoint.flush = dying(_checkpoint.flush)
    elif moment == "export":
        _train.write_model = dying(_train.write_model)
    elif moment == "cleaning":
        _checkpoint.Checkpoints.remove = dying(_checkpoint.Checkpoints.remove)
    pretrain(root, out, **json.loads(changes))


if __name__ == "__main__":
    main()
