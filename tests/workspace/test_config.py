import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mowa.workspace import StepConfig, canonical, fingerprint, identity_of, runtime, runtime_of


class Inner(StepConfig):
    size: int = 3
    threads: int = runtime(1, "threads")


class Outer(StepConfig):
    name: str = "żuraw"
    inner: Inner = Inner()
    shares: dict[str, float] = Field(default_factory=dict)
    folder: str = runtime("", "where")
    more: list[Inner] = Field(default_factory=list)


def test_runtime_fields_stay_out_of_the_identity_at_every_depth():
    config = Outer(
        folder="/srv/x",
        inner=Inner(size=4, threads=9),
        shares={"a": 0.5},
        more=[Inner(), Inner(size=5, threads=2)],
    )
    assert identity_of(config) == {
        "name": "żuraw",
        "inner": {"size": 4},
        "shares": {"a": 0.5},
        "more": [{"size": 3}, {"size": 5}],
    }
    assert runtime_of(config) == {
        "folder": "/srv/x",
        "inner": {"threads": 9},
        "more": [{"threads": 1}, {"threads": 2}],
    }


@pytest.mark.parametrize(
    "value", [{1, 2}, Path("x"), date(2026, 1, 1), b"x", {1: "a"}, {"a": object()}, [(1, {2})]]
)
def test_what_has_no_one_form_is_refused(value):
    with pytest.raises(TypeError, match=r"\$"):
        canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_floats_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="no canonical form"):
        canonical(value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_the_canonical_form_reads_back_and_ignores_the_order_of_keys(value):
    import json

    def reordered(item):
        if isinstance(item, dict):
            return {key: reordered(item[key]) for key in reversed(list(item))}
        return [reordered(x) for x in item] if isinstance(item, list) else item

    assert json.loads(canonical(value)) == value
    assert canonical(reordered(value)) == canonical(value)


def test_everything_in_a_fingerprint_counts():
    base = fingerprint("corpus", 1, {"a": 1}, {"documents": ["x", "y"]})
    others = [
        fingerprint("tokens", 1, {"a": 1}, {"documents": ["x", "y"]}),
        fingerprint("corpus", 2, {"a": 1}, {"documents": ["x", "y"]}),
        fingerprint("corpus", 1, {"a": 1.0}, {"documents": ["x", "y"]}),
        fingerprint("corpus", 1, {"a": True}, {"documents": ["x", "y"]}),
        fingerprint("corpus", 1, {"a": 1}, {"documents": ["y", "x"]}),
        fingerprint("corpus", 1, {"a": 1}, {"signals": ["x", "y"]}),
    ]
    assert len({base, *others}) == 7
    # Golden: a change of this value makes every workspace of every user stale.
    assert base == "4d08a2771b9b9db65fe65284118dab46"
