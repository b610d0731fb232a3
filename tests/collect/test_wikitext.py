import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.collect.readers._wikitext import plain_text

ARTICLE = """{{Inne znaczenia|miasta|[[Młynów (ujednoznacznienie)]]}}
{{Miasto infobox
|nazwa = Młynów
|zdjęcie = [[Plik:Młyn.jpg|thumb|Młyn]]
|liczba = {{formatnum:7791}}
}}
'''Młynów''' ([[język niemiecki|niem.]] ''{{lang|de|Mühlau}}'', {{IPA|mwɨnuf}}) – [[miasto]] nad \
[[Wisła|Wisłą]]<ref name="a">{{Cytuj |tytuł=b |url=[[c]]}}</ref><ref name="a" />, liczące \
{{nowrap|10<sup>3</sup>}} mieszkańców<!-- do sprawdzenia -->&nbsp;i jeden młyn.

[[Plik:Rynek.jpg|mały|prawo|Rynek [[Młynów|młynowski]] nocą<ref>d</ref>]]
== Historia ==
=== Herb ===
{| class="wikitable"
! Rok !! Herb
|-
| 1400 || {{brak}}
{| class="inna"
| w środku
|}
|}
=== Dzieje ===
* pierwszy [[młynarz]]
** jego ''syn''
# raz
: wcięte
<poem>
Młyn miele,
rzeka płynie.
</poem>
<gallery>
Plik:A.jpg|Opis
</gallery>
Zobacz [https://example.org stronę miasta] oraz [[:Kategoria:Młyny]].
<math>x^2</math>
== Przypisy ==
{{Przypisy}}
== Bibliografia ==
* {{Cytuj książkę |tytuł = e}}
[[Kategoria:Młyny]]
[[de:Mühlau]]
__BEZSPISU__
"""
TEXT = """Młynów (niem. Mühlau) – miasto nad Wisłą, liczące 10³ mieszkańców i jeden młyn.

## Historia

### Dzieje

* pierwszy młynarz
* jego syn
- raz
wcięte

Młyn miele,
rzeka płynie.

Zobacz stronę miasta oraz Kategoria:Młyny."""


def test_an_article_reads_as_a_reader_of_the_page_reads_it():
    assert plain_text(ARTICLE) == TEXT


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("[[Kraków]]ów", "Krakówów"),
        ("[[Kraków#Historia|dzieje]]", "dzieje"),
        ("[[Mars (bóg)|]]", "Mars"),
        ("[[Plik:a.jpg|thumb|[[b]] {{c|[[d]]}} e]]po", "po"),
        ("[[wikt:młyn|młyn]]", "młyn"),
        ("[[s:Pan Tadeusz|tekst]] i [[simple:X]]", "tekst i"),
        ("[[Gwiezdne wojny: Nowa nadzieja]]", "Gwiezdne wojny: Nowa nadzieja"),
        ("[//example.org a] b] [1]", "a b] [1]"),
        ("'''''a''''' l'b ''c''", "a l'b c"),
        ("a<br />b<br>c", "a\nb\nc"),
        ("H<sub>2</sub>O i m<sup>2</sup>, x<sup>n</sup>", "H₂O i m², xn"),
        ("<nowiki>''a''</nowiki> <code>b</code>", "''a'' b"),
        ("a < b > c <x>", "a < b > c <x>"),
        ("1 &lt; 2 &amp;amp; &#8211;", "1 < 2 &amp; –"),
        ("a<ref>b</ref>c<ref name=d/>e<references><ref>f</ref></references>", "ace"),
        ("a<ref>b\n\nc<ref>d</ref>e", "ab\n\nce"),
        ("a <!-- b", "a"),
        ("a {{b|c={{d|[[e|f]]}}|{{{g|}}}}} h", "a h"),
        ("{{j. niem.|Mühle}}, {{lang|fr|moulin}}, {{lang-en|mill}}", "Mühle, moulin, mill"),
        (
            "{{nowrap|1=5 km}} {{ułamek|1|2}} {{sort|2|dwa}} {{sortname|Jan|Kos}}",
            "5 km 1/2 dwa Jan Kos",
        ),
        ("{{formatnum:7791}} {{skrót|np.|na przykład}}", "7791 np."),
        ("{{Cytat|Miele się mąka.|Młynarz}}", "Miele się mąka."),
        ("== A ==\n== B ==\n=== C ===\nd\n== E ==", "## B\n\n### C\n\nd"),
        ("= A =\na == b\n==\n", "# A\n\na == b"),
        ("* {{a}}\n* b\n#\n", "* b"),
        ("a ({{b}}) c ({{b}}, d) (e, {{b}})", "a c (d) (e)"),
        ("{{a\n|b\n|}}c", "c"),
        ("{|\n|a\n|}\nb", "b"),
        ("{{a\n|b=c\n\nTekst po szablonie bez końca.", "a\n\nTekst po szablonie bez końca."),
        ("{|\n|a\n\nTekst po tabeli bez końca.", "Tekst po tabeli bez końca."),
        ("[[a\n\nTekst po odnośniku bez końca.", "a\n\nTekst po odnośniku bez końca."),
        ("<table><tr><td>a<table></table></td></tr></table>b", "b"),
        ("<div>a</div><p>b</p><ul><li>c</li></ul>", "a\n\nb\n\n* c"),
        ("__TOC__ a __b__ ____", "a __b__ ____"),
        ("", ""),
    ],
)
def test_each_kind_of_markup(wikitext, text):
    assert plain_text(wikitext) == text


