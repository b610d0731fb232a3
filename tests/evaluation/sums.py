"""Sums in Polish words, as tasks of Mowa and of lm-eval, and toy models that half know them."""

import json
import random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from mowa.model import FamilyConfig, TokenizerFacts, build_family
from tests.evaluation.made_tasks import HEAD, make_task, write_jsonl

# fmt: off
WORDS = [
    "zero", "jeden", "dwa", "trzy", "cztery", "pięć", "sześć", "siedem", "osiem", "dziewięć",
    "dziesięć", "jedenaście", "dwanaście", "trzynaście", "czternaście", "piętnaście",
    "szesnaście", "siedemnaście", "osiemnaście",
]
# fmt: on
WINDOW = 256

_PROMPT = "Pytanie: {question}\nOdpowiedź:"
_DATA = '[data]\ntest = "test.jsonl"\ntrain = "train.jsonl"\n'
_ASKED = '[prompt]\ntemplate = "Pytanie: {{question}}\\nOdpowiedź:"\nanswer = " {{ANSWER}}"\n'
CHOICE = (
    HEAD + '\nkind = "choice"\nmetric = "accuracy"\n' + _DATA + _ASKED.replace("ANSWER", "choice")
)
WRITE = (
    HEAD
    + '\nkind = "generate"\nmetric = "accepted"\n'
    + _DATA
    + '[columns]\nreferences = "references"\n'
    + _ASKED.replace("ANSWER", "answer")
    + "[generation]\nmax_new_tokens = 12\n"
)
READ = HEAD + '\nkind = "perplexity"\nmetric = "bits-per-byte"\n[data]\ntest = "test.jsonl"\n'

_SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": WINDOW,
    "tie_word_embeddings": False,
}
FAMILIES = {
    "llama": {},
    "qwen3": {"head_dim": 16},
    "gemma3_text": {
        "head_dim": 16,
        "sliding_window": 24,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "query_pre_attn_scalar": 16,
    },
}


def sums():
    """Every sum of two digits once, in a made order."""
    draw = random.Random(0)
    rows = []
    for one in range(10):
        for other in range(10):
            right = WORDS[one + other]
            choices = [right, *draw.sample([word for word in WORDS if word != right], 3)]
            draw.shuffle(choices)
            rows.append(
                {
                    "id": f"{one}-{other}",
                    "question": f"Ile to jest {WORDS[one]} i {WORDS[other]}?",
                    "choices": choices,
                    "answer": choices.index(right),
                    "references": [right],
                }
            )
    draw.shuffle(rows)
    return rows


def documents():
    """Texts from a few tokens to several windows."""
    draw = random.Random(1)
    return [
        {"id": str(words), "text": " ".join(draw.choices(WORDS, k=words))}
        for words in (1, 4, 20, 60, 150, 400)
    ]


def split():
    """Items that are asked, and those that shots come from."""
    rows = sums()
    return rows[:40], rows[-5:]


def train(name, folder):
    """A model of a family that has read half of what it is asked, in its folder."""
    rows = sums()
    _write_tokenizer(folder, [_solved(row) for row in rows])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    facts = TokenizerFacts.read(folder)
    model = build_family(FamilyConfig(name=name, settings=_SHAPE | FAMILIES[name]), facts, 0)
    known = rows[:20] + rows[-10:]
    draw = random.Random(2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    model.train()
    for _ in range(120):
        texts = ["\n\n".join(map(_solved, draw.sample(known, 6))) for _ in range(8)]
        ids = [tokenizer.encode(text).ids[:128] for text in texts]
        shortest = min(map(len, ids))
        batch = torch.tensor([row[:shortest] for row in ids])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    return folder


def tasks(folder):
    """Our tasks by what lm-eval calls their form."""
    asked, shown = split()
    return {
        "multiple_choice": make_task(folder / "wybor", CHOICE, test=asked, train=shown),
        "generate_until": make_task(folder / "pisanie", WRITE, test=asked, train=shown),
        "loglikelihood_rolling": make_task(folder / "czytanie", READ, test=documents()),
    }


def write_their_tasks(folder, shots):
    """The same as tasks of lm-eval, with these shots in this order; gives their names."""
    asked, shown = split()
    by_prompt = {_PROMPT.format(**row): row for row in shown}
    ours = folder / "data"
    ours.mkdir(parents=True)
    write_jsonl(ours / "test.jsonl", asked)
    write_jsonl(ours / "train.jsonl", [by_prompt[prompt] for prompt, _ in shots] or shown)
    write_jsonl(ours / "texts.jsonl", documents())
    question = {
        "fewshot_split": "train",
        "fewshot_config": {"sampler": "first_n"},
        "doc_to_text": "Pytanie: {{question}}\nOdpowiedź:",
    }
    first = {"function": "take_first"}
    kinds = {
        "multiple_choice": question
        | {
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "metric_list": [{"metric": name} for name in ("acc", "acc_norm", "acc_bytes")],
        },
        "generate_until": question
        | {
            "doc_to_target": "{{references[0]}}",
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
            "filter_list": [{"name": "none", "filter": [{"function": "remove_whitespace"}, first]}],
            "metric_list": [{"metric": "exact_match"}],
        },
        "loglikelihood_rolling": {
            "doc_to_text": "",
            "doc_to_target": "{{text}}",
            "metric_list": [
                {"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")
            ],
        },
    }
    for kind, about in kinds.items():
        files = {"test": str(ours / "test.jsonl"), "train": str(ours / "train.jsonl")}
        if kind == "loglikelihood_rolling":
            files = {"test": str(ours / "texts.jsonl")}
        task = {
            "task": f"sums_{kind}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": files, "cache_dir": str(folder / "cache")},
            "test_split": "test",
            "output_type": kind,
            **about,
        }
        (folder / f"{kind}.yaml").write_text(json.dumps(task), "utf-8")  # JSON is YAML
    return folder


def _solved(row):
    return f"{_PROMPT.format(**row)} {row['references'][0]}"


def _write_tokenizer(folder, texts):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    # What makes lm-eval's `hf` put BOS before a text where it is asked to.
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    folder.mkdir(parents=True)
    made.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names})
    )
