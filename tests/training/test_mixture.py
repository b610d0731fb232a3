"""The step mixture: shares, epochs and caps come out as asked, and every token can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from mowa.errors import DataError, UsageError
from mowa.training import MixtureConfig, TokenSplit
from mowa.training import _mixture as step
from mowa.training._plan import PackingPlan
from mowa.training._tokens import DOCUMENTS, _write_shard
from mowa.workspace import Inputs
from tests.made_artifacts import artifact


def tokens(root, name, documents, *, tokenizer="t", bos=0):
    """A tokens artifact of (source, host, length); each token is its document's number."""
    out = root / name
    splits = {}
    for split in ("train", "held_out"):
        lengths = [length for _, _, length in documents]
        numbers = np.repeat(np.arange(len(documents)), lengths).astype("<u2")
        table = pl.DataFrame(
            {
                "doc_id": [f"{name}-{split}-{n:04}" for n in range(len(documents))],
                "offset": np.cumsum(lengths) - lengths,
                "length": lengths,
                "bytes": [3 * length for length in lengths],
                "source": [source for source, _, _ in documents],
                "host": pl.Series([host for _, host, _ in documents], dtype=pl.String),
            }
        )
        _write_shard(out, f"{split}/s-0", numbers, table.select(DOCUMENTS.names))
        counted = {"documents": len(documents), "tokens": sum(lengths), "bytes": 3 * sum(lengths)}
        splits[split] = {**counted, "shards": [{"name": "s-0", **counted}]}
    index = {
        "vocab_size": 500,
        "dtype": "uint16",
        "tokenizer": tokenizer,
        "bos_id": bos,
        "eos_id": 1,
        "splits": splits,
    }
    (out / "tokens.json").write_text(json.dumps(index))
    made = SimpleNamespace(name="x/tokenizer", version="dev", fingerprint=tokenizer)
    return replace(artifact(out, "tokens", name=f"x/{name}"), inputs=(made,))


@pytest.fixture
def polish(tmp_path):
    rows = [("gazeta", f"g{n % 4}.pl", 10 + n % 7) for n in range(200)]
    rows += [("las", None, 20) for _ in range(50)]
    return tokens(tmp_path, "polish", rows)


@pytest.fixture
def english(tmp_path):
    return tokens(tmp_path, "english", [("wiki-en", "en.org", 15) for _ in range(100)])


def mix(tmp_path, artifacts, **config):
    out = tmp_path / f"mix-{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    metrics = step.run(MixtureConfig(**config), Inputs(tuple(artifacts)), out, None)
    return out, metrics


def groups(out):
    table = json.loads((out / "mixture.json").read_text())
    return {row["group"]: row for row in table["groups"]}


def test_weights_come_out_as_shares_of_the_tokens(tmp_path, polish, english):
    out, _ = mix(
        tmp_path,
        [polish, english],
        groups={"polish": {"weight": 0.8}, "english": {"sources": ["wiki-en"], "weight": 0.2}},
    )
    found = groups(out)
    assert found["english"]["share"] == pytest.approx(0.2, abs=0.01)
    assert max(row["epochs"] for row in found.values()) <= 1.01
    split = TokenSplit.open(out, "train")
    assert split.tokens == sum(row["tokens"] for row in found.values())
    assert TokenSplit.open(out, "held_out").documents == 350


def test_without_a_total_no_document_is_read_twice(tmp_path, polish, english):
    out, _ = mix(
        tmp_path,
        [polish, english],
        groups={"polish": {"weight": 1.0}, "english": {"sources": ["wiki-en"], "weight": 1.0}},
    )
    ids = TokenSplit.open(out, "train").doc_ids
    assert len(ids) == len(set(ids))


def test_epochs_repeat_documents_and_every_repetition_has_the_document_s_tokens(tmp_path, polish):
    out, _ = mix(
        tmp_path,
        [polish],
        groups={"las": {"sources": ["las"], "epochs": 2.5}, "rest": {"epochs": 1}},
    )
    split = TokenSplit.open(out, "train")
    counts = pl.Series(split.doc_ids).value_counts(name="n").rows()
    of_las = [n for doc_id, n in counts if int(doc_id[-4:]) >= 200]
    assert sorted(set(of_las)) == [2, 3]
    assert of_las.count(3) == 25
    for number, doc_id in enumerate(split.doc_ids):
        start, length = int(split.starts[number]), int(split.lengths[number])
        assert set(split.read(start, start + length).tolist()) == {int(doc_id[-4:])}