MARKS = st.sampled_from(
    [
        *("{{", "}}", "[[", "]]", "{|\n", "\n|}", "\n", "\n\n", "|", "=", "==", "''", "'''", " "),
        *("<ref>", "</ref>", "<ref/>", "<ref name='a'>", "<!--", "-->", "<table>", "</table>"),
        *("<nowiki>", "</nowiki>", "<math>", "</math>", "<br>", "[http://a ", "]", "[", "{", "}"),
        *("&#123;", "&lt;ref", "&#x5b;", "&", "(", ")", ",", "*", "#", ":", "lang", "Plik:", "ż"),
    ]
)


@given(st.lists(MARKS, max_size=60).map("".join))
def test_whatever_is_nested_leaves_no_markup(wikitext):
    text = plain_text(wikitext)
    for mark in ("{{", "}}", "[[", "]]", "<ref", "{|", "|}", "\x00"):
        assert mark not in text
    assert text == text.strip("\n")


@given(st.text(max_size=200))
def test_any_text_is_read(wikitext):
    plain_text(wikitext)


@given(st.lists(st.sampled_from(["{{a|", "[[a|", "{|\n|", "b", " ", "{{lang|pl|"]), max_size=40))
def test_what_is_closed_in_order_is_gone_and_the_rest_stays(marks):
    closing = {"{{a|": "}}", "[[a|": "]]", "{|\n|": "\n|}\n", "{{lang|pl|": "}}"}
    inner = "".join(f"\n{mark}" if mark[:2] == "{|" else mark for mark in marks)
    inner += "".join(closing[mark] for mark in reversed(marks) if mark in closing)
    assert plain_text(f"Przed.\n\n{inner}\n\nPo.").startswith("Przed.")
    assert plain_text(f"Przed.\n\n{inner}\n\nPo.").endswith("Po.")


HOSTILE = {
    "templates": "{{",
    "named templates": "{{a|",
    "links": "[[",
    "tables": "{|\n",
    "html tables": "<table>",
    "references": "<ref>",
    "tags": "<math><gallery><pre>",
    "comments": "<!--",
    "entities": "&#x",
    "numbers": "&#99999999999999999999",
    "brackets": "( ,",
    "headings": "=\n",
    "quotes": "''a'''",
    "mixed": "{{a|[[b|{|\n",
    "palindromes": "[{",
    "web": "[http://a ",
    "closing": "}}]]\n|}",
    "spaces": " \t",
    "links in paragraphs": "[[a\n\n",
}


def steps(wikitext):
    """How many lines of Python the cleaning runs: a measure of time that no machine disturbs."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        plain_text(wikitext)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_grows_with_the_length_of_hostile_markup_and_no_faster(kind):
    small, large = (steps(HOSTILE[kind] * times) for times in (500, 2_000))
    assert large < 5 * small + 2_000


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_long_page_of_hostile_markup_is_read(kind):
    text = plain_text(HOSTILE[kind] * (200_000 // len(HOSTILE[kind])))
    assert "{{" not in text
    assert "[[" not in text


def test_templates_nested_beyond_all_reason_are_dropped_whole():
    assert plain_text("a" + "{{b|" * 1_000 + "c" + "}}" * 1_000 + "d") == "ad"
