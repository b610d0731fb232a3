import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError, MowaError, UsageError
from mowa.rights import available_sources, load_source

GOOD = {
    "title": '"Dziennik Ustaw"',
    "holder": '"Rządowe Centrum Legislacji"',
    "url": '"https://dziennikustaw.gov.pl"',
    "licence": '"LicenseRef-official-text"',
    "legal_basis": '"official_text"',
    "release": '"open"',
    "language": '"pol"',
    "collected_at": '"2026-05-01"',
    "collected_how": '"pobrano z serwisu, jeden akt w pliku"',
}


@pytest.fixture
def register(tmp_path):
    def write(name="ustawy", /, **changes):
        keys = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
        page = "".join(f"{key} = {value}\n" for key, value in keys.items())
        (tmp_path / f"{name}.toml").write_text(page, "utf-8")
        return tmp_path

    return write


def refusal(folder, name="ustawy"):
    with pytest.raises(UsageError) as caught:
        load_source(folder, name)
    return str(caught.value)


def test_a_source_is_read_with_its_name_from_the_file(register):
    source = load_source(register(), "ustawy")
    assert source.name == "ustawy"
    assert source.holder == "Rządowe Centrum Legislacji"
    assert source.agreement is None
    assert source.model_dump(mode="json")["collected_at"] == "2026-05-01"


@pytest.mark.parametrize("day", ["2026-05-01", "2026-05-01T12:30:00", '"2026-05-01"'])
def test_a_day_may_be_text_or_a_date_of_toml(register, day):
    assert load_source(register(collected_at=day), "ustawy").collected_at == "2026-05-01"


def test_a_licence_is_put_into_its_canonical_spelling(register):
    folder = register(licence='"cc-by-4.0"', legal_basis='"open_licence"')
    assert load_source(folder, "ustawy").licence == "CC-BY-4.0"


def test_sources_are_listed_by_name(register):
    folder = register("b")
    register("a-2")
    (folder / ".ukryte.toml").touch()
    (folder / "notatki.txt").touch()
    assert available_sources(folder) == ["a-2", "b"]


def test_an_unknown_key_is_refused_with_the_nearest_known_one(register):
    message = refusal(register(lisence='"MIT"'))
    assert "lisence: unknown key" in message
    assert "did you mean licence?" in message
    assert "ustawy.toml" in message
    assert "keys are: name, title" in refusal(register(qwertyuiop="1"))


def test_all_mistakes_are_told_at_once(register):
    message = refusal(register(holder=None, release='"opne"', url='"gdzieś"'))
    assert "holder: missing" in message
    assert "release: 'opne' is none of 'open' or 'research'" in message
    assert "url: a url begins with https://" in message
    assert "what to do: add the key holder" in message


def test_a_wrong_choice_is_refused_with_the_nearest_right_one(register):
    assert 'did you mean release = "open"?' in refusal(register(release='"opne"'))
    message = refusal(register(legal_basis='"czary"'))
    assert "legal_basis: 'czary' is none of" in message
    assert "what to do" not in message


def test_an_unknown_licence_is_refused_with_the_nearest_identifier(register):
    message = refusal(register(licence='"CC BY 4.0"'))
    assert "licence: 'CC BY 4.0' is not an SPDX licence expression" in message
    assert "CC-BY-4.0" in message


def test_noassertion_is_only_for_mining(register):
    mined = register(licence='"NOASSERTION"', legal_basis='"tdm_art26_3"')
    assert load_source(mined, "ustawy").licence == "NOASSERTION"
    message = refusal(register(licence='"NOASSERTION"', legal_basis='"open_licence"'))
    assert "needs a licence; NOASSERTION is for tdm_art26_3 and research_art26_2" in message


@pytest.mark.parametrize(
    ("basis", "agreement", "right"),
    [
        ('"agreement"', '"umowa 7/2026"', True),
        ('"agreement"', None, False),
        ('"agreement"', '""', False),
        ('"consent"', '"umowa 7/2026"', False),
        ('"consent"', None, True),
    ],
)
def test_an_agreement_is_named_exactly_when_there_is_one(register, basis, agreement, right):
    folder = register(legal_basis=basis, agreement=agreement)
    if right:
        assert load_source(folder, "ustawy").legal_basis == basis.strip('"')
    else:
        assert "agreement" in refusal(folder)


def test_text_mined_for_research_is_not_released_openly(register):
    keys = {"licence": '"NOASSERTION"', "legal_basis": '"research_art26_2"'}
    assert 'only release = "research"' in refusal(register(**keys))
    assert load_source(register(**keys, release='"research"'), "ustawy").release == "research"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", "7"),
        ("title", '"  "'),
        ("language", '"pl"'),
        ("collected_at", '"1 maja 2026"'),
        ("collected_at", '"2026-02-30"'),
        ("collected_at", "2026"),
        ("url", '"ftp://x.pl"'),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_its_key(register, key, value):
    message = refusal(register(**{key: value}))
    assert f": {key}: " in message
    assert f"what to do: {key} is " in message


