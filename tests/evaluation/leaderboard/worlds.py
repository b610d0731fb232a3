"""Results of models that were never run: folders of the evaluation's contract, with every state."""

import hashlib
import json
import random
from pathlib import Path

import polars as pl

from mowa.evaluation import score
from mowa.evaluation._measures import mean

EVIL = "<script>alert(1)</script>\"'&</td>"

PHENOMENA = [
    "zgoda podmiotu z orzeczeniem",
    "dopełniacz przy przeczeniu",
    "rząd przyimków",
    "aspekt",
    "liczebniki",
]

TASKS = {
    "grammar": {
        "title": {"pl": "Gramatyka", "en": "Grammar"},
        "about": {
            "pl": "Pary zdań: jedno jest poprawne, i to ono ma być bardziej prawdopodobne.",
            "en": "Pairs of sentences: the correct one should be more probable.",
        },
        "kind": "pairs",
        "metric": "accuracy",
        "baseline": 0.5,
        "licence": "CC0-1.0",
        "group": "phenomenon",
    },
    "culture": {
        "title": {"pl": "Kultura", "en": "Culture"},
        "about": {
            "pl": "Pytania o zwyczaje, kuchnię i krainy.",
            "en": "Questions on customs, cuisine and lands.",
        },
        "kind": "generate",
        "metric": "accepted",
        "baseline": 0.0,
        "licence": "CC0-1.0",
        "group": "category",
    },
    "world": {
        "title": {"pl": "Fakty o świecie próbki", "en": "Facts of the sample's world"},
        "about": {
            "pl": "Fakty, które model mógł przeczytać, w nowych słowach.",
            "en": "Facts in new words.",
        },
        "kind": "choice",
        "metric": "accuracy",
        "baseline": 0.25,
        "licence": "CC0-1.0",
        "group": None,
    },
    "proverbs": {
        "title": {"pl": "Przysłowia", "en": "Proverbs"},
        "about": {"pl": "Jak kończy się przysłowie?", "en": "How does the proverb end?"},
        "kind": "choice",
        "metric": "accuracy",
        "baseline": 0.25,
        "licence": "CC0-1.0",
        "group": None,
    },
    "bits": {
        "title": {"pl": "Nowe teksty", "en": "New texts"},
        "about": {
            "pl": "Ile bitów zajmuje bajt nieznanego tekstu.",
            "en": "Bits for a byte of unseen text.",
        },
        "kind": "perplexity",
        "metric": "bits-per-byte",
        "higher_is_better": False,
        "baseline": 0.0,
        "licence": "CC-BY-4.0",
        "group": None,
    },
}

LINEAGE = [
    {"name": "quickstart/model@dev", "kind": "model", "fingerprint": "3f" * 16},
    {"name": "quickstart/tokens@dev", "kind": "tokens", "fingerprint": "4a" * 16},
    {"name": "quickstart/tokenizer@dev", "kind": "tokenizer", "fingerprint": "5b" * 16},
    {"name": "quickstart/corpus@dev", "kind": "corpus", "fingerprint": "6c" * 16},
    {"name": "sample-notes", "kind": "source", "fingerprint": None},
]

MODELS = {
    "losowy-4m": {"kind": "random", "parameters": 4_100_000, "licence": "Apache-2.0"},
    "quickstart-4m": {
        "kind": "artifact",
        "parameters": 4_100_000,
        "licence": "Apache-2.0",
        "lineage": LINEAGE,
        "kwh": 0.0123,
        "kwh_how": "RAPL",
        "trained_tokens": 3_200_000,
        "architecture": "LlamaForCausalLM",
    },
    "polish-classics-20m": {
        "kind": "artifact",
        "parameters": 20_300_000,
        "licence": "CC-BY-4.0",
        "lineage": LINEAGE,
        "kwh": 1.8,
        "trained_tokens": 180_000_000,
    },
    "polish-classics-60m": {
        "kind": "artifact",
        "parameters": 61_000_000,
        "licence": "CC-BY-4.0",
        "lineage": LINEAGE,
        "kwh": 6.4,
        "trained_tokens": 180_000_000,
    },
    "obcy-1.5b": {"kind": "folder", "parameters": 1_540_000_000, "licence": "Apache-2.0"},
    "zdalny-70b": {"kind": "endpoint", "parameters": None, "licence": None},
}

