"""The scores step over small real artifacts; only the neural model is a stand-in."""

import json
import lzma
import math
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

import mowa.inference
from mowa.errors import DataError, UsageError
from mowa.evaluation import NgramModel, ScoresConfig, xz_bits_per_byte
from mowa.evaluation._intervals import interval, resampled
from mowa.evaluation._measures import ratio
from mowa.evaluation._scores import run
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack
from mowa.workspace import Inputs
from tests.made_artifacts import artifact

BOS, EOS, VOCABULARY, WINDOW = 0, 1, 260, 32

POLISH = LanguagePack(
    code="pol", code1="pl", name="Polish", letters="ąćęłńóśźż", stop_words=("i",), thresholds={}
)

TRAIN = [f"Ala ma kota, a kot ma {i} lat. Zażółć gęślą jaźń." for i in range(30)]
HELD_OUT = [
    ("wiki", "Ala ma psa, a pies ma budę. " * 3),
    ("wiki", "Kot śpi."),
    ("ustawy", "Zażółć gęślą jaźń, a potem zażółć ją jeszcze raz. " * 4),
    ("ustawy", "W Szczebrzeszynie chrząszcz brzmi w trzcinie."),
]

DOCUMENT_COLUMNS = [
    "url",
    "host",
    "title",
    "author",
    "date",
    "language",
    "source",
    "licence",
    "legal_basis",
    "agreement",
    "release",
    "collected_at",
    "locator",
    "parts",
    "content_hash",
    "reservation",
]


def doc_id(split: str, number: int) -> str:
    return f"{split}-{number}".encode().hex().ljust(32, "0")


def encoded(text: str) -> list[int]:
    return [BOS, *(byte + 3 for byte in text.encode()), EOS]


class EvenEngine:
    """A model that finds every token equally likely; counts how often it is asked."""

    asked: ClassVar[list[int]] = []

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> "EvenEngine":
        assert (path / "config.json").exists()
        assert device == "cpu"
        return cls()

    def loglikelihood(self, documents, *, stride: int) -> list[float]:
        self.asked.append(len(documents))
        assert stride == WINDOW // 2
        assert all(document[0] == BOS and document[-1] == EOS for document in documents)
        return [-(len(document) - 1) * math.log(VOCABULARY) for document in documents]


class BrokenEngine(EvenEngine):
    def loglikelihood(self, documents, *, stride: int) -> list[float]:
        return [math.nan for _ in super().loglikelihood(documents, stride=stride)]


@dataclass
class World:
    root: Path
    inputs: Inputs

    def context(self, out: Path, workers: int = 1) -> Context:
        return Context(
            language=POLISH,
            data=self.root,
            sources=self.root,
            workers=workers,
            ledger=Ledger(out.with_suffix(".ledger")),
        )

    def scores(self, out: str = "out", *, workers: int = 1, **config) -> dict:
        folder = self.root / out
        folder.mkdir(exist_ok=True)
        settings = ScoresConfig(device="cpu", **{"bootstrap_samples": 50, **config})
        return run(settings, self.inputs, folder, self.context(folder, workers))

    def read(self, out: str = "out") -> dict:
        return json.loads((self.root / out / "scores.json").read_text("utf-8"))


