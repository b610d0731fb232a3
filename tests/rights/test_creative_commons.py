"""Addresses of licences as SPDX identifiers."""

import pytest

from mowa.rights import canonical_licence, spdx_of, stated_licence

BASE = "https://creativecommons.org"


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.5", "3.0", "4.0"])
@pytest.mark.parametrize("name", ["by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa"])
def test_every_international_licence_has_an_identifier_that_spdx_knows(name, version):
    licence = spdx_of(f"{BASE}/licenses/{name}/{version}/")
    assert licence == f"CC-{name.upper()}-{version}"
    assert canonical_licence(licence) == licence


@pytest.mark.parametrize(
    ("url", "licence"),
    [
        (f"{BASE}/licenses/by-sa/4.0/deed.pl", "CC-BY-SA-4.0"),
        (f"{BASE}/licenses/by-sa/4.0/legalcode.pl#s3", "CC-BY-SA-4.0"),
        (f"{BASE}/licenses/by/4.0/deed.pl?ref=chooser-v1", "CC-BY-4.0"),
        ("http://www.creativecommons.org/licenses/BY/3.0", "CC-BY-3.0"),
        ("//creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        (f" {BASE}/licenses/by/4.0/ \n", "CC-BY-4.0"),
        (f"{BASE}/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        (f"{BASE}/licenses/by/3.0/igo/", "CC-BY-3.0-IGO"),
        (f"{BASE}/licenses/by-sa/3.0/pl/deed.pl", "LicenseRef-CC-BY-SA-3.0-PL"),
        (f"{BASE}/licenses/by-nc/2.5/pl/", "LicenseRef-CC-BY-NC-2.5-PL"),
        (f"{BASE}/licenses/by/4.0/pl/", "CC-BY-4.0"),
        (f"{BASE}/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        (f"{BASE}/licenses/sa/1.0/", "CC-SA-1.0"),
        (f"{BASE}/publicdomain/zero/1.0/", "CC0-1.0"),
        (f"{BASE}/publicdomain/mark/1.0/deed.pl", "CC-PDM-1.0"),
        (f"{BASE}/licenses/by/9.9/", None),
        (f"{BASE}/licenses/by/2.1/", None),
        (f"{BASE}/licenses/by-everything/4.0/", None),
        (f"{BASE}/licenses/zero/1.0/", None),
        (f"{BASE}/publicdomain/zero/1.0/pl/", None),
        (BASE, None),
        (f"{BASE}.evil.example/licenses/by/4.0/", None),
        ("https://example.org/?x=creativecommons.org/licenses/by/4.0/", None),
        ("", None),
    ],
)
def test_addresses_as_people_write_them(url, licence):
    assert spdx_of(url) == licence
    assert licence is None or canonical_licence(licence) == licence


def test_a_stated_licence_is_an_address_or_an_expression_and_never_a_guess():
    assert stated_licence("cc0-1.0 OR mit") == "CC0-1.0 OR MIT"
    assert stated_licence(f"{BASE}/licenses/by/4.0/") == "CC-BY-4.0"
    for text in (
        "",
        "NOASSERTION",
        "Domena publiczna",
        "CC BY 4.0 i inne",
        "https://a.pl/licencja",
    ):
        assert stated_licence(text) is None