SKILL = {
    "losowy-4m": 0.0,
    "quickstart-4m": 0.25,
    "polish-classics-20m": 0.545,
    "polish-classics-60m": 0.55,
    "obcy-1.5b": 0.45,
    "zdalny-70b": 0.8,
}


def write_result(
    folder: Path,
    model: str,
    task: str,
    values=None,
    *,
    of_model=None,
    of_task=None,
    settings=None,
    why=None,
    found=None,
    texts=None,
    groups=None,
    schema=1,
    when="2026-03-01T10:00:00Z",
    **other,
):
    """One results folder; `values` are one an item, or None where it is not comparable."""
    settings = {
        "shots": 0,
        "template": False,
        "seed": 0,
        "limit": None,
        "judge": None,
        **(settings or {}),
    }
    task_part = {
        "name": task,
        "version": 1,
        "fingerprint": _hash("task", task),
        "language": "pol",
        **TASKS.get(task, TASKS["world"]),
        **(of_task or {}),
    }
    model_part = {
        "name": model,
        "fingerprint": _hash("model", model),
        "architecture": None,
        "lineage": None,
        "kwh": None,
        "kwh_how": None,
        "trained_tokens": None,
        "licence": None,
        "parameters": None,
        "kind": "folder",
        **MODELS.get(model, {}),
        **(of_model or {}),
    }
    key = _hash(
        json.dumps([model_part["fingerprint"], task_part["fingerprint"], settings], sort_keys=True)
    )
    here = folder / key[:16]
    here.mkdir(parents=True)
    result = {
        "schema": schema,
        "mowa": "0.1.0",
        "model": model_part,
        "task": task_part,
        "settings": settings,
        "status": "scored" if values is not None else "not-comparable",
        "why": why,
        "items": len(values or []),
        "left_out": {},
        "score": None,
        "scores": {},
        "groups": [],
        "contamination": None,
        "seconds": 1.0,
        "tokens": 100,
        "cost": None,
        "when": when,
    }
    if values is not None:
        result["score"] = score(mean(values)).as_dict()
        main = result["score"] | {"too_few": False}
        result["scores"] = {task_part["metric"]: result["score"], "accuracy_per_byte": main}
        result["groups"] = _groups(values, groups)
        if found is not None:
            result["contamination"] = _contamination(values, found)
        _write_items(here, task, values, found, texts, groups)
    (here / "result.json").write_text(json.dumps({**result, **other}, ensure_ascii=False), "utf-8")
    return here


ASKED = [
    ("grammar", 400, 0),
    ("world", 120, 0),
    ("world", 120, 5),
    ("culture", 90, 0),
    ("proverbs", 12, 0),
    ("bits", 60, 0),
]


def write_world(folder: Path):
    """Six models, five tasks; an interval, a tie, not comparable, contaminated, too few items."""
    for model in MODELS:
        for task, items, shots in ASKED:
            groups = [PHENOMENA[i % 5] for i in range(items)] if task == "grammar" else None
            if model == "zdalny-70b" and task in ("grammar", "world", "bits"):
                why = "Serwer nie podaje prawdopodobieństw: prosi się go o echo, a on je pomija."
                write_result(folder, model, task, settings={"shots": shots}, why=why)
                continue
            found = None
            if model == "obcy-1.5b" and task == "culture":
                found = [i % 3 == 0 for i in range(items)]
            elif model.startswith("polish"):
                found = [False] * items
            values = draw(model, task, items, found, shots)
            write_result(
                folder,
                model,
                task,
                values,
                settings={"shots": shots},
                found=found,
                groups=groups,
                left_out={"too_long": 3} if shots else {},
            )


def draw(model, task, items, found=None, shots=0):
    """Values of `items` items: the same items are hard for all models."""
    hard = random.Random(f"{task} {shots}")
    skill, own = SKILL[model], random.Random(f"{model} {task} {shots}")
    if TASKS[task]["metric"] == "bits-per-byte":
        return [
            round(2.6 - 1.6 * skill + hard.gauss(0, 0.2) + own.gauss(0, 0.02), 4)
            for _ in range(items)
        ]
    base = TASKS[task]["baseline"]
    values = [
        float(hard.random() * 0.6 + own.random() * 0.4 < base + (1 - base) * skill)
        for _ in range(items)
    ]
    return [1.0 if found and found[i] else value for i, value in enumerate(values)]