def write_corpus(folder: Path) -> None:
    rows = [("train", i, "wiki", text) for i, text in enumerate(TRAIN)]
    rows += [("held_out", i, source, text) for i, (source, text) in enumerate(HELD_OUT)]
    shards = {"web-00000-000": rows[:20], "web-00001-000": rows[20:]}
    for shard, part in shards.items():
        columns = {
            "schema": pl.Series([2] * len(part), dtype=pl.Int16),
            "doc_id": [doc_id(split, i) for split, i, _, _ in part],
            "text": [text for *_, text in part],
        }
        columns |= {
            name: pl.Series([None] * len(part), dtype=pl.String) for name in DOCUMENT_COLUMNS
        }
        columns["source"] = [source for *_, source, _ in part]
        documents = pl.DataFrame(columns)
        decisions = documents.select(
            "doc_id",
            decision=pl.lit("keep"),
            reason=pl.lit(None, pl.String),
            detail=pl.lit(None, pl.String),
            split=pl.Series([split for split, *_ in part]),
        )
        for name, frame in (("documents", documents), ("decisions", decisions)):
            path = folder / name / f"{shard}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path, compression="zstd")
    manifest = {"shards": [{"name": shard, "documents": len(shards[shard])} for shard in shards]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_tokens(folder: Path, held_out=HELD_OUT) -> None:
    splits = {}
    texts = {"train": [("wiki", text) for text in TRAIN], "held_out": held_out}
    for split, documents in texts.items():
        (folder / split).mkdir(parents=True)
        shards = []
        for number, half in enumerate((documents[:2], documents[2:])):
            first = 2 * number
            ids = [encoded(text) for _, text in half]
            lengths = np.array([len(x) for x in ids], np.int64)
            sizes = [len(text.encode()) for _, text in half]
            name = f"web-0000{number}-000"
            np.save(folder / split / f"{name}.npy", np.array(list(chain(*ids)), np.uint16))
            pl.DataFrame(
                {
                    "doc_id": [doc_id(split, first + i) for i in range(len(half))],
                    "offset": np.cumsum(lengths) - lengths,
                    "length": lengths,
                    "bytes": pl.Series(sizes, dtype=pl.Int64),
                    "source": pl.Series([source for source, _ in half], dtype=pl.String),
                },
                schema_overrides={"doc_id": pl.String},
            ).write_parquet(folder / split / f"{name}.documents.parquet")
            shards.append(
                {
                    "name": name,
                    "documents": len(half),
                    "tokens": int(lengths.sum()),
                    "bytes": sum(sizes),
                }
            )
        totals = {key: sum(s[key] for s in shards) for key in ("documents", "tokens", "bytes")}
        splits[split] = {**totals, "shards": shards}
    record = {
        "vocab_size": VOCABULARY,
        "dtype": "uint16",
        "bos_id": BOS,
        "eos_id": EOS,
        "splits": splits,
    }
    (folder / "tokens.json").write_text(json.dumps(record))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(mowa.inference, "TorchEngine", EvenEngine, raising=False)
    monkeypatch.setattr(EvenEngine, "asked", [])
    write_corpus(tmp_path / "corpus")
    write_tokens(tmp_path / "tokens")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({"max_position_embeddings": WINDOW}))
    inputs = Inputs(
        (
            artifact(tmp_path / "model", "model", metrics={"held_out_bpb_before": 8.1234567}),
            artifact(tmp_path / "tokens", "tokens"),
            artifact(tmp_path / "corpus", "corpus"),
        )
    )
    return World(tmp_path, inputs)


def by_system(scores: dict) -> dict[str, dict]:
    return {row["system"]: row for row in scores["scores"]}


def test_bits_per_byte_are_total_bits_over_total_bytes(world: World):
    metrics = world.scores()
    texts = [text for _, text in HELD_OUT]
    size = sum(len(text.encode()) for text in texts)
    tokens = sum(len(encoded(text)) for text in texts)
    rows = by_system(world.read())
    even = (tokens - len(texts)) * math.log2(VOCABULARY) / size
    assert rows["model"]["bits_per_byte"] == pytest.approx(even, abs=1e-4)
    packed = sum(len(lzma.compress(text.encode(), preset=9)) for text in texts)
    assert rows["xz"]["bits_per_byte"] == pytest.approx(8 * packed / size, abs=1e-4)
    assert rows["xz"]["bits_per_byte"] == pytest.approx(xz_bits_per_byte(texts), abs=1e-4)
    ids = [encoded(text) for text in TRAIN]
    model = NgramModel.train(
        np.array(list(chain(*ids)), np.uint16),
        np.array([len(x) for x in ids]),
        vocab_size=VOCABULARY,
        order=5,
    )
    bits = sum(model.bits(np.array(encoded(text))) for text in texts)
    assert rows["ngram"]["bits_per_byte"] == pytest.approx(bits / size, abs=1e-4)
    assert rows["untrained"]["bits_per_byte"] == 8.1235
    assert rows["untrained"]["low"] is None
    assert metrics["held_out_bpb"] == rows["model"]["bits_per_byte"]
    assert metrics["untrained_bpb"] == 8.1235
    assert metrics["ngram_bpb_interval"] == [rows["ngram"]["low"], rows["ngram"]["high"]]
    assert (metrics["documents"], metrics["bytes"], metrics["tokens"]) == (4, size, tokens)


