"""What goes into a batch: the same ids in every number of processes, of any width."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from tiny_training import tiny_config

from mowa.errors import UsageError
from mowa.training import TokenSplit, _loop
from mowa.training._batches import read_batch
from mowa.training._distribution import Ranks
from mowa.training._objective import NextToken
from mowa.training._order import TrainingOrder
from mowa.training._plan import IGNORED, PackingPlan
from mowa.training._stop import StopRequest
from mowa.workspace import FileRecord, digest, verify
from tests.made_artifacts import artifact

CPU = torch.device("cpu")


@pytest.fixture
def objective(world):
    split = TokenSplit.open(world / "tokens", "train")
    plan = PackingPlan(split.lengths, sequence_length=32, seed=0)
    order = TrainingOrder([plan], blocks_per_batch=8, seed=0, steps=3, blocks=20)
    return NextToken(order, [split], [])


@pytest.mark.parametrize("micro", [1, 3])
@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_processes_read_the_ids_of_one_in_its_order(objective, world_size, micro):
    for step in range(3):
        whole = [objective.read(place) for place in objective.order.batch(step)]
        batches = [
            read_batch(objective, step, micro=micro, ranks=Ranks(rank, world_size), device=CPU)
            for rank in range(world_size)
        ]
        read = torch.cat([rows.input_ids for batch in batches for rows in batch.passes])
        labels = torch.cat([rows.labels for batch in batches for rows in batch.passes])
        assert read[: len(whole)].tolist() == [block.input_ids.tolist() for block in whole]
        # What fills the last, smaller batch up has no targets.
        assert (labels[len(whole) :] == IGNORED).all()
        targets = sum(int((block.labels != IGNORED).sum()) for block in whole)
        assert {batch.sizes.divisor for batch in batches} == {targets}
        assert len({len(batch.passes) for batch in batches}) == 1


@pytest.mark.parametrize("large", [2**31, 2**32 - 1])
def test_ids_that_need_all_bits_of_four_bytes_come_through_the_plan(tmp_path, large):
    folder = tmp_path / "train"
    folder.mkdir()
    ids = np.array([0, 7, large, 2**31 - 1, 1], np.uint32)
    np.save(folder / "a.npy", ids)
    table = {"doc_id": ["a"], "offset": [0], "length": [5], "bytes": [3], "source": ["tiny"]}
    pl.DataFrame(table).write_parquet(folder / "a.documents.parquet")
    shard = {"name": "a", "documents": 1, "tokens": 5, "bytes": 3}
    part = {"documents": 1, "tokens": 5, "bytes": 3, "shards": [shard]}
    index = {"vocab_size": 2**32, "dtype": "uint32", "bos_id": 0, "eos_id": 1}
    (tmp_path / "tokens.json").write_text(json.dumps(index | {"splits": {"train": part}}))
    split = TokenSplit.open(tmp_path, "train")
    block = PackingPlan(split.lengths, sequence_length=8, seed=0).read(split, 0)
    assert block.input_ids.tolist()[:5] == ids.tolist()
    assert block.labels.tolist()[:5] == [*ids.tolist()[1:], IGNORED]


def test_shards_are_mapped_and_never_read_whole(world, objective, monkeypatch):
    real, opened = np.load, []

    def load(path, **options):
        opened.append(real(path, **options))
        return opened[-1]

    monkeypatch.setattr(np, "load", load)
    (split,) = objective.splits
    read_batch(objective, 0, micro=8, ranks=Ranks(), device=CPU)
    assert opened
    assert all(type(array) is np.memmap for array in opened)
    assert all(type(array) is np.memmap for array in split._open.values())
    assert sum(len(array) for array in opened) == split.tokens


def test_ids_changed_in_place_are_found_by_their_hash_not_by_reading(world, tmp_path):
    """Opening looks at sizes: to hash a corpus before each run would take as long as reading it."""
    folder = shutil.copytree(world / "tokens", tmp_path / "tokens")
    path = folder / "train" / "a-00000-000.npy"
    name = path.relative_to(folder).as_posix()
    record = FileRecord(name, path.stat().st_size, digest(path))
    made = replace(artifact(folder, "tokens"), files=(record,))
    assert name not in {fault.path for fault in verify(made)}
    ids = np.load(path)
    ids[3] += 1
    np.save(path, ids)
    assert TokenSplit.open(folder, "train").tokens
    assert (name, "changed") in {(fault.path, fault.what) for fault in verify(made)}


def test_three_processes_that_do_not_divide_the_batch_are_refused_before_anything_is_done(
    world, objective, tmp_path
):
    with pytest.raises(UsageError, match="3 processes do not divide the 4 blocks of a batch"):
        _loop.train(
            tiny_config(),
            None,
            optimizer="adamw",
            precision="fp32",
            objective=objective,
            out=tmp_path,
            identity={},
            threads=1,
            progress=None,
            ranks=Ranks(1, 3),
            device=CPU,
            stop=StopRequest(tmp_path),
        )
    assert list(tmp_path.iterdir()) == []
