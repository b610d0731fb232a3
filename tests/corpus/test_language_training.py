"""Teaching the language model: the same texts give the same bytes, and how good it is."""

import os
import sys
from pathlib import Path

import polars as pl
import pytest

from mowa.corpus import CorpusConfig
from mowa.corpus._language import KNOWN, languages, protected_score
from mowa.corpus._language_model import write_model
from tests.real_data import real

SCRIPTS = Path(__file__).parents[2] / "scripts"

# The lowest that a change of the model may bring them to (`docs/languages.md` has the figures).
MACRO_F1 = 0.97
PRECISION_OF_POLISH = 0.995


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])


def test_the_same_lines_teach_the_same_bytes(tmp_path):
    pytest.importorskip("floret")
    from train_language_model import taught

    lines = ["__label__pol kto rano wstaje temu", "__label__ces kdo dřív přijde ten dřív"] * 20
    written = []
    for name, given in (("a", lines), ("b", lines), ("c", lines[:-2])):
        write_model(taught(given), tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] != written[2]


def test_the_folder_of_a_language_that_is_a_link_to_another_is_not_read(tmp_path):
    from language_sources import learnt

    page = "usr/share/libreoffice/help/{}/text/a/page.html"
    file = tmp_path / page.format("cs")
    file.parent.mkdir(parents=True)
    file.write_text("<p>Vytváření číslovaných seznamů při psaní textu</p>")
    (tmp_path / "usr/share/libreoffice/help/sk").symlink_to("cs")
    assert [code for _, code, _ in learnt(tmp_path, tmp_path)] == ["ces"]


def test_no_source_is_both_learnt_and_tried():
    import language_sources as sources

    def files(*tables):
        return {(pattern, tag.__name__) for table in tables for _, pattern, tag, _ in table}

    learnt = files(sources._DATA_LEARNT, sources._PACKAGES_LEARNT)
    assert not learnt & files(sources._DATA_HELD_OUT, sources._PACKAGES_HELD_OUT)


def test_macro_f1_and_the_precision_of_polish_hold_on_sources_never_seen():
    from language_sources import develops, held_out

    data = real("lid").parent
    packages = os.environ.get("MOWA_PACKAGES")
    rows = [
        (code, text)
        for source, code, text in held_out(data, Path(packages) if packages else None)
        if len(text) >= 50 and not develops(source, text)
    ]
    frame = pl.DataFrame(rows, schema=["true", "text"], orient="row")
    frame = frame.with_columns(languages(frame["text"], 2000)["language"].alias("found"))
    right = frame.filter(pl.col("true") == pl.col("found"))
    scores = [
        2
        * (right["true"] == code).sum()
        / ((frame["true"] == code).sum() + (frame["found"] == code).sum())
        for code in sorted(KNOWN.intersection(frame["true"].unique()) - {"dsb"})
    ]
    assert len(scores) >= 9
    assert sum(scores) / len(scores) >= MACRO_F1
    precision = (right["true"] == "pol").sum() / (frame["found"] == "pol").sum()
    assert precision >= PRECISION_OF_POLISH


def test_short_polish_lines_are_not_set_apart_as_protected_varieties():
    from language_sources import short

    data = real("text/wolne-lektury-xml").parents[1]
    packages = os.environ.get("MOWA_PACKAGES")
    rows = short(data, Path(packages) if packages else None)
    texts = pl.Series([text for _, code, text in rows if code == "pol"])
    scores = protected_score(texts, 2000)["protected_confidence"]
    assert len(texts) > 20_000
    assert (scores >= CorpusConfig().minimum_protected_confidence).mean() < 0.005