def test_each_document_and_each_source_has_its_row(world: World):
    world.scores()
    documents = pl.read_parquet(world.root / "out" / "documents.parquet")
    assert documents.columns == [
        "doc_id",
        "tokens",
        "bytes",
        "source",
        "xz_bits",
        "ngram_bits",
        "model_bits",
    ]
    assert documents["doc_id"].to_list() == [doc_id("held_out", i) for i in range(4)]
    assert documents["source"].to_list() == ["wiki", "wiki", "ustawy", "ustawy"]
    first = documents.row(0, named=True)
    assert first["xz_bits"] == 8 * len(lzma.compress(HELD_OUT[0][1].encode(), preset=9))
    scores = world.read()
    assert [row["source"] for row in scores["sources"]] == ["ustawy", "wiki"]
    wiki = documents.filter(source="wiki")
    assert scores["sources"][1] == {
        "source": "wiki",
        "documents": 2,
        "bytes": wiki["bytes"].sum(),
        "model": round(wiki["model_bits"].sum() / wiki["bytes"].sum(), 4),
        "ngram": round(wiki["ngram_bits"].sum() / wiki["bytes"].sum(), 4),
        "xz": round(wiki["xz_bits"].sum() / wiki["bytes"].sum(), 4),
    }


def test_intervals_hold_the_value_and_differences_are_paired(world: World):
    world.scores(bootstrap_samples=400)
    scores = world.read()
    for row in scores["scores"][:3]:
        assert row["low"] <= row["bits_per_byte"] <= row["high"]
        assert row["low"] < row["high"]
    rows = by_system(scores)
    for row in scores["differences"]:
        expected = rows[row["system"]]["bits_per_byte"] - rows["model"]["bits_per_byte"]
        assert row["saved_by_model"] == pytest.approx(expected, abs=2e-4)
        assert row["low"] <= row["saved_by_model"] <= row["high"]


def test_the_same_inputs_give_the_same_bytes_with_any_number_of_workers(world: World):
    world.scores("one")
    world.scores("two", workers=2)
    for name in ("scores.json", "documents.parquet", "report.html"):
        one, two = ((world.root / out / name).read_bytes() for out in ("one", "two"))
        assert one == two, name
        assert str(world.root).encode() not in one


def test_a_killed_run_goes_on_without_scoring_a_document_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mowa.evaluation._measure._TOKENS_A_UNIT", 100)
    world.scores("whole")
    whole = list(EvenEngine.asked)
    assert len(whole) >= 3
    assert sum(whole) == 4
    EvenEngine.asked.clear()

    class Killed(BaseException):
        pass

    class DyingEngine(EvenEngine):
        def loglikelihood(self, documents, *, stride):
            if len(self.asked) == 2:
                raise Killed
            return super().loglikelihood(documents, stride=stride)

    monkeypatch.setattr(mowa.inference, "TorchEngine", DyingEngine)
    with pytest.raises(Killed):
        world.scores("killed")
    monkeypatch.setattr(mowa.inference, "TorchEngine", EvenEngine)
    monkeypatch.setattr(
        "mowa.evaluation._measure.NgramModel", None
    )  # would fail if it were trained a second time
    world.scores("killed")
    assert EvenEngine.asked == whole
    for name in ("scores.json", "documents.parquet", "report.html"):
        one, two = ((world.root / out / name).read_bytes() for out in ("whole", "killed"))
        assert one == two, name


def test_max_documents_takes_those_with_the_smallest_id(world: World):
    world.scores(max_documents=3)
    documents = pl.read_parquet(world.root / "out" / "documents.parquet")
    ids = sorted(doc_id("held_out", i) for i in range(4))
    assert documents["doc_id"].to_list() == ids[:3]
    assert world.read()["held_out_documents"] == 4
    html = (world.root / "out" / "report.html").read_text("utf-8")
    assert "1 further held-out documents were not scored" in html


def test_one_document_has_a_score_and_no_interval(world: World):
    metrics = world.scores(max_documents=1)
    assert by_system(world.read())["model"]["low"] is None
    assert "held_out_bpb_interval" not in metrics
    assert metrics["documents"] == 1


def test_the_ngram_model_reads_whole_documents_up_to_its_limit(world: World):
    lengths = [len(encoded(text)) for text in TRAIN]
    world.scores(ngram_max_tokens=sum(lengths[:7]) + 3, ngram_order=2)
    ngram = world.read()["ngram"]
    assert ngram["train_documents"] == 7
    assert ngram["train_tokens"] == sum(lengths[:7])
    assert ngram["order"] == 2
    assert len(ngram["discounts"]) == len(ngram["ngrams"]) == 2
    world.scores("tiny", ngram_max_tokens=1)
    assert world.read("tiny")["ngram"]["train_documents"] == 1