def test_the_packing_plan_reads_a_mixture(tmp_path, polish):
    out, _ = mix(tmp_path, [polish], groups={"all": {"epochs": 2}})
    split = TokenSplit.open(out, "train")
    plan = PackingPlan(split.lengths, sequence_length=64, seed=0)
    blocks = [plan.read(split, number) for number in range(plan.blocks_per_epoch)]
    targets = np.concatenate([block.labels[block.labels != -100] for block in blocks])
    numbers = [int(doc_id[-4:]) for doc_id in split.doc_ids]
    assert sorted(targets) == sorted(np.repeat(numbers, split.lengths - 1))


def test_a_host_has_at_most_its_share_of_a_group(tmp_path):
    rows = [("a", "big.pl", 10) for _ in range(90)] + [("a", f"{n}.pl", 10) for n in range(10)]
    out, _ = mix(
        tmp_path, [tokens(tmp_path, "t", rows)], groups={"a": {"epochs": 1}}, host_tokens=0.2
    )
    hosts = pl.read_parquet(out / "train" / "x--t--s-0.documents.parquet")["host"]
    assert hosts.to_list().count("big.pl") == 20
    assert len(hosts) == 30


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_other_documents(tmp_path, polish):
    config = {"groups": {"all": {"weight": 1.0}}, "tokens": 1_000}

    def files(out):
        return {p.name: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}

    first, _ = mix(tmp_path, [polish], **config)
    second, _ = mix(tmp_path, [polish], **config)
    other, _ = mix(tmp_path, [polish], **config, seed=1)
    assert files(first) == files(second)
    assert TokenSplit.open(first, "train").doc_ids != TokenSplit.open(other, "train").doc_ids
    assert abs(TokenSplit.open(first, "train").tokens - 1_000) <= 20


def test_arrays_are_linked_not_copied(tmp_path, polish):
    out, _ = mix(tmp_path, [polish], groups={"all": {"epochs": 1}})
    source = polish.path / "train" / "s-0.npy"
    assert (out / "train" / "x--polish--s-0.npy").stat().st_ino == source.stat().st_ino


def test_a_mixture_of_mixtures_reads_the_same_tokens(tmp_path, polish):
    out, _ = mix(tmp_path, [polish], groups={"all": {"epochs": 2}})
    again, _ = mix(
        tmp_path, [replace(polish, path=out, name="x/mix")], groups={"all": {"epochs": 1}}
    )
    assert TokenSplit.open(again, "train").tokens == TokenSplit.open(out, "train").tokens


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"groups": {"a": {"sources": ["gazetta"], "epochs": 1}}}, "no source 'gazetta'"),
        ({"groups": {"a": {"sources": ["gazeta"], "epochs": 1}}}, "no group has the source las"),
        ({"groups": {"a": {"weight": 1}}, "tokens": 100_000}, "would be read"),
    ],
    ids=["unknown", "left out", "too often"],
)
def test_what_cannot_be_mixed_is_refused_with_a_way_out(tmp_path, polish, config, message):
    with pytest.raises(UsageError, match=message):
        mix(tmp_path, [polish], **config)


def test_tokens_of_different_tokenizers_are_refused(tmp_path, polish):
    other = tokens(tmp_path, "other", [("x", None, 10)], tokenizer="another")
    with pytest.raises(DataError, match="different tokenizers"):
        mix(tmp_path, [polish, other], groups={"a": {"epochs": 1}})


@pytest.mark.parametrize(
    "groups_",
    [
        {},
        {"a": {}},
        {"a": {"weight": 1, "epochs": 1}},
        {"a": {"weight": 1}, "b": {"sources": ["x"], "epochs": 1}},
        {"a": {"sources": ["x"], "epochs": 1}, "b": {"sources": ["x"], "epochs": 1}},
    ],
    ids=["none", "neither", "both", "mixed", "twice"],
)
def test_a_recipe_that_contradicts_itself_is_refused(groups_):
    with pytest.raises(ValidationError):
        MixtureConfig(groups=groups_)
