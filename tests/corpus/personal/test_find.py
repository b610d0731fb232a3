"""What `find` and `redact` promise: vectors, invariants, hostile text."""

import itertools
import random
import string

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import CONTEXTS, HARD_NEGATIVES, HOSTILE, NAMES, VALUES
from real_data import real
from stdnum import iban, luhn
from stdnum.pl import nip, pesel, regon

from mowa.corpus.personal import (
    BUSINESS,
    KINDS,
    PERSONAL_DATA,
    PLACEHOLDERS,
    find,
    redact,
    redact_all,
    spans_of,
)  # fmt: skip
from mowa.corpus.personal import _checks as checks
from mowa.errors import UsageError
from mowa.sample import read_truth, write_sample

digit_strings = st.text("0123456789", min_size=14, max_size=26)
ALL_PLACEHOLDERS = dict.fromkeys(KINDS, "placeholder")
ALL_MASKS = dict.fromkeys(KINDS, "mask")


@st.composite
def documents(draw):
    """Sentences with and without values, glued by odd signs."""
    rng = random.Random(draw(st.integers(0, 10**9)))
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        kind = rng.choice(KINDS)
        value = VALUES[kind](rng)
        context = rng.choice(CONTEXTS[rng.choice([kind, rng.choice(KINDS)])])
        parts.append(
            rng.choice(
                [
                    context.format(value, name=rng.choice(NAMES)),
                    value,
                    rng.choice(HARD_NEGATIVES)(rng),
                ]
            )
        )
        parts.append(
            draw(st.sampled_from([" ", "", "\n", ", ", "-", "/", ".", "[", "#", "\0", "PESEL "]))
        )
    return "".join(parts)


@given(digit_strings)
@settings(max_examples=300)
def test_check_digits_agree_with_python_stdnum(digits):
    assert checks.is_nip(digits[:10]) == nip.is_valid(digits[:10])
    assert checks.is_regon(digits[:9]) == regon.is_valid(digits[:9])
    assert checks.is_regon(digits[:14]) == regon.is_valid(digits[:14])
    assert checks.is_card(digits[:16]) == luhn.is_valid(digits[:16])
    assert checks.is_iban(f"PL{digits}") == (
        len(digits) == 26 and iban.is_valid(f"PL{digits}", check_country=False)
    )


@given(st.from_regex(r"\A[0-9]{2}[0-9][0-9][0-3][0-9]{5}\Z"))
@settings(max_examples=300)
def test_pesels_agree_with_python_stdnum(digits):
    for last in string.digits:
        number = digits[:10] + last
        # The library knows no future births.
        if (year := checks.birth_year(number)) is None or year < 2026:
            assert checks.is_pesel(number) == pesel.is_valid(number)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("44051401359", "pesel", "44051401359"),
        ("ur. w styczniu, 02211307589", "pesel", "02211307589"),
        ("PESEL: 44051401358", "pesel", "44051401358"),
        ("NIP 856-734-62-15", "nip", "856-734-62-15"),
        ("NIP: 5260250274", "nip", "5260250274"),
        ("REGON 123456785", "regon", "123456785"),
        ("REGON 12345678512347", "regon", "12345678512347"),
        ("na PL61 1090 1014 0000 0712 1981 2874.", "iban", "PL61 1090 1014 0000 0712 1981 2874"),
        ("na DE89 3704 0044 0532 0130 00.", "iban", "DE89 3704 0044 0532 0130 00"),
        ("dowód osobisty ABA300000", "id_card", "ABA300000"),
        ("dowód seria ABS nr 123456", "id_card", "ABS nr 123456"),
        ("paszport ZS0000177", "passport", "ZS0000177"),
        ("paszport AB4123456", "passport", "AB4123456"),
        ("KW WA1M/00012345/1", "land_register", "WA1M/00012345/1"),
        ("karta 4111-1111-1111-1111", "card", "4111-1111-1111-1111"),
        ("tel. 841 62 54", "phone", "841 62 54"),
        ("jan [małpa] poczta.example.pl", "email", "jan [małpa] poczta.example.pl"),
        ("Długa 5/7, 00-950 Nibylas", "address", "Długa 5/7, 00-950 Nibylas"),
    ],
)  # fmt: skip
def test_known_values_are_found_whole(text, kind, value):
    assert [(text[start:end], name) for start, end, name in spans_of(text)] == [(value, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "44051401358", "144051401359", "44051401359-1", "a44051401359", "5260250274", "123456785",
        "ABA300000", "nr ABA300001", "PL62 1090 1014 0000 0712 1981 2874", "WA1M/00012345/2",
        "601234567", "192.168.1.10", "127.0.0.1", "2001:db8::1", "std::vector", "12:30:45",
        "00-950 Warszawa", "użytkownik @jan napisał", "wersja 83.12.44.201", "git@example.org:a/b",
        "WX 12345", "5 marca 1975", "123 456 789 zł", "[TELEFON] i [PESEL] 12345678901",
    ],
)  # fmt: skip
def test_what_has_no_check_digit_or_context_is_let_be(text):
    assert spans_of(text) == []


