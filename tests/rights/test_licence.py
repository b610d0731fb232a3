import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses._spdx import LICENSES

from mowa.rights import canonical_licence, nearest_licences


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
        (
            "mit and (apache-2.0 or LicenseRef-Umowa-7)",
            "MIT AND (Apache-2.0 OR LicenseRef-Umowa-7)",
        ),
        ("GPL-2.0-or-later with Classpath-exception-2.0",) * 2,
        ("noassertion", "NOASSERTION"),
    ],
)
def test_an_expression_gets_its_canonical_spelling(written, canonical):
    assert canonical_licence(written).lower() == canonical.lower()
    assert canonical_licence(canonical_licence(written)) == canonical_licence(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("CC-BY-SA4.0", "CC-BY-SA-4.0"),
        ("CC0", "CC0-1.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("GPL-3", "GPL-3.0-or-later"),
        ("MIT OR Apache2.0", "Apache-2.0"),
    ],
)
def test_an_unknown_licence_is_refused_with_the_nearest_identifiers(written, meant):
    with pytest.raises(
        ValueError, match="is not an SPDX licence expression; did you mean"
    ) as caught:
        canonical_licence(written)
    assert meant in str(caught.value)


@pytest.mark.parametrize(
    "written", ["", "   ", "MIT OR", "za darmo", "LicenseRef-ż", "MIT; CC0-1.0"]
)
def test_what_resembles_no_licence_is_refused(written):
    with pytest.raises(ValueError, match="is not an SPDX licence expression"):
        canonical_licence(written)


def test_a_known_word_is_never_among_the_suggestions():
    assert nearest_licences("MIT OR Apache2.0")[0] == "Apache-2.0"
    assert "MIT" not in nearest_licences("MIT OR Apache2.0")


def test_suggestions_are_missing_when_packaging_has_no_list(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.licenses._spdx", None)
    assert nearest_licences("CC BY 4.0") == []
    with pytest.raises(ValueError, match=r"expression$"):
        canonical_licence("CC BY 4.0")


@given(st.sampled_from(sorted(LICENSES)))
def test_every_identifier_of_the_list_is_accepted_in_any_case(identifier):
    wanted = LICENSES[identifier]["id"]
    assert canonical_licence(identifier.upper()) == canonical_licence(identifier) == wanted


@given(st.text(max_size=40))
def test_any_text_is_accepted_or_refused_and_nothing_else(text):
    try:
        canonical_licence(text)
    except ValueError as error:
        assert "is not an SPDX licence expression" in str(error)  # noqa: PT017
