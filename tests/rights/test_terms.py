"""What licences ask and forbid."""

import pytest

from mowa.rights import asks_attribution, forbids_commerce, forbids_derivatives


@pytest.mark.parametrize(
    ("licence", "derivatives", "commerce", "attribution"),
    [
        ("CC-BY-NC-ND-4.0", True, True, True),
        ("LicenseRef-CC-BY-ND-3.0-PL", True, False, True),
        ("CC-BY-SA-4.0 AND GPL-3.0-only", False, False, True),
        ("CC0-1.0 AND CC-BY-ND-4.0", True, False, True),
        ("MIT OR CC-BY-ND-4.0", False, False, True),
        ("CC-BY-ND-4.0 OR CC-BY-NC-ND-4.0", True, False, True),
        ("CC0-1.0 AND (CC-BY-NC-4.0 OR CC-BY-NC-SA-4.0)", False, True, True),
        ("(CC0-1.0 OR CC-BY-4.0) AND CC-BY-NC-4.0", False, True, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False, False, True),
        ("CC-PDM-1.0", False, False, False),
        ("LicenseRef-PL-official-text", False, False, False),
        ("LicenseRef-ND-umowa", False, False, True),
        ("CC0-1.0 and cc-by-nd-4.0", True, False, True),
        ("CC-BY-ND-4.0+", True, False, True),
        ("MIT OR", False, False, False),
        ("ugadane", False, False, False),
        ("", False, False, False),
        ("NOASSERTION", False, False, False),
        (None, False, False, False),
    ],
)
def test_terms_are_read_off_the_expression(licence, derivatives, commerce, attribution):
    assert forbids_derivatives(licence) is derivatives
    assert forbids_commerce(licence) is commerce
    assert asks_attribution(licence) is attribution