def test_recognisers_of_others_agree_on_their_pesels():
    rows = real("pii/presidio-pesel/pesel.tsv").read_text().splitlines()[1:]
    for kind, text, expected, _ in (row.split("\t") for row in rows):
        if kind == "text":
            assert sum(name == "pesel" for _, _, name in spans_of(text)) == int(expected), text
        elif len(text) == 11 and text.isdigit():
            assert checks.is_pesel(text) == (expected == "True")


def test_every_planted_value_of_the_sample_is_found_and_no_look_alike(tmp_path):
    write_sample(tmp_path, seed=7, size=300)
    planted = missed = 0
    for line in read_truth(tmp_path):
        spans = spans_of(line.text or "") if line.personal_data or line.look_alikes else []
        values = [(line.text[start:end], kind) for start, end, kind in spans]
        for datum in line.personal_data:
            planted += 1
            missed += (datum["value"], datum["kind"].replace("-", "_")) not in values
        for datum in line.look_alikes:
            assert not any(datum["value"] in value for value, _ in values), datum
    assert planted > 10
    assert missed == 0


def test_the_frame_is_aligned_and_of_the_schema_and_holds_no_value():
    texts = pl.Series(["", "jan@poczta.example 44051401359", None, "nic", "NIP 5260250274"])
    frame = find(texts)
    assert frame.to_arrow().schema.names == PERSONAL_DATA.names
    assert frame["total"].to_list() == [0, 2, 0, 0, 1]
    assert frame["personal"].to_list() == [0, 2, 0, 0, 0]
    assert frame["density"][1] == pytest.approx(2000 / 30)
    assert "4405" not in str(frame.to_dicts())


@given(st.lists(documents(), max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_prefilter_loses_nothing_and_counts_are_of_the_spans(texts):
    frame = find(pl.Series(texts, dtype=pl.String))
    for text, row in zip(texts, frame.to_dicts(), strict=True):
        spans = [tuple(span.values()) for span in row["spans"]]
        assert spans == spans_of(text)
        assert all(row[kind] == sum(name == kind for *_, name in spans) for kind in KINDS)
        assert row["total"] == len(spans)
        assert all(0 <= start < end <= len(text) for start, end, _ in spans)
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))


@given(documents() | st.text("0123456789 @.-+/()ulAPESLNIR[]#:", max_size=80))
@settings(max_examples=300, deadline=None)
@example("PESEL: 44051401359 12345678901")
@example("ISBN ul. Wymyślona 5 601 234 567")
@example("ul. 3 Maja 31B/70, 66-761 Wymysłów Mały-+48 668 392 225")
def test_redacting_a_redacted_text_finds_nothing(text):
    for policy in (ALL_PLACEHOLDERS, ALL_MASKS):
        assert spans_of(redact(text, spans_of(text), policy)) == []


@given(documents())
@settings(max_examples=100, deadline=None)
def test_the_default_policy_leaves_nothing_but_business_identifiers(text):
    redacted = redact(text, spans_of(text))
    assert {kind for *_, kind in spans_of(redacted)} <= set(BUSINESS)


@given(documents())
@settings(max_examples=50, deadline=None)
def test_a_mask_keeps_the_shape_and_everything_kept_is_the_text(text):
    spans = spans_of(text)
    masked = redact(text, spans, ALL_MASKS)
    assert len(masked) == len(text)
    assert redact(text, spans, dict.fromkeys(KINDS, "keep")) == text
    assert not any(sign.isalnum() for start, end, _ in spans for sign in masked[start:end])


@given(st.lists(documents(), max_size=4))
@example(["Kom.: NIH583615.\n37.37.26.71 "])  # another number stands between word and number
@settings(max_examples=30, deadline=None)
def test_all_texts_at_once_are_redacted_as_one_by_one(texts):
    series = pl.Series(texts, dtype=pl.String)
    together = redact_all(series, find(series)["spans"])
    assert together.to_list() == [redact(text, spans_of(text)) for text in texts]


def test_a_policy_of_unknown_kind_or_action_is_refused():
    for policy in ({"shoe": "keep"}, {"email": "burn"}):
        with pytest.raises(UsageError):
            redact("", [], policy)


def test_placeholders_are_different_and_in_brackets():
    assert len(set(PLACEHOLDERS.values())) == len(KINDS)
    assert all(value[0] + value[-1] == "[]" for value in PLACEHOLDERS.values())


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_is_read_to_its_end(unit):
    """What comes behind it is found; benchmarks/personal_data.py measures the time it takes."""
    text = (unit * 5_000)[:5_000]
    spans = spans_of(f"{text}\n\nProszę pisać: jan@poczta.example.")
    start = len(text) + len("\n\nProszę pisać: ")
    assert (start, start + len("jan@poczta.example"), "email") in spans
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))