def test_the_report_shows_all_systems_and_sources(world: World):
    world.scores()
    html = (world.root / "out" / "report.html").read_text("utf-8")
    for word in (
        "model before training",
        "xz -9",
        "5-gram",
        "ustawy",
        "wiki",
        "modified Kneser-Ney",
    ):
        assert word in html
    assert html.count("<svg") == 3
    assert html.count('class="whisker"') == 4


def test_a_real_model_that_has_learnt_nothing_needs_about_log2_of_the_vocabulary(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM

    monkeypatch.undo()  # the engine of the room, not the stand-in
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=WINDOW,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    folder = world.root / "model"
    LlamaForCausalLM(shape).save_pretrained(folder)
    Tokenizer(models.BPE()).save(str(folder / "tokenizer.json"))
    world.scores()
    documents = pl.read_parquet(world.root / "out" / "documents.parquet")
    for tokens, bits in documents.select("tokens", "model_bits").iter_rows():
        assert bits / (tokens - 1) == pytest.approx(math.log2(VOCABULARY), rel=0.05)


def test_a_model_whose_training_measured_nothing_before_has_no_untrained_row(world: World):
    model, *others = world.inputs.artifacts
    world.inputs = Inputs((artifact(model.path, "model"), *others))
    metrics = world.scores()
    assert "untrained_bpb" not in metrics
    assert set(by_system(world.read())) == {"model", "ngram", "xz"}


def test_a_likelihood_that_is_not_finite_is_refused(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mowa.inference, "TorchEngine", BrokenEngine)
    with pytest.raises(DataError, match="not a finite number"):
        world.scores()


def test_tokens_of_another_corpus_are_refused(world: World):
    folder = world.root / "corpus" / "documents" / "web-00001-000.parquet"
    changed = pl.read_parquet(folder).with_columns(text=pl.col("text") + "!")
    changed.write_parquet(folder)
    with pytest.raises(DataError, match="4 held-out documents of the tokens are not those"):
        world.scores()


def test_nothing_held_out_is_refused(world: World, tmp_path: Path):
    write_tokens(tmp_path / "empty", held_out=[])
    model, _, corpus = world.inputs.artifacts
    world.inputs = Inputs((model, artifact(tmp_path / "empty", "tokens"), corpus))
    with pytest.raises(DataError, match="no document was held out") as caught:
        world.scores()
    assert "held-out" in caught.value.fix


def test_a_stride_longer_than_the_window_is_refused(world: World):
    with pytest.raises(UsageError, match="a stride of 33 tokens is longer") as caught:
        world.scores(stride=WINDOW + 1)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_model_that_does_not_say_its_context_is_refused(world: World, text: str | None):
    path = world.root / "model" / "config.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError, match="how long its context is") as caught:
        world.scores()
    assert caught.value.where == str(path)


def test_unknown_keys_and_wrong_values_are_refused():
    for bad in ({"ngram": 5}, {"ngram_order": 9}, {"stride": 0}, {"seed": -1}, {"seed": "1"}):
        with pytest.raises(ValidationError):
            ScoresConfig(**bad)


def test_the_room_imports_without_torch_and_numpy():
    code = (
        "import sys, mowa.evaluation as e; e.ScoresConfig();"
        "assert not {'torch', 'transformers', 'numpy', 'polars'} & set(sys.modules);"
        "e.NgramModel, e.xz_bits_per_byte; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="nothing"):
        mowa.evaluation.nothing  # noqa: B018 - the access is the test


def test_xz_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no bytes"):
        xz_bits_per_byte(["", ""])


def test_xz_is_what_the_command_gives(tmp_path: Path):
    text = "Zażółć gęślą jaźń. " * 40
    path = tmp_path / "a.txt"
    path.write_text(text, "utf-8")
    try:
        packed = subprocess.run(["xz", "-9", "-c", str(path)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the command xz is not installed")
    assert xz_bits_per_byte([text]) * len(text.encode()) == pytest.approx(8 * len(packed.stdout))


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        size = rng.integers(100, 5000, 60)
        bits = size * rng.normal(2.0, 0.3, 60)
        low, high = interval(resampled(ratio(bits, size), samples=200, seed=trial))
        covered += low <= 2.0 <= high
    assert 175 <= covered <= 199


def test_resamples_without_a_byte_are_left_out():
    ratios = resampled(ratio([8.0, 5.0], [4, 0]), samples=100, seed=1)
    assert 50 < len(ratios) < 100
    assert np.isfinite(ratios).all()
