import pytest
from real_data import real
from warc_pages import gz, record

from mowa.collect import ReaderOptions, Record, Skipped, format_of, read_file
from mowa.errors import DataError

TEXT = b"Muzeum Wsi Opolskiej\nZapraszamy od wtorku do niedzieli.\n"


def conversion(name, text=TEXT, *, refers="r", language="pol,deu", media="text/plain"):
    extra = f"WARC-Refers-To: <urn:uuid:{refers}>\r\n" if refers else ""
    extra += f"WARC-Identified-Content-Language: {language}\r\n" if language else ""
    raw = record(name, text, kind="conversion", extra=extra)
    return raw.replace(b"application/http; msgtype=response", media.encode())


INFO = record("i", b"Software-Info: ia-web-commons\r\n", kind="warcinfo")


@pytest.mark.parametrize("name", ["a.warc.wet", "a.wet", "a.warc.wet.gz"])
def test_a_conversion_is_a_record_known_by_its_response(read, name):
    raw = gz(INFO, conversion("a")) if name.endswith(".gz") else INFO + conversion("a")
    info, found = read(name, raw)
    assert (info.reason, info.detail) == ("not-a-conversion", "warcinfo")
    at = len(gz(INFO)) if name.endswith(".gz") else len(INFO)
    assert found == Record(
        key="urn:uuid:r",
        locator=f"{name}#offset={at}&record=<urn:uuid:a>",
        text=TEXT.decode(),
        url="https://przyklad.pl/ż",
        captured="2026-01-02T03:04:05Z",
        language="pol",
    )


def test_what_refers_to_nothing_is_known_by_itself_and_languages_may_be_unknown(read):
    (found,) = read("a.wet", conversion("a", refers="", language=""))
    assert (found.key, found.language) == ("urn:uuid:a", None)


def test_damage_is_met_as_in_a_warc_file(outline):
    whole = gz(INFO, conversion("a", refers="1"), conversion("b", refers="2"))
    assert outline("a.wet.gz", whole[:-30], bad_input="skip") == [
        "-not-a-conversion",
        "urn:uuid:1",
        "-truncated-gzip",
    ]
    broken = bytearray(whole)
    at = len(gz(INFO)) + 40
    broken[at : at + 20] = bytes(20)
    found = outline("a.wet.gz", bytes(broken), bad_input="skip")
    assert found[0] == "-not-a-conversion"
    assert found[-1] == "urn:uuid:2"
    with pytest.raises(DataError):
        outline("a.wet.gz", bytes(broken))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (conversion("a", b"\xb3\xf3d\xbc"), "invalid-utf-8"),
        (conversion("a", b"x" * 2000), "record-too-large"),
        (conversion("a", media="application/pdf"), "not-text"),
    ],
)
def test_what_is_no_text_is_counted(outline, raw, reason):
    options = {"bad_input": "skip", "max_record_bytes": 1000}
    assert outline("a.wet", raw + conversion("b"), **options) == [f"-{reason}", "urn:uuid:r"]


def test_a_wet_file_goes_by_its_name():
    assert format_of("CC-MAIN-1.warc.wet.gz", ReaderOptions()) == "wet"


def test_a_file_of_common_crawl_is_read_with_the_keys_of_its_pages():
    folder = real("warc/commoncrawl-whirlwind")
    pages = {}
    for name in ("whirlwind.warc.gz", "whirlwind.warc.wet.gz", "whirlwind.warc.wet"):
        found = list(read_file(folder / name, name, ReaderOptions()))
        pages[name] = [item for item in found if isinstance(item, Record)]
        assert all(isinstance(item, Record | Skipped) for item in found)
    (page,), (packed,), (text,) = pages.values()
    assert text.key == packed.key == page.key
    assert text.url == page.url == "https://an.wikipedia.org/wiki/Escopete"
    assert text.language == "spa"
    assert text.text == packed.text
    assert text.text.startswith("Escopete - Biquipedia, a enciclopedia libre\n")
