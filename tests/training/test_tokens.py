"""The tokens step and TokenSplit: every document comes back, and damage is named."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from mowa.corpus._edits import EDITS_TYPE
from mowa.errors import DataError
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack
from mowa.tokenizer import TokenizerConfig, load_tokenizer, special_tokens
from mowa.tokenizer._train import train
from mowa.training import _split, _tokens
from mowa.training._split import TokenSplit
from mowa.training._tokens_config import TokensConfig
from mowa.workspace import Inputs
from tests.made_artifacts import artifact

PACK = LanguagePack(
    code="pol", code1="pl", name="Polish", letters="ąćęłńóśźż", stop_words=("i",), thresholds={}
)
WORDS = ["żółw", "źrebię", "łąka", "gęś", "brzoza", "ścieżka", "młyn,", "dąb.", "Ćma", "2026"]
FORGED = "Koniec.</s><s>Nowy <pad>początek<|im_start|>system"


def text(seed: int) -> str:
    chance = random.Random(seed)
    return " ".join(chance.choices(WORDS, k=chance.randrange(1, 80)))


Row = tuple[str, str, str]  # decision or split, source, text

SHARDS: dict[str, list[Row]] = {
    "a-00000-000": [("held_out" if n == 3 else "train", "lasy", text(n)) for n in range(9)],
    "a-00001-000": [("too-short", "lasy", "x"), ("held_out", "lasy", FORGED)],
    "b-00000-000": [("train", "rzeki", FORGED), ("reject", "rzeki", "x"), ("train", "rzeki", "ó")],
}


def doc_id(source: str, number: int) -> str:
    return hashlib.blake2b(f"{source}\0{number}".encode(), digest_size=16).hexdigest()


def write_corpus(folder: Path, shards: dict[str, list[Row]]) -> Path:
    for name, rows in shards.items():
        ids = [doc_id(name, number) for number in range(len(rows))]
        splits = [row[0] if row[0] in ("train", "held_out") else None for row in rows]
        texts = [row[2] for row in rows]
        documents = {
            "doc_id": ids,
            "text": texts,
            "source": [row[1] for row in rows],
            "host": pl.Series([None] * len(rows), dtype=pl.String),
            "content_hash": [
                hashlib.blake2b(t.encode(), digest_size=16).hexdigest() for t in texts
            ],
        }
        nothing = pl.Series([None] * len(rows), dtype=pl.String)
        decisions = {
            "doc_id": ids,
            "decision": ["keep" if split else "reject" for split in splits],
            "reason": nothing,
            "detail": nothing,
            "split": pl.Series(splits, dtype=pl.String),
        }
        edits = {"edits": pl.Series([[]] * len(rows), dtype=EDITS_TYPE)}
        tables = (("documents", documents), ("decisions", decisions), ("edits", edits))
        for kind, table in tables:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            pl.DataFrame(table).write_parquet(folder / kind / f"{name}.parquet")
    manifest = {"shards": [{"name": name} for name in shards]}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def run_step(
    corpus: Path, tokenizer: Path, out: Path, *, workers: int = 1, batch: int = 200
) -> dict:
    out.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(out.parent / f"{out.name}.ledger")
    context = Context(language=PACK, data=out, sources=out, workers=workers, ledger=ledger)
    inputs = Inputs((artifact(corpus, "corpus"), artifact(tokenizer, "tokenizer")))
    return _tokens.run(TokensConfig(batch_bytes=batch), inputs, out, context)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), SHARDS)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [row[2] for rows in SHARDS.values() for row in rows]
    train(TokenizerConfig(vocab_size=330), iter(texts)).save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


@pytest.fixture(scope="module")
def made(corpus, tokenizer, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    run_step(corpus, tokenizer, out)
    return out


@pytest.fixture
def copy(made, tmp_path) -> Path:
    for name, content in files_of(made).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def kept(split: str) -> list[tuple[str, str]]:
    return [
        (doc_id(name, number), row[2])
        for name, rows in SHARDS.items()
        for number, row in enumerate(rows)
        if row[0] == split
    ]


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_every_kept_document_comes_back_between_bos_and_eos(made, tokenizer, split):
    loaded = load_tokenizer(tokenizer)
    tokens = TokenSplit.open(made, split)
    documents = kept(split)
    assert tokens.documents == len(documents)
    assert tokens.doc_ids == [name for name, _ in documents]
    assert tokens.text_bytes.tolist() == [len(body.encode()) for _, body in documents]
    assert tokens.bytes == sum(tokens.text_bytes)
    assert tokens.tokens == sum(tokens.lengths)
    assert tokens.starts.tolist() == [sum(tokens.lengths[:n]) for n in range(len(documents))]
    for start, length, (_, body) in zip(tokens.starts, tokens.lengths, documents, strict=True):
        ids = tokens.read(int(start), int(start + length))
        assert ids.dtype == tokens.dtype == np.uint16
        assert (ids[0], ids[-1]) == (tokens.bos_id, tokens.eos_id) == (0, 1)
        assert loaded.decode(ids[1:-1].tolist(), skip_special_tokens=False) == body


def test_a_document_cannot_forge_the_end_of_a_document(made):
    for split in ("train", "held_out"):
        tokens = TokenSplit.open(made, split)
        everything = tokens.read(0, tokens.tokens)
        assert np.count_nonzero(everything == tokens.bos_id) == tokens.documents
        assert np.count_nonzero(everything == tokens.eos_id) == tokens.documents
        assert not np.isin(everything, range(2, len(special_tokens(16)))).any()


def test_metrics_and_index_count_the_same(made, corpus, tokenizer, tmp_path):
    metrics = run_step(corpus, tokenizer, tmp_path / "out")
    index = json.loads((made / "tokens.json").read_text("utf-8"))
    assert index["vocab_size"] == 330
    for split, part in index["splits"].items():
        for key in ("documents", "tokens", "bytes"):
            assert metrics[f"{split}_{key}"] == part[key] == sum(x[key] for x in part["shards"])
    assert [x["name"] for x in index["splits"]["train"]["shards"]] == ["a-00000-000", "b-00000-000"]
    text_tokens = metrics["train_tokens"] - 2 * metrics["train_documents"]
    assert metrics["bytes_per_token"] == metrics["train_bytes"] / text_tokens


def test_a_shard_without_documents_of_a_split_has_no_files_there(made):
    assert sorted(path.name for path in (made / "train").iterdir()) == [
        "a-00000-000.documents.parquet",
        "a-00000-000.npy",
        "b-00000-000.documents.parquet",
        "b-00000-000.npy",
    ]


def test_the_documents_table_has_the_columns_that_it_promises(made):
    table = pl.read_parquet(made / "train" / "b-00000-000.documents.parquet")
    assert table.columns == ["doc_id", "offset", "length", "bytes", "source", "host"]
    assert table["source"].to_list() == ["rzeki", "rzeki"]
    assert table["offset"].to_list() == [0, table["length"][0]]
    array = np.load(made / "train" / "b-00000-000.npy", allow_pickle=False)
    assert len(array) == table["length"].sum()


@pytest.mark.parametrize(("workers", "batch"), [(2, 200), (1, 1), (1, 10**9)])
def test_neither_workers_nor_batches_change_the_bytes(
    made, corpus, tokenizer, tmp_path, workers, batch
):
    run_step(corpus, tokenizer, tmp_path / "out", workers=workers, batch=batch)
    assert files_of(tmp_path / "out") == files_of(made)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    made, corpus, tokenizer, tmp_path, monkeypatch
):
    out, encode = tmp_path / "out", _tokens.encode_documents
    calls = []

    def dying(loaded, texts):
        calls.append(texts)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return encode(loaded, texts)

    monkeypatch.setattr(_tokens, "encode_documents", dying)
    with pytest.raises(KeyboardInterrupt):
        run_step(corpus, tokenizer, out, batch=1)
    assert (out / "train" / "a-00000-000.npy").exists()
    again = len(calls)
    run_step(corpus, tokenizer, out, batch=1)
    assert files_of(out) == files_of(made)
    assert not any(call == [text(0)] for call in calls[again:])


def test_the_report_shows_lengths_and_sources(made):
    page = (made / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert "lasy" in page
    assert "rzeki" in page


def test_a_vocabulary_beyond_65536_takes_four_bytes_a_token(corpus, tmp_path):
    names = special_tokens(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    filler = [f"filler{number}" for number in range(2**16 + 1 - len(names) - len(alphabet))]
    vocabulary = {token: number for number, token in enumerate(names + filler + alphabet)}
    wide = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    wide.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    wide.decoder = decoders.ByteLevel()
    wide.add_special_tokens(names)
    wide.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    run_step(corpus, tmp_path, tmp_path / "out")
    tokens = TokenSplit.open(tmp_path / "out", "held_out")
    assert tokens.vocab_size == 2**16 + 1
    assert tokens.dtype == np.uint32
    ids = tokens.read(0, tokens.tokens)
    assert ids.max() == 2**16 or ids.max() > 2**16 - 256
    body = kept("held_out")[0][1]
    assert wide.decode(ids[1 : tokens.lengths[0] - 1].tolist()) == body


def test_a_corpus_without_training_documents_is_refused(tokenizer, tmp_path):
    corpus = write_corpus(tmp_path / "c", {"a-00000-000": [("held_out", "lasy", "ó")]})
    with pytest.raises(DataError, match="no training documents"):
        run_step(corpus, tokenizer, tmp_path / "out")


def test_a_corpus_without_held_out_documents_has_an_empty_split(tokenizer, tmp_path):
    corpus = write_corpus(tmp_path / "c", {"a-00000-000": [("train", "lasy", "ó")]})
    metrics = run_step(corpus, tokenizer, tmp_path / "out")
    assert metrics["held_out_tokens"] == 0
    tokens = TokenSplit.open(tmp_path / "out", "held_out")
    assert (tokens.documents, tokens.tokens, tokens.bytes) == (0, 0, 0)
    assert len(tokens.lengths) == len(tokens.starts) == len(tokens.text_bytes) == 0
    assert tokens.doc_ids == []
    assert tokens.read(0, 0).shape == (0,)


def test_an_empty_document_is_bos_and_eos(tokenizer, tmp_path):
    corpus = write_corpus(tmp_path / "c", {"a-00000-000": [("train", "lasy", "")]})
    metrics = run_step(corpus, tokenizer, tmp_path / "out")
    assert metrics["bytes_per_token"] is None
    assert TokenSplit.open(tmp_path / "out", "train").read(0, 2).tolist() == [0, 1]


# Reading


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_reading_across_shards_is_reading_from_their_concatenation(made, data):
    tokens = TokenSplit.open(made, "train")
    names = ["a-00000-000", "b-00000-000"]
    whole = np.concatenate([np.load(made / "train" / f"{name}.npy") for name in names])
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert np.array_equal(tokens.read(start, stop), whole[start:stop])


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 1), (0, 10**6)])
def test_reading_outside_the_split_is_an_index_error(made, start, stop):
    with pytest.raises(IndexError, match="of a split of"):
        TokenSplit.open(made, "train").read(start, stop)


def test_what_is_read_can_be_changed_without_changing_the_shard(made):
    tokens = TokenSplit.open(made, "train")
    tokens.read(0, 5)[:] = 7
    assert tokens.read(0, 1)[0] == tokens.bos_id


def test_few_shards_stay_open_and_all_can_be_read(made, monkeypatch):
    monkeypatch.setattr(_split, "_OPEN_SHARDS", 1)
    tokens = TokenSplit.open(made, "train")
    first = tokens.read(0, tokens.tokens)
    assert np.array_equal(tokens.read(0, tokens.tokens), first)
    assert len(tokens._open) == 1


def test_a_split_is_sent_to_another_process_as_its_place(made):
    tokens = TokenSplit.open(made, "train")
    tokens.read(0, tokens.tokens)
    sent = pickle.dumps(tokens)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).lengths, tokens.lengths)  # noqa: S301  (our own bytes)


# Damage

ARRAY = "train/b-00000-000.npy"
TABLE = "train/b-00000-000.documents.parquet"


def save_array(path: Path, array: np.ndarray, *, pickled: bool = False) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=pickled)


def cut_short(path: Path, left_out: int) -> None:
    path.write_bytes(path.read_bytes()[:-left_out])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: cut_short(path, 1), "it has"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0\0"), "it has"),
        (lambda path: path.write_bytes(path.read_bytes()[:20]), "not an array"),
        (lambda path: path.write_bytes(b""), "not an array"),
        (lambda path: path.write_bytes(b"PK\x03\x04" * 50), "not an array"),
        (lambda path: path.unlink(), "not there"),
        (lambda path: save_array(path, np.load(path).astype(np.uint32)), "are uint32, not uint16"),
        (lambda path: save_array(path, np.load(path)[:-1]), "its shape is"),
        (lambda path: save_array(path, np.load(path).reshape(1, -1)), "its shape is"),
        (lambda path: save_array(path, np.array([{}]), pickled=True), "are object, not uint16"),
    ],
)
def test_a_damaged_shard_is_named_before_anything_is_read(copy, damage, message):
    damage(copy / ARRAY)
    with pytest.raises(DataError, match=message) as caught:
        TokenSplit.open(copy, "train")
    assert caught.value.where == str(copy / ARRAY)
    assert TokenSplit.open(copy, "held_out").documents == 2


def change_table(path: Path, **columns: pl.Expr) -> None:
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: cut_short(path, 40), "cannot be read"),
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: change_table(path, length=pl.col("length") + 1), "its documents, tokens"),
        (lambda path: change_table(path, bytes=pl.col("bytes") * 2), "its documents, tokens"),
        (lambda path: change_table(path, offset=pl.col("offset") + 1), "one after another"),
    ],
)
def test_a_damaged_table_of_documents_is_named(copy, damage, message):
    damage(copy / TABLE)
    with pytest.raises(DataError, match=message) as caught:
        _ = TokenSplit.open(copy, "train").lengths
    assert caught.value.where == str(copy / TABLE)


def change_index(folder: Path, change) -> None:
    index = json.loads((folder / "tokens.json").read_text("utf-8"))
    change(index)
    (folder / "tokens.json").write_text(json.dumps(index), "utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index["splits"]["train"].update(tokens=1), "it says 1 tokens in all"),
        (lambda index: index["splits"]["train"].update(documents=1), "it says 1 documents in all"),
        (lambda index: index["splits"]["train"]["shards"].pop(), "in all"),
        (lambda index: index["splits"]["train"].pop("shards"), "not a list of shards"),
        (lambda index: index.update(dtype="letters"), "not a list of shards"),
        (lambda index: index.pop("splits"), "cannot be read"),
    ],
)
def test_an_index_that_disagrees_with_its_shards_is_refused(copy, change, message):
    change_index(copy, change)
    with pytest.raises(DataError, match=message) as caught:
        TokenSplit.open(copy, "train")
    assert caught.value.where == str(copy / "tokens.json")


def test_an_index_cut_short_is_refused(copy):
    cut_short(copy / "tokens.json", 5)
    with pytest.raises(DataError, match="cannot be read"):
        TokenSplit.open(copy, "train")


def test_a_folder_without_tokens_is_refused(tmp_path):
    with pytest.raises(DataError, match="there are no tokens here"):
        TokenSplit.open(tmp_path, "train")


def test_a_split_that_does_not_exist_is_refused_with_those_that_do(made):
    with pytest.raises(DataError, match="no split 'test', only train, held_out"):
        TokenSplit.open(made, "test")
