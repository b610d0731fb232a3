import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mowa.training import _plan as plan_module
from mowa.training._plan import IGNORED, PackingPlan

DOCUMENTS = [6, 0, 4, 1, 3, 5, 2]
BLOCKS = [3, 7, 6, 8, 5, 1, 2, 0, 4]
DIGEST = "eb29be41272293ca449c17e5c3f4cc95"


class Stream:
    """Documents whose token at offset k is its position in the split: every token is another."""

    def __init__(self, lengths):
        self.lengths = np.array(lengths)
        self.starts = np.cumsum(self.lengths) - self.lengths

    def read(self, start, stop):
        assert 0 <= start <= stop <= self.lengths.sum()
        return np.arange(start, stop, dtype=np.uint16)


def plan_over(lengths, **options):
    defaults = {"sequence_length": 8, "seed": 0}
    return PackingPlan(np.array(lengths), **(defaults | options))


lengths_of_documents = st.lists(st.integers(2, 40), min_size=1, max_size=30)


@settings(deadline=None)
@given(
    lengths=lengths_of_documents,
    sequence_length=st.integers(2, 20),
    epochs=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
def test_each_epoch_reads_each_token_once_and_targets_all_but_the_first_of_a_document(
    lengths, sequence_length, epochs, seed
):
    stream = Stream(lengths)
    plan = PackingPlan(stream.lengths, sequence_length=sequence_length, seed=seed)
    numbers = range(epochs * plan.blocks_per_epoch)
    firsts = set(stream.starts.tolist())
    for epoch in range(epochs):
        inputs, targets = [], []
        for number in numbers[epoch * plan.blocks_per_epoch :][: plan.blocks_per_epoch]:
            block = plan.read(stream, number)
            real = block.segments >= 0
            assert (block.labels[~real] == IGNORED).all()
            labelled = block.labels != IGNORED
            assert labelled.sum() == plan.targets(number)
            # A label is what stands next in the same document.
            assert (block.labels[labelled] == block.input_ids[labelled] + 1).all()
            assert not firsts & set(block.labels[labelled].tolist())
            inputs.extend(block.input_ids[real].tolist())
            targets.extend(block.labels[labelled].tolist())
        everything = range(int(stream.lengths.sum()))
        assert sorted(inputs) == list(everything)
        assert sorted(targets) == [token for token in everything if token not in firsts]


@settings(deadline=None)
@given(lengths=lengths_of_documents, sequence_length=st.integers(2, 20))
def test_segments_are_documents_and_positions_begin_again_in_each(lengths, sequence_length):
    stream = Stream(lengths)
    plan = plan_over(lengths, sequence_length=sequence_length)
    document_of = np.repeat(np.arange(len(lengths)), lengths)
    for number in range(2 * plan.blocks_per_epoch):
        block = plan.read(stream, number)
        for segment in range(int(block.segments.max()) + 1):
            at = block.segments == segment
            assert len(set(document_of[block.input_ids[at]].tolist())) == 1
            assert block.positions[at].tolist() == list(range(int(at.sum())))


def test_a_block_needs_no_state():
    stream = Stream([13, 5, 30, 2, 9])
    plan, again = (plan_over(stream.lengths, seed=9) for _ in range(2))
    forwards = [plan.read(stream, number) for number in range(2 * plan.blocks_per_epoch)]
    for number in reversed(range(2 * plan.blocks_per_epoch)):
        block = again.read(stream, number)
        for name in ("input_ids", "labels", "positions", "segments"):
            assert np.array_equal(getattr(block, name), getattr(forwards[number], name))


def test_the_order_is_another_in_each_epoch_and_with_each_seed():
    stream = Stream([5] * 40)
    plan = plan_over(stream.lengths)
    half = plan.blocks_per_epoch

    def tokens(of, numbers):
        return [of.read(stream, number).input_ids.tolist() for number in numbers]

    assert tokens(plan, range(half)) != tokens(plan, range(half, 2 * half))
    other = plan_over(stream.lengths, seed=1)
    assert tokens(plan, range(half)) != tokens(other, range(half))


def test_the_order_is_pinned():
    """Changes only with the plan's revision: a checkpoint of an older order must be refused."""
    plan = plan_over([13, 5, 30, 2, 9, 4, 4], seed=42)
    assert plan._epoch(0)._documents.at(np.arange(7)).tolist() == DOCUMENTS
    assert [plan._epoch(1).blocks[place] for place in range(9)] == BLOCKS
    assert plan.digest() == DIGEST


def test_groups_of_documents_are_only_a_way_to_look_them_up(monkeypatch):
    stream = Stream(np.random.default_rng(3).integers(2, 9, 1000).tolist())
    plans = []
    for group, at_once in ((256, 4096), (7, 2)):
        monkeypatch.setattr(plan_module, "_GROUP", group)
        monkeypatch.setattr(plan_module, "_AT_ONCE", at_once)
        plan = plan_over(stream.lengths)
        blocks = [plan.read(stream, number) for number in range(plan.blocks_per_epoch)]
        plans.append([block.input_ids.tolist() for block in blocks])
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"sequence_length": 9},
        {"lengths": [10, 21]},
    ],
)
def test_whatever_changes_the_plan_changes_its_digest(change):
    changed = {"lengths": [10, 20], **change}
    assert plan_over(changed.pop("lengths"), **changed).digest() != plan_over([10, 20]).digest()
