"""A chat tokenizer, a model of ten thousand parameters, dialogues and preferences, for tests."""

import dataclasses
import json
import random
import sys
from pathlib import Path

from tiny_training import context_for, inputs_of
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from mowa.inference import Message
from mowa.instructions import Dialogue, write_dialogues
from mowa.model import ArchitectureConfig, TokenizerFacts, build
from mowa.training import FinetuneConfig, PreferConfig
from mowa.workspace import Inputs

VOCABULARY = 300
SHAPE = {"hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context": 64}
_WORDS = ["Kraków", "żółw", "gęś", "jaźń", "w", "na", "się", "rzeka", "Wisła", "płynie", "i"]


def write_tokenizer(folder):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    names = ["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([" ".join(_WORDS), "user assistant system"] * 9, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    roles = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_model(folder, *, seed=0, **shape):
    config = ArchitectureConfig.model_validate(SHAPE | {"init_std": 0.1} | shape)
    write_tokenizer(folder)
    build(config, TokenizerFacts.read(folder), seed).save_pretrained(folder)


def words(draw, most):
    return " ".join(draw.choices(_WORDS, k=draw.randint(1, most)))


def some_dialogues(count, *, seed=0, **facts):
    draw = random.Random(seed)
    for number in range(count):
        turns = [
            turn
            for _ in range(draw.randint(1, 2))
            for turn in (Message("user", words(draw, 3)), Message("assistant", words(draw, 4)))
        ]
        yield Dialogue(f"d{seed}-{number}", tuple(turns), **facts)


def some_preferences(count, *, seed=0):
    draw = random.Random(seed)
    for number in range(count):
        chosen = words(draw, 3)
        yield Dialogue(
            f"p{seed}-{number}",
            (Message("user", f"{number} {words(draw, 2)}"),),
            chosen=chosen,
            rejected=f"{chosen} {words(draw, 1)}",
        )


def make_dialogues(root):
    """``root/model``, ``root/dialogues`` and ``root/preferences``."""
    write_model(root / "model")
    generated = {"origin": "generated", "model": "m"}
    write_dialogues(
        root / "dialogues",
        [
            *some_dialogues(24),
            *some_dialogues(12, seed=1, **generated),
            *some_dialogues(12, seed=2, review="accepted", **generated),
        ],
    )
    write_dialogues(root / "preferences", some_preferences(40))
    return root


def artifact(path, kind, name):
    template = inputs_of(path.parent).artifacts[0]
    return dataclasses.replace(template, path=path, kind=kind, name=name, fingerprint=name * 4)


def inputs_in(root, folder="dialogues"):
    return Inputs(
        (
            artifact(root / "model", "model", "tiny/model"),
            artifact(root / folder, "dialogues", f"tiny/{folder}"),
        )
    )


_VALUES = {
    "sequence_length": 64,
    "global_batch_size": 256,
    "steps": 8,
    "learning_rate": 3e-3,
    "warmup_steps": 2,
    "held_out": 0.1,
    "precision": "fp32",
    "device": "cpu",
    "micro_batch_size": 2,
    "threads": 1,
    "checkpoint_every_seconds": 0.0,
    "prompt_tokens": 4,
}


def config_of(kind, **changes):
    values = _VALUES | changes
    if "epochs" in changes:
        del values["steps"]
    return kind.model_validate(values)


def train(kind, root, out, progress=None, *, folder=None, **changes):
    from mowa.training._converse import run

    folder = folder or ("dialogues" if kind is FinetuneConfig else "preferences")
    out.mkdir(parents=True, exist_ok=True)
    config = config_of(kind, **changes)
    return run(config, inputs_in(root, folder), out, context_for(root, progress))


def finetune(root, out, progress=None, **changes):
    return train(FinetuneConfig, root, out, progress, **changes)


def prefer(root, out, progress=None, **changes):
    return train(PreferConfig, root, out, progress, **({"held_out": 0.2} | changes))


def main():
    """Train until the moment that the arguments name, and die there by SIGKILL."""
    import os
    import signal

    from mowa.training import _preferring, _rendering
    from mowa.training._optimizer import Optimizers

    step, root, out, moment, count, changes = sys.argv[1], *map(Path, sys.argv[2:4]), *sys.argv[4:]
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
        Optimizers.step = dying(Optimizers.step)
    elif moment == "rendering":
        _rendering.write_text = dying(_rendering.write_text)
    elif moment == "reference":
        _preferring.writing = dying(_preferring.writing)
    {"finetune": finetune, "prefer": prefer}[step](root, out, **json.loads(changes))


if __name__ == "__main__":
    main()
