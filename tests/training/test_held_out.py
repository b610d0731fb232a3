import math
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from tiny_training import pretrain, tiny_config, write_tokens
from transformers import AutoModelForCausalLM

from mowa.model import TokenizerFacts, build
from mowa.training import TokenSplit
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward
from mowa.training._held_out import HeldOut, bits_per_byte, choose_documents
from mowa.training._metrics import read_metrics
from mowa.training._plan import IGNORED

FACTS = TokenizerFacts(300, 0, 1, 2)


@pytest.fixture
def split(tmp_path):
    draw = np.random.default_rng(0)
    lengths = [2, 3, 40, 33, 34, 65, 5, 7, 32]
    rows = [([0, *draw.integers(3, 300, n - 2).tolist(), 1], 3 * n) for n in lengths]
    write_tokens(tmp_path / "tokens", {"held_out": rows, "empty": []})
    return TokenSplit.open(tmp_path / "tokens", "held_out")


def forward_of(precision="fp32"):
    model = build(tiny_config(architecture={"init_std": 0.2}).architecture, FACTS, 0)
    return Forward(model, device=torch.device("cpu"), precision=precision, sequence_length=32)


def test_bits_per_byte_are_those_of_each_window_alone(split):
    forward = forward_of()
    nats = 0.0
    for document in range(split.documents):
        start = int(split.starts[document])
        tokens = torch.tensor(split.read(start, start + int(split.lengths[document])).tolist())
        for begin in range(0, len(tokens) - 1, 32):
            window = tokens[begin : begin + 33]
            with torch.no_grad():
                logits = forward.model(window[None, :-1]).logits[0]
            nats += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
    expected = nats / math.log(2) / sum(split.text_bytes.tolist())
    held_out = HeldOut(split, sequence_length=32, documents=None)
    for rows in (1, 4):
        assert bits_per_byte(forward, [held_out], Ranks(), micro=rows).total == pytest.approx(
            expected, rel=1e-5
        )
    assert sum(held_out.bytes(source) for source in held_out.sources) == split.bytes
    assert bits_per_byte(forward_of("bf16"), [held_out], Ranks(), micro=2).total == pytest.approx(
        expected, rel=5e-3
    )


def test_every_token_but_bos_is_counted_once(split):
    held_out = HeldOut(split, sequence_length=32, documents=None)
    labels = np.concatenate([row.labels[row.labels != IGNORED] for row in held_out.rows("tiny")])
    everything = split.read(0, split.tokens)
    assert sorted(labels.tolist()) == sorted(everything[everything != 0].tolist())


def test_documents_are_chosen_by_hash_whatever_their_order(split):
    chosen = choose_documents(split, 4)
    assert len(chosen) == 4
    assert chosen == sorted(chosen)
    assert set(choose_documents(split, 2)) < set(chosen)
    assert choose_documents(split, None) == choose_documents(split, 99) == list(range(9))
    assert HeldOut(split, sequence_length=32, documents=4).documents == 4


def test_no_held_out_text_has_no_measure(split):
    empty = TokenSplit.open(split._folder, "empty")
    nothing = HeldOut(empty, sequence_length=32, documents=5)
    assert bits_per_byte(forward_of(), [nothing], Ranks(), micro=1).total is None


def test_each_of_two_sources_is_measured_by_hand_and_shown(world, tmp_path):
    """Two shards of held-out documents, of which the second is of another source."""
    root = tmp_path / "world"
    shutil.copytree(world / "tokens", root / "tokens")
    (root / "tokenizer").symlink_to(world / "tokenizer")
    folder = root / "tokens" / "held_out"
    second = folder / "b-00000-000.documents.parquet"
    pl.read_parquet(second).with_columns(source=pl.lit("other")).write_parquet(second)
    out = root / "out"
    metrics = pretrain(root, out, steps=2, warmup_steps=0)

    model = AutoModelForCausalLM.from_pretrained(out)
    sums = {}
    for source, shard in (("tiny", "a-00000-000"), ("other", "b-00000-000")):
        ids = np.load(folder / f"{shard}.npy").astype(np.int64)
        table = pl.read_parquet(folder / f"{shard}.documents.parquet")
        nats = 0.0
        for offset, length in table.select("offset", "length").iter_rows():
            tokens = torch.tensor(ids[offset : offset + length])
            for begin in range(0, length - 1, 32):
                window = tokens[begin : begin + 33]
                with torch.no_grad():
                    logits = model(window[None, :-1]).logits[0]
                nats += float(
                    torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum")
                )
        sums[source] = (nats / math.log(2), table["bytes"].sum())
    expected = {source: bits / size for source, (bits, size) in sums.items()}
    assert metrics["held_out_bpb_by_source"] == pytest.approx(expected, rel=1e-5)
    together = [sum(column) for column in zip(*sums.values(), strict=True)]
    assert metrics["held_out_bpb_after"] == pytest.approx(together[0] / together[1], rel=1e-5)

    page = (out / "report.html").read_text("utf-8")
    section = page[page.index("Held-out documents of each source") :]
    before = read_metrics(out / "metrics.jsonl")[0]["held_out_bpb_by_source"]
    for source, after in metrics["held_out_bpb_by_source"].items():
        cells = "".join(f'<td class="number">{each:,.4g}</td>' for each in (before[source], after))
        assert f">{source}</th>{cells}" in section
