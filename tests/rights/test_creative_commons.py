import pytest

from mowa.rights._creative_commons import spdx_of


@pytest.mark.parametrize(
    ("url", "licence"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by-sa/3.0/deed.pl", "CC-BY-SA-3.0"),
        ("http://creativecommons.org/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        ("https://creativecommons.org/licenses/by-sa/3.0/pl/deed.pl", "CC-BY-SA-3.0"),
        ("//www.creativecommons.org/licenses/BY-NC-ND/4.0", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/deed.pl", "CC-PDM-1.0"),
        ("https://creativecommons.org/licenses/by-xx/4.0/", None),
        ("https://creativecommons.org/licenses/by/9.9/", None),
        ("https://example.org/creativecommons.org/licenses/by/4.0/", None),
        ("https://creativecommons.org.example/licenses/by/4.0/", None),
        ("", None),
    ],
)
def test_the_address_of_a_licence_is_its_spdx_identifier_or_none(url, licence):
    assert spdx_of(url) == licence
