"""What a machine can see of the Polish: numbers with their nouns, spaces, quotes, prepositions."""

import re
from collections.abc import Iterator

import pytest

from mowa.sample._compose import compose
from mowa.sample._registers import kinds

MANY = frozenset(
    re.findall(
        r"\w+",
        "lat złotych godzin minut sekund osób tygodni miesięcy sztuk tysięcy hektarów litrów drzew "
        "stron metrów kilometrów kilogramów centymetrów groszy głosów zdań zdjęć fotografii piłek "
        "notatek przystanków miejsc słoików stopni gramów poprawek"
        " nowości pism książek biletów porcji przedmiotów",
    )
)
FEW = frozenset(
    re.findall(
        r"\w+",
        "lata złote godziny minuty sekundy osoby tygodnie miesiące sztuki tysiące metry kilometry "
        "strony słowa zdania przykłady etapy kolory przystanki litry łyżki stopnie wieczory",
    )
)
GENITIVE_BEFORE = frozenset(
    re.findall(
        r"\w+",
        "od do około z ze bez wśród po przed sprzed wysokości rzędu dla niż czasem ciągu "
        "potrzebuję",
    )
)
NUMBER = re.compile(r"(\w+)? ?(\.)?\{#(\d+)-(\d+)\}(\d*) (\w+)")


def ends_in_two_to_four(number: int) -> bool:
    return number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)


def templates() -> Iterator[tuple[str, str]]:
    for kind in kinds():
        for found in kind.blocks.values():
            for text in found:
                yield kind.name, text


def test_a_drawn_number_agrees_with_the_noun_after_it():
    for kind, text in templates():
        for match in NUMBER.finditer(text):
            before, thousands, low, high, digits, noun = match.groups()
            if thousands or (before or "").lower() in GENITIVE_BEFORE:
                continue
            numbers = [int(f"{n}{digits}") for n in range(int(low), int(high) + 1)]
            if noun in MANY:
                assert not any(map(ends_in_two_to_four, numbers)), (kind, match[0])
            if noun in FEW:
                assert all(map(ends_in_two_to_four, numbers)), (kind, match[0])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [document.page for document in compose("web", 400, seed=23, seen=set())]


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("two spaces", r"  "),
        ("a space before a stop", r" [,.;!?]"),
        ("two stops", r"(?<!\.)\.\.(?!\.)|,,|;;|,\."),
        ("a template that was not rendered", r"[{}<>\[\]|]"),
        (
            "w before a cluster",
            r"\b[Ww] (?:Wroc|Wrzos|Fromb|Włoc|Lwow|[wf][bcdfghjklmnprstwzżśćł])",
        ),
        ("z before a cluster", r"\b[Zz] (?:S[tk]|Szcz|Z[bdgmnrw]|ws[ztkp]|mn[óąi])"),
        ("a comma missing before który", r"[a-ząćęłńóśźż] (?:który|która|które) (?:jest|ma|był)\b"),
        ("a comma missing before że", r"(?:mówi|uważa|wie|sądzi|twierdzi|dodaje) że\b"),
    ],
)
def test_a_fault_that_a_machine_can_see_is_not_in_the_texts(texts, what, pattern):
    for text in texts:
        found = re.search(pattern, text)
        assert found is None, (what, text[max(0, found.start() - 60) : found.end() + 40])


def test_quotes_are_closed(texts):
    for text in texts:
        for paragraph in text.split("\n\n"):
            assert paragraph.count("„") == paragraph.count("”"), paragraph
