import pytest

from mowa.collect import Record, Skipped

RAW = """<?xml version="1.0" encoding="utf-8"?>
<document id="1">
  <s id="1"><time id="T1S" value="00:00:01,000" />
Dzień dobry,
  </s>
  <s id="2">kto tam?<time id="T1E" value="00:00:02,000" /></s>
  <s id="3"><time id="T2S" value="00:00:04,000" />Ja.<time id="T2E" value="00:00:05,000" /></s>
  <s id="4"><time id="T3S" value="00:00:10,500" />Jest
    ciemno. <time id="T3E" value="00:00:11,000" /></s>
  <meta><subtitle><language>Polish</language></subtitle><source><year>1999</year></source></meta>
</document>"""
WORDS = """<document><s id="1"><w id="1.1">„</w> <w id="1.2">Tak</w> <w id="1.3">,</w>
<w id="1.4">proszę</w> <w id="1.5">”</w> <w id="1.6">.</w></s><s id="2"><w id="2.1">(</w>
<w id="2.2">Idzie</w> <w id="2.3">)</w></s></document>"""


def tmx(units, languages=("en", "pl")):
    pairs = "".join(
        "<tu>"
        + "".join(f'<tuv xml:lang="{lang}"><seg>{lang} {n}</seg></tuv>' for lang in languages)
        + "</tu>"
        for n in range(1, units + 1)
    )
    return f'<tmx version="1.4"><header srclang="en"/><body>{pairs}</body></tmx>'.encode()


def test_sentences_stand_on_lines_and_a_long_pause_ends_a_paragraph(read):
    (record,) = read("OpenSubtitles/pl/1.xml", RAW.encode())
    assert record == Record(
        key="OpenSubtitles/pl/1.xml",
        locator="OpenSubtitles/pl/1.xml",
        text="Dzień dobry,\nkto tam?\nJa.\n\nJest ciemno.",
        date="1999",
    )


def test_words_are_put_together_with_their_signs(read):
    (record,) = read("1.xml", WORDS.encode())
    assert record.text == "„Tak, proszę”.\n(Idzie)"


def test_words_of_parsed_files_say_themselves_where_no_space_is(read):
    raw = '<letsmt><s><w misc="SpaceAfter=No">Ala</w><w>-</w><w>ma</w></s></letsmt>'
    assert [item.text for item in read("1.xml", raw.encode())] == ["Ala- ma"]


def test_paragraphs_of_the_file_are_kept_where_no_times_are(read):
    raw = "<DOC><p><s>a</s><s>b</s></p><p><s>c</s></p></DOC>"
    assert [item.text for item in read("1.xml", raw.encode())] == ["a\nb\n\nc"]


@pytest.mark.parametrize("clock", ["", "kiedyś", "99999999999:00:00,000", "0:0:0"])
def test_times_that_are_none_end_nothing(read, clock):
    raw = (
        '<document><s>a<time id="T1E" value="0:0:1"/></s>'
        f'<s><time id="T2S" value="{clock}"/>b</s></document>'
    )
    assert read("1.xml", raw.encode())[0].text.split() == ["a", "b"]


@pytest.mark.parametrize(
    ("units", "keys"),
    [
        (0, []),
        (1, ["a.tmx#units=1-1"]),
        (1000, ["a.tmx#units=1-1000"]),
        (1001, ["a.tmx#units=1-1000", "a.tmx#units=1001-1001"]),
    ],
)
def test_a_thousand_translation_units_are_one_record(outline, units, keys):
    assert outline("a.tmx", tmx(units)) == keys


def test_only_segments_of_the_wanted_language_are_read(read):
    (record,) = read("a.tmx", tmx(2, ("en", "pl-PL", "plt")))
    assert (record.text, record.language) == ("pl-PL 1\npl-PL 2", "pl")
    (record,) = read("a.tmx", tmx(1), tmx_language="en")
    assert (record.text, record.language) == ("en 1", "en")


def test_units_without_the_language_are_counted(read):
    (skipped,) = read("a.tmx", tmx(3, ("en", "de")))
    assert skipped == Skipped("a.tmx#units=1-3", "other-language", "no segment is pl")


def test_codes_of_the_translated_file_are_left_out(read):
    raw = (
        '<tmx><body><tu><tuv lang="pl"><seg>To <bpt i="1">&lt;b></bpt>jest<ept i="1">&lt;/b></ept> '
        "<hi>dom</hi>.</seg></tuv></tu></body></tmx>"
    )
    assert [item.text for item in read("a.tmx", raw.encode())] == ["To jest dom."]


def test_a_cut_file_gives_the_units_before_the_cut(outline):
    raw = tmx(1500)
    found = outline("a.tmx", raw[: raw.index(b"pl 1200")], bad_input="skip")
    assert found == ["a.tmx#units=1-1000", "a.tmx#units=1001-1199", "-truncated-xml"]
