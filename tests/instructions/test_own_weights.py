"""What a row of one question and one answer says of its weight and language; budgets that hold."""

import json

import pytest
from pydantic import ValidationError

from mowa.instructions import Dialogue, fault_of
from mowa.instructions.importers._common import BadRowError
from mowa.instructions.importers._single import from_instruction
from mowa.instructions.making import GenerateDialoguesConfig, JudgeDialoguesConfig

ROW = {"instruction": "Kto?", "output": "Nikt."}
BASE = Dialogue("a", ())
MODEL = {"url": "http://127.0.0.1:1/v1", "name": "m"}


@pytest.mark.parametrize(("weight", "kept"), [(0.3, 0.3), (0, 0.0), (None, None)])
def test_a_row_keeps_its_own_weight(weight, kept):
    (made,) = from_instruction(ROW | {"weight": weight}, BASE)
    assert made.weight == kept
    assert fault_of(made) is None


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_a_fault(weight):
    (made,) = from_instruction(ROW | {"weight": weight}, BASE)
    assert fault_of(made) == "weight is negative or no number"


@pytest.mark.parametrize("weight", ["2.0", True, []])
def test_a_weight_of_another_kind_is_refused(weight):
    with pytest.raises(BadRowError, match="weight"):
        from_instruction(ROW | {"weight": weight}, BASE)


def test_a_language_that_nobody_knows_is_kept_among_the_details():
    (made,) = from_instruction(ROW | {"language": "klingon"}, BASE)
    assert made.language is None
    assert json.loads(made.details) == {"language": "klingon"}
    (known,) = from_instruction(ROW | {"language": "pl"}, BASE)
    assert (known.language, known.details) == ("pol", None)


@pytest.mark.parametrize("prices", [[-5.0, 1.0], [1.0, float("nan")], [float("inf"), 1.0]])
def test_prices_that_no_budget_could_hold_are_refused(prices):
    with pytest.raises(ValidationError):
        GenerateDialoguesConfig.model_validate({"model": MODEL | {"prices": prices}})


def test_a_limit_of_costs_needs_prices():
    budget = {"max_cost": 0.5}
    with pytest.raises(ValidationError, match="max_cost needs the prices"):
        GenerateDialoguesConfig.model_validate({"model": MODEL, "budget": budget})
    with pytest.raises(ValidationError, match="max_cost needs the prices"):
        JudgeDialoguesConfig.model_validate({"judges": [{"model": MODEL}], "budget": budget})
    priced = MODEL | {"prices": [1.0, 2.0]}
    assert GenerateDialoguesConfig.model_validate({"model": priced, "budget": budget}).budget