def test_a_duplicate_key_is_refused_with_its_place(register):
    folder = register()
    with (folder / "ustawy.toml").open("a", encoding="utf-8") as file:
        file.write('title = "jeszcze raz"\n')
    assert "Cannot overwrite a value" in refusal(folder)


@pytest.mark.parametrize("raw", [b"title = \xb3\n", b"= 1\n", b"\xff\xfe"])
def test_what_is_not_toml_in_utf8_is_refused(register, raw):
    folder = register()
    (folder / "ustawy.toml").write_bytes(raw)
    assert "this is not TOML in UTF-8" in refusal(folder)


def test_the_name_in_the_file_must_be_the_name_of_the_file(register):
    assert load_source(register(name='"ustawy"'), "ustawy").name == "ustawy"
    assert "its name is 'inna'" in refusal(register(name='"inna"'))


def test_a_missing_source_is_refused_with_the_nearest_registered_one(register):
    folder = register("wolne-lektury")
    assert "did you mean wolne-lektury?" in refusal(folder, "wolne_lektury")
    assert "registered are: wolne-lektury" in refusal(folder, "xyz")


def test_an_empty_register_says_what_to_write(tmp_path):
    assert "nowe.toml" in refusal(tmp_path / "nie-ma", "nowe")


@pytest.mark.parametrize("name", ["../ustawy", "/etc/passwd", "Ustawy", "żółw", "", "a\0b"])
def test_a_name_cannot_lead_out_of_the_register(register, name):
    inner = register() / "wewnątrz"
    inner.mkdir()
    assert "there is no source" in refusal(inner, name)


def test_a_file_named_with_odd_letters_is_no_source(register):
    assert "there is no source 'Zła_nazwa'" in refusal(register("Zła_nazwa"), "Zła_nazwa")


def test_an_unreadable_source_is_a_clear_error_for_who_may_not_read_it():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "ustawy.toml").touch(0)
        root = os.geteuid() == 0  # who may read anything
        try:
            if root:
                os.seteuid(65534)
            with pytest.raises(DataError, match="cannot be read") as caught:
                load_source(folder, "ustawy")
        finally:
            if root:
                os.seteuid(0)
    assert str(folder / "ustawy.toml") in str(caught.value)
    assert "make the file readable" in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_source_or_a_clear_error(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("rejestr")
    (folder / "a.toml").write_bytes(raw)
    with pytest.raises(MowaError):
        load_source(folder, "a")


def test_reader_and_fetch_are_kept_for_people_and_tools(register):
    plan = '{ kind = "files", base = "https://a.example/", files = [{ url = "x.txt" }] }'
    source = load_source(register(reader='{ format = "text" }', fetch=plan), "ustawy")
    assert source.reader == {"format": "text"}
    assert source.fetch.kind == "files"
    assert source.fetch.files[0].url == "x.txt"


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ('{ kind = "ftp", base = "https://a.example/" }', "fetch"),
        ('{ base = "https://a.example/" }', "fetch"),
        ('{ kind = "files", base = "https://a.example", files = [{ url = "x" }] }', "ends with /"),
        ('{ kind = "files", base = "file:///etc/", files = [{ url = "x" }] }', "begins with https"),
        ('{ kind = "files", base = "https://me@a.example/", files = [{ url = "x" }] }', "base"),
        ('{ kind = "files", base = "https://a.example/", files = [] }', "files"),
        ('{ kind = "files", base = "https://a.example/", filez = [] }', "filez"),
        (
            '{ kind = "files", base = "https://a.example/", files = [{ url = "x", sha1 = "1" }] }',
            "sha1",
        ),
        ('{ kind = "index", base = "https://a.example/", index = "", pattern = "(" }', "regular"),
        ('{ kind = "index", base = "https://a.example/", index = "", job = "x" }', "dumpstatus"),
        (
            (
                '{ kind = "api", base = "https://a.example/", store = "documents",'
                ' levels = [{ url = "x" }] }'
            ),
            "store = ",
        ),
        (
            (
                '{ kind = "api", base = "https://a.example/", store = "rows",'
                ' levels = [{ url = "x", page = { by = "number" } }] }'
            ),
            "parameter is for",
        ),
        (
            (
                '{ kind = "api", base = "https://a.example/", store = "rows",'
                ' levels = [{ url = "x", page = { by = "cursor", parameter = "c" } }] }'
            ),
            "next is for",
        ),
        (
            (
                '{ kind = "files", base = "https://a.example/", files = [{ url = "x" }],'
                ' key = { env = "A_KEY" } }'
            ),
            "a key travels",
        ),
    ],
)
def test_a_fetch_table_that_is_not_right_is_refused_with_its_key(register, plan, said):
    assert said in refusal(register(fetch=plan))
