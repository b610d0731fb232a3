"""What was found is written into a result: columns, and scores with and without."""

import json

import polars as pl
import pytest
from small_corpora import document_id

from mowa.errors import DataError
from mowa.evaluation.contamination import contaminated, item_of

IN = "Kowal naprawiał koło u bryczki doktora i narzekał na mróz, bo wiatr gasił mu ogień"
OUT = "Najstarsza z sióstr liczyła żurawie nad łąką i zapisywała je w grubym zeszycie w kratkę"


@pytest.fixture
def result(tmp_path):
    def write(rows, **more):
        folder = tmp_path / "wynik"
        folder.mkdir(exist_ok=True)
        frame = pl.DataFrame(
            {
                "id": [str(number) for number in range(len(rows))],
                "prompt": [prompt for prompt, _ in rows],
                "value": [value for _, value in rows],
                **more,
            }
        )
        frame.write_parquet(folder / "items.parquet")
        record = {"schema": 1, "score": {"value": 0.5}, "contamination": None}
        (folder / "result.json").write_text(json.dumps(record), "utf-8")
        return folder

    return write


def look(folder, *corpora):
    """By the prompts of the rows, with the mean of their values."""
    path = folder / "items.parquet"
    rows = pl.read_parquet(path) if path.exists() and path.stat().st_size > 9 else pl.DataFrame()
    texts = {row["id"]: [row["prompt"]] for row in rows.iter_rows(named=True)}
    return contaminated(
        folder, corpora, texts=texts, score=lambda rows: {"value": rows["value"].mean()}
    )


def block_in(folder):
    return json.loads((folder / "result.json").read_text("utf-8"))


def test_the_block_has_the_scores_with_and_without_what_was_found(indexed, result):
    against = indexed([f"Rano {IN}, a potem padało."])
    folder = result([(IN, 1.0), (OUT, 0.0), (OUT + " co roku", 1.0), ("Kto?", 0.0)])
    block = look(folder, against)
    about = {"name": "korpus", "kind": "corpus", "fingerprint": "korpus"}
    assert block["corpora"] == [about | {"hits": 1}]
    assert {key: block[key] for key in ("hits", "items", "too_short", "verbatim", "lemmas")} == {
        "hits": 1,
        "items": 4,
        "too_short": 1,
        "verbatim": 1,
        "lemmas": 0,
    }
    assert block["dirty"]["value"] == 1.0
    assert block["clean"]["value"] == pytest.approx(1 / 3)
    written = block_in(folder)
    assert written["contamination"] == block
    assert written["score"] == {"value": 0.5}


def test_the_items_get_columns_and_a_second_look_writes_the_same(indexed, result):
    against = indexed([f"Rano {IN}, a potem padało."])
    folder = result([(IN, 1.0), (OUT, 0.0), ("Kto?", 0.0)])
    look(folder, against)
    first = pl.read_parquet(folder / "items.parquet")
    assert first["contaminated"].to_list() == [True, False, None]
    [hit] = first["hits"][0]
    assert hit | {"share": 1.0} == {
        "document": document_id(0),
        "kind": "verbatim",
        "text": IN,
        "share": 1.0,
        "corpus": "korpus",
    }
    assert [len(hits) for hits in first["hits"]] == [1, 0, 0]
    bytes_before = [path.read_bytes() for path in sorted(folder.iterdir())]
    look(folder, against)
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == bytes_before


def test_where_nothing_was_found_there_is_no_dirty_score(indexed, result):
    block = look(result([(OUT, 1.0)] * 40), indexed([IN]))
    assert (block["hits"], block["dirty"]) == (0, None)


def test_texts_and_scores_are_those_of_the_task(indexed, result):
    against = indexed([f"Rano {IN}, a potem padało."])
    folder = result([("Pytanie 1", 1.0), ("Pytanie 2", 0.0)])
    seen = []

    def score(items):
        seen.append(items["id"].to_list())
        return {"value": 42.0}

    block = contaminated(folder, [against], texts={"0": [OUT], "1": ["krótki", IN]}, score=score)
    assert seen == [["0"], ["1"]]
    assert block["dirty"] == {"value": 42.0}
    with pytest.raises(DataError, match="no texts of the item 1"):
        contaminated(folder, [against], texts={"0": [OUT]}, score=score)


def test_a_result_that_cannot_be_read_is_refused(indexed, result, tmp_path):
    against = indexed([IN])
    with pytest.raises(DataError, match="not a readable result"):
        look(tmp_path / "nic", against)
    folder = result([(IN, 1.0)])
    (folder / "items.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a readable result"):
        look(folder, against)


def test_an_answer_that_the_question_holds_is_not_said_twice():
    item = item_of("1", question="Czy Wisła, Odra czy Warta?", answer="Odra", choices=["Wisła"])
    assert item.texts == ("Czy Wisła, Odra czy Warta?", "Wisła")
    assert item_of("1", question="", answer="Odra").texts == ("Odra",)
