"""Markdown: front matter, comments, titles; and what looks like them and is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect import ReaderOptions, read_file

BODY = "# Żółw i zając\n\nDawno, dawno temu.\n"


def test_the_source_is_the_text_and_the_first_heading_the_title(read):
    (record,) = read("bajki/a.md", BODY.encode())
    assert (record.key, record.locator) == ("bajki/a.md", "bajki/a.md")
    assert (record.text, record.title, record.licence) == (BODY, "Żółw i zając", None)


YAML = """---
title: "Żółw: bajka"
author: [Ezop, 'Jan Kowalski']
date: 2024-05-01
lang: pl
license: CC-BY-4.0
tags:
  - bajki
  - zwierzęta
extra:
  nested: yes
# uwaga
---
"""
TOML = """+++
title = "Żółw: bajka"
authors = ["Ezop", "Jan Kowalski"]
date = 2024-05-01
lang = "pl"
license = "https://creativecommons.org/licenses/by/4.0/"
+++
"""
BLOCK = """---
title:  Żółw: bajka
autor:
- Ezop
- Jan Kowalski
data: 2024-05-01
language: pl
licencja: cc-by-4.0
...
"""


@pytest.mark.parametrize("front", [YAML, TOML, BLOCK, YAML.replace("\n", "\r\n")])
def test_front_matter_is_metadata_and_no_text(read, front):
    (record,) = read("a.md", (front + BODY).encode())
    assert record.text == BODY
    assert (record.title, record.author) == ("Żółw: bajka", "Ezop, Jan Kowalski")
    assert (record.date, record.language, record.licence) == ("2024-05-01", "pl", "CC-BY-4.0")


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nZdanie, a nad nim kreska.\n\n---\n\ni pod nim.\n",
        "---\ntytuł bez dwukropka\n---\n",
        "+++\nto nie jest TOML\n+++\n",
        "---\ntitle: bez końca\n\nTekst.\n",
        "+++\na = " + "[" * 5000 + "\n+++\n",
        "----\ntitle: a\n----\n",
    ],
)
def test_rules_of_hyphens_are_text(read, text):
    assert read("a.md", text.encode())[0].text == text


def test_nothing_in_front_matter_is_executed(read, tmp_path):
    mark = tmp_path / "ran"
    front = f"---\ntitle: !!python/object/apply:os.system ['touch {mark}']\n---\n"
    assert read("a.md", (front + BODY).encode())[0].text == BODY
    assert not mark.exists()


def test_a_licence_in_words_is_none(read):
    front = "---\nlicense: wolna, naprawdę\n---\n"
    assert read("a.md", (front + BODY).encode())[0].licence is None


def test_comments_go_but_not_from_code(read):
    code = "`<!-- tak -->`\n\n```html\n<!-- tak -->\n```\n"
    text = f"a<!-- nie\n to -->b {code}<!-- c --> <!-- bez końca"
    assert read("a.md", text.encode())[0].text == f"ab {code} <!-- bez końca"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("wstęp\n\n## Tytuł ##\n", "Tytuł"),
        ("Tytuł\n=====\n", "Tytuł"),
        ("```\n# nie\n```\n\n# Tytuł\n", "Tytuł"),
        ("~~~\n# nie\n", None),
        ("#nie\n", None),
        ("# C#\n", "C#"),
        ("#\n\n# Tytuł", "Tytuł"),
        ("zwykły tekst\n", None),
        ("", None),
    ],
)
def test_titles_are_headings_outside_of_code(read, text, title):
    assert read("a.markdown", text.encode())[0].title == title


def test_other_encodings_are_read_as_in_plain_text(read):
    text = "# Zażółć gęślą jaźń\n"
    (record,) = read("a.md", text.encode("cp1250"))
    assert (record.title, record.notes) == ("Zażółć gęślą jaźń", ("decoded-windows-1250",))
    (skipped,) = read("a.md", text.encode()[:-2], bad_input="skip")
    assert skipped.reason == "invalid-utf-8"


@pytest.mark.parametrize(
    "unit", ["<!--", "`", "```\n", "# " + " " * 50, "---\n", "a: b\n", "-->", "<!-- -->", "~~~~"]
)
def test_a_megabyte_of_anything_is_read_at_once(read, unit):
    assert read("a.md", (unit * (1_000_000 // len(unit))).encode())


@given(st.text("-+=#`~<!> a:\n", max_size=200))
def test_no_text_makes_reading_fail(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("md") / "a.md"
    path.write_bytes(text.encode())
    (record,) = read_file(path, "a.md", ReaderOptions())
    assert len(record.text) <= len(text)
