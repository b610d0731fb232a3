"""Krippendorff's alpha against the package of that name."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.corpus.labels import Label, agreement, krippendorff_alpha

CLASSES = ("HIGH", "MEDIUM", "LOW", "NEVER")
answers = st.lists(
    st.lists(st.sampled_from([*CLASSES[:3], None]), min_size=4, max_size=4),
    min_size=1, max_size=12,
)  # fmt: skip


@given(answers, st.sampled_from(["nominal", "ordinal"]))
def test_alpha_agrees_with_the_package_on_any_answers(rows, level):
    ours = krippendorff_alpha(
        [[value for value in row if value is not None] for row in rows], CLASSES, level
    )
    paired = [row for row in rows if sum(value is not None for value in row) > 1]
    if len({value for row in paired for value in row} - {None}) < 2:
        assert ours is None
        return
    numbers = np.array(
        [[np.nan if value is None else CLASSES.index(value) for value in row] for row in rows]
    ).T
    theirs = krippendorff.alpha(
        reliability_data=numbers, value_domain=[0, 1, 2, 3], level_of_measurement=level
    )
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_alpha_of_krippendorffs_own_example_is_what_he_prints():
    """Krippendorff 2011, section C: nominal data, two observers, no missing data."""
    left, right = "aabbdcccedda", "babbbccceddd"
    units = list(zip(left, right, strict=True))
    assert krippendorff_alpha(units, "abcde", "nominal") == pytest.approx(0.692, abs=0.0005)


def said(document, label, annotator, mark=None):
    return Label(document, mark or document, label, annotator, "2026-01-31T12:00:00+00:00", "c@1")


def test_copies_of_a_text_are_one_text_and_pairs_are_counted_by_class():
    labels = [
        said("a", "HIGH", "ewa"), said("b", "HIGH", "jan", mark="a"),
        said("c", "HIGH", "ewa"), said("c", "LOW", "jan"),
        said("d", "LOW", "ewa"),
    ]  # fmt: skip
    found = agreement(labels, ("HIGH", "LOW"), ordered=False)
    assert (found.texts, found.shared) == (3, 2)
    assert found.annotators == {"ewa": 3, "jan": 2}
    assert found.classes == {
        "HIGH": {"labels": 3, "agree": 1, "disagree": 1},
        "LOW": {"labels": 2, "agree": 0, "disagree": 1},
    }
    assert found.ordinal is None
    assert found.nominal == pytest.approx(0.0, abs=1e-9)