HIT = {"document": "wolne-lektury/17", "kind": "verbatim", "text": "żurek to zupa"}


def _write_items(here, task, values, found, texts, groups):
    choices = TASKS.get(task, {}).get("kind") in ("pairs", "choice")
    rows = []
    for i, value in enumerate(values):
        options = [f"Ala nie ma kota ({i}).", f"Ala nie ma kot ({i})."] if choices else []
        rows.append(
            {
                "id": f"{task}-{i:04}",
                "group": groups[i] if groups else None,
                "prompt": ""
                if task == "grammar"
                else f"Pytanie: Czym jest żurek numer {i}?\nOdpowiedź:",
                "choices": options,
                "target": options[0] if options else "zupa",
                "output": (
                    options[int(not value)]
                    if options
                    else ("zupa na zakwasie" if value else "ciasto")
                ),
                "logprobs": [-12.5 - i % 7, -13.25] if options else [],
                "characters": [],
                "bytes": [],
                "tokens": [],
                "value": value,
                "seconds": 0.013,
                "cut": 0,
                "source": "unverified" if task == "culture" else None,
                "contaminated": None if found is None else found[i],
                "hits": [HIT] if found and found[i] else [],
                **(texts or {}),
            }
        )
    texts_of = {"document": pl.String, "kind": pl.String, "text": pl.String}
    schema = {
        "group": pl.String,
        "choices": pl.List(pl.String),
        "logprobs": pl.List(pl.Float64),
        "source": pl.String,
        "characters": pl.List(pl.Int64),
        "bytes": pl.List(pl.Int64),
        "tokens": pl.List(pl.Int64),
        "value": pl.Float64,
        "contaminated": pl.Boolean,
        "hits": pl.List(pl.Struct(texts_of)),
    }
    pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None).write_parquet(
        here / "items.parquet"
    )


def _groups(values, groups):
    by_group = {}
    for value, group in zip(values, groups or [], strict=False):
        by_group.setdefault(group, []).append(value)
    found = []
    for group, inside in by_group.items():
        one = score(mean(inside))
        found.append(
            {
                "group": group,
                "items": len(inside),
                "value": one.value,
                "low": one.low,
                "high": one.high,
            }
        )
    return found


def _contamination(values, found):
    parts = {
        "clean": [value for value, hit in zip(values, found, strict=True) if not hit],
        "dirty": [value for value, hit in zip(values, found, strict=True) if hit],
    }
    scores = {name: score(mean(part)).as_dict() if part else None for name, part in parts.items()}
    return {
        "corpora": [
            {
                "name": "quickstart/corpus@dev",
                "kind": "corpus",
                "fingerprint": "6c" * 16,
                "hits": sum(found),
            }
        ],
        "hits": sum(found),
        "items": len(values),
        **scores,
    }


def _hash(*parts):
    return hashlib.blake2b("/".join(parts).encode(), digest_size=16).hexdigest()


def write_hostile_world(folder: Path):
    """Every text that a model, a task or a person brings is an attack on the page."""
    for name in (EVIL, f"=2+2{EVIL}"):
        model = {
            "licence": EVIL,
            "kind": EVIL,
            "architecture": EVIL,
            "kwh": 1.0,
            "kwh_how": EVIL,
            "lineage": [{"name": EVIL, "kind": EVIL, "fingerprint": EVIL}],
        }
        task = {
            "title": {"pl": EVIL, "en": EVIL},
            "about": {"pl": EVIL, "en": EVIL},
            "licence": EVIL,
            "language": EVIL,
            "kind": EVIL,
            "metric": EVIL,
        }
        texts = {
            "group": EVIL,
            "prompt": EVIL,
            "choices": [EVIL, "b"],
            "target": EVIL,
            "output": EVIL + "\u2028</script><img src=x onerror=alert(1)>",
            "source": EVIL,
            "hits": [{"document": EVIL, "kind": EVIL, "text": EVIL}],
            "contaminated": True,
        }
        values = [float(i % 3 > 0) for i in range(60)]
        found = [i % 2 == 0 for i in range(60)]
        write_result(
            folder,
            name,
            EVIL,
            values,
            of_model=model,
            of_task=task,
            texts=texts,
            found=found,
            groups=[EVIL] * 60,
            left_out={EVIL: 2},
            settings={"judge": {"model": EVIL}},
        )
        write_result(folder, name, "world", None, of_model=model, why=EVIL)
