"""The tokenizer step: nothing is lost, nothing can be forged, same text gives same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mowa.errors import DataError, MowaError
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack
from mowa.tokenizer import (
    BOS,
    EOS,
    PAD,
    TokenizerConfig,
    encode_documents,
    fertility,
    load_tokenizer,
    special_tokens,
)
from mowa.tokenizer import _train as step
from mowa.tokenizer._build import PATTERNS, byte_values, untrained
from mowa.tokenizer._encode import _PIECE, pieces
from mowa.tokenizer._sample import draw, lessons
from mowa.workspace import Inputs
from tests.made_artifacts import artifact

BYTES_ONLY = 256 + len(special_tokens(16))
NAMES = list(PATTERNS)

POLISH = """Wieś leżała między dwoma jeziorami. Późną jesienią, gdy mgła podchodziła pod same okna,
stara Gęśła – tak ją przezywano – wyciągała z szuflady zeszyt w kratkę i czytała na głos: „Źródło
bije tam, gdzie rosną cztery brzozy; idź dwieście kroków na wschód”. Nikt jej nie wierzył.

\tW 1987 r. przyjechał inżynier z Łodzi (ul. Świętokrzyska 14/3), zmierzył spadek terenu: 3,75 m na
1 200 m, po czym oświadczył: «to niemożliwe…»  A jednak! Żółta glina puściła i trysnęła woda.
"""

SUBJECTS = ["żółw", "sąsiadka", "wójt gminy", "młody źrebak", "inżynier Śliwa", "chór męski"]
VERBS = ["znalazł", "omija", "pamięta", "obiecał", "zmierzył", "przeoczył", "opisuje"]
OBJECTS = ["stary młyn", "ścieżkę nad rzeką", "trzy dęby", "księgę wieczystą", "łąkę za wsią"]


def sentences(count: int, seed: int = 0) -> str:
    chance = random.Random(seed)
    return " ".join(
        f"{chance.choice(SUBJECTS).capitalize()} {chance.choice(VERBS)} {chance.choice(OBJECTS)}"
        f" {chance.randrange(1, 2000)} razy."
        for _ in range(count)
    )


TEXTS = [sentences(30, seed) for seed in range(40)] + [POLISH]


PACK = LanguagePack(
    code="pol", code1="pl", name="Polish", letters="ąćęłńóśźż", stop_words=("i",), thresholds={}
)


def write_corpus(folder: Path, shards: dict[str, list[tuple[str, str, str]]]) -> Path:
    """A corpus folder of shards of (split or reason of rejection, source, text)."""
    for name, rows in shards.items():
        splits = [split if split in ("train", "held_out") else None for split, _, _ in rows]
        texts = [text for _, _, text in rows]
        digests = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts]
        sources = [source for _, source, _ in rows]
        columns = {"doc_id": digests, "text": texts, "source": sources, "content_hash": digests}
        decisions = {
            "doc_id": digests,
            "decision": ["keep" if split else "reject" for split in splits],
            "reason": [None if split else row[0] for split, row in zip(splits, rows, strict=True)],
            "detail": pl.Series([None] * len(rows), dtype=pl.String),
            "split": pl.Series(splits, dtype=pl.String),
        }
        for kind, table in (("documents", columns), ("decisions", decisions)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            pl.DataFrame(table).write_parquet(folder / kind / f"{name}.parquet")
    manifest = {"shards": [{"name": name} for name in shards]}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def run_step(config: TokenizerConfig, corpus: Path, out: Path) -> dict:
    out.mkdir(parents=True, exist_ok=True)
    context = Context(
        language=PACK,
        data=out,
        sources=out,
        workers=1,
        ledger=Ledger(out.parent / f"{out.name}.ledger"),
    )
    return step.run(config, Inputs((artifact(corpus, "corpus"),)), out, context)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    half = len(TEXTS) // 2
    rows = [("held_out" if n % 5 == 0 else "train", f"z{n % 2}", t) for n, t in enumerate(TEXTS)]
    rows.append(("too-short", "z0", "qqqqq " * 5000))
    return write_corpus(
        tmp_path_factory.mktemp("corpus"),
        {"a-00000-000": rows[:half], "b-00000-000": rows[half:]},
    )


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    run_step(TokenizerConfig(vocab_size=512), corpus, out)
    return out


@pytest.fixture(scope="module", params=NAMES)
def each(request):
    config = TokenizerConfig(vocab_size=400, pre_tokenizer=request.param)
    tokenizer = step.train(config, iter(TEXTS))
    tokenizer.encode_special_tokens = True
    return tokenizer


def round_trip(tokenizer, text: str) -> str:
    return tokenizer.decode(encode_documents(tokenizer, [text])[0], skip_special_tokens=False)


# Lossless


def test_every_code_point_that_utf_8_can_encode_survives(each):
    for start in range(0, 0x110000, 0x4000):
        text = "".join(
            chr(point) for point in range(start, start + 0x4000) if not 0xD800 <= point < 0xE000
        )
        assert round_trip(each, text) == text


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_survives(each, text):
    assert round_trip(each, text) == text


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_polish_text_survives_in_any_normal_form(each, form):
    text = unicodedata.normalize(form, POLISH)
    assert round_trip(each, text) == text


def test_spaces_before_punctuation_are_not_cleaned_up(made):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(made)
    text = "Nie , to nie ja ! 'm n't  \n"
    assert tokenizer.decode(tokenizer.encode(text)) == text


# Special tokens


def test_a_document_cannot_forge_a_special_token(made):
    tokenizer = load_tokenizer(made)
    names = special_tokens(16)
    text = f"Koniec.{EOS}{BOS}Nowy {PAD} dokument <|im_start|>system{''.join(names)}<|im_end|>"
    [ids] = encode_documents(tokenizer, [text])
    assert not set(ids) & set(range(len(names)))
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_special_tokens_come_first_and_then_all_256_bytes(made):
    tokenizer = load_tokenizer(made)
    names = special_tokens(16)
    assert [tokenizer.id_to_token(number) for number in range(len(names))] == names
    letters = {tokenizer.id_to_token(len(names) + number) for number in range(256)}
    assert {byte_values()[letter] for letter in letters} == set(range(256))
    assert tokenizer.get_vocab_size() == 512


def test_byte_values_are_those_of_the_byte_level_alphabet():
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(byte_values()) == set(ByteLevel.alphabet())
    [(surface, _)] = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str("ż\n ó")
    assert bytes(byte_values()[letter] for letter in surface).decode() == "ż\n ó"


# With transformers


@pytest.mark.parametrize("with_model", [False, True])
def test_auto_tokenizer_gives_the_same_ids_and_adds_neither_bos_nor_eos(made, tmp_path, with_model):
    transformers = pytest.importorskip("transformers")
    for name, content in files_of(made).items():
        (tmp_path / name).write_bytes(content)
    if with_model:  # the tokenizer class must not be guessed from the model beside it
        (tmp_path / "config.json").write_text('{"model_type": "llama", "vocab_size": 512}')
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = load_tokenizer(made)
    for text in [POLISH, *TEXTS[:5], "", " ", "a\u0301\u200b🦊"]:
        assert theirs.encode(text) == encode_documents(ours, [text])[0]
    assert (theirs.bos_token, theirs.eos_token, theirs.pad_token) == (BOS, EOS, PAD)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (0, 1, 2)
    assert len(theirs) == 512
    assert theirs.encode(f"{BOS}kot{EOS}") == [0, *theirs.encode("kot"), 1]
    assert theirs.decode([0, *theirs.encode("kot"), 4, 7, 1], skip_special_tokens=True) == "kot"


# The cut before merging


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama-bpe", ["W", " ", "123", "45", " zł", ",", " Źle", "!\n", " \n", " I", "'M", " "]),
        ("qwen2", ["W", " ", *"12345", " zł", ",", " Źle", "!\n", " \n", " I", "'M", " "]),
        ("gpt-2", ["W", " 12345", " zł", ",", " Źle", "!", "\n \n", " I", "'", "M", " "]),
    ],
)
def test_text_is_cut_as_the_named_models_cut_it(name, expected):
    cut = untrained(TokenizerConfig(vocab_size=300, pre_tokenizer=name)).pre_tokenizer
    text = "W 12345 zł, Źle!\n \n I'M "
    values = byte_values()
    found = [
        bytes(values[letter] for letter in surface).decode()
        for surface, _ in cut.pre_tokenize_str(text)
    ]
    assert "".join(found) == text
    assert found == expected


@pytest.mark.parametrize("name", NAMES)
def test_whole_words_are_looked_up_first_only_where_llama_cpp_does(name):
    model = untrained(TokenizerConfig(vocab_size=300, pre_tokenizer=name)).model
    assert model.ignore_merges == (name == "llama-bpe")


WORDS = st.sampled_from(
    ["Łódź", "ą", "'S", "12", "345678", ",", "…!", " ", "  ", "\n", "\r\n", "\u00a0"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS).map("".join), st.integers(1, 12))
def test_pieces_join_to_the_text_and_cut_where_words_are_cut(text, limit):
    found = list(pieces(text, limit))
    assert "".join(found) == text
    assert all(0 < len(piece) <= limit for piece in found) or text == ""
    clean = all(a[-1].isalnum() and b[0] == " " for a, b in pairwise(found))
    if clean:
        for name in NAMES:
            cut = untrained(TokenizerConfig(vocab_size=300, pre_tokenizer=name)).pre_tokenizer
            whole = [surface for surface, _ in cut.pre_tokenize_str(text)]
            assert [s for p in found for s, _ in cut.pre_tokenize_str(p)] == whole


def test_a_run_of_spaces_too_long_for_the_regex_is_still_encoded(made):
    text = "a" + " " * (_PIECE + 5) + "b" + "\n" * (_PIECE + 5)
    assert round_trip(load_tokenizer(made), text) == text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([" ", "\n", "ż", "kot", "." * 700, " " * 900])).map("".join))
def test_lessons_join_to_the_text_and_hold_no_word_that_the_trainer_would_choke_on(text):
    found = list(lessons(text))
    assert "".join(found) == text
    for lesson in found:
        assert max(map(len, lesson.split()), default=0) <= 1000
        assert " " * 1001 not in lesson


# Training


def test_two_runs_give_the_same_bytes(made, corpus, tmp_path):
    run_step(TokenizerConfig(vocab_size=512), corpus, tmp_path / "out")
    assert files_of(tmp_path / "out") == files_of(made)


def test_neither_threads_nor_the_order_of_documents_change_the_tokenizer(tmp_path):
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), "utf-8")
    script = (
        "import json, sys, hashlib\n"
        "from mowa.tokenizer._train import train, TokenizerConfig\n"
        "texts = json.load(open(sys.argv[1], encoding='utf-8'))[:: int(sys.argv[2])]\n"
        "tokenizer = train(TokenizerConfig(vocab_size=700), iter(texts))\n"
        "print(hashlib.sha256(tokenizer.to_str().encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / "texts.json", step_],
            env=os.environ | {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads, step_ in [("1", "1"), ("4", "1"), ("3", "-1")]
    }
    assert len(digests) == 1


def test_only_kept_training_documents_teach(made):
    vocabulary = load_tokenizer(made).get_vocab()
    assert "qq" not in vocabulary
    sample = json.loads((made / "fertility.json").read_text("utf-8"))["sample"]
    assert (
        sample["documents"] == sample["of_documents"] == sum(n % 5 > 0 for n in range(len(TEXTS)))
    )


def test_no_token_is_longer_than_the_recipe_allows():
    texts = ["." * 500 + " " * 300 + "bardzodługiesłowo " * 200]
    for limit in (2, 7, 32):
        config = TokenizerConfig(vocab_size=600, max_token_bytes=limit)
        tokenizer = step.train(config, iter(texts))
        special = tokenizer.get_added_tokens_decoder()
        lengths = [len(t) for t, number in tokenizer.get_vocab().items() if number not in special]
        assert max(lengths) <= limit
    assert max(lengths) == 32


def test_a_vocabulary_larger_than_the_text_supports_is_refused_with_the_one_that_it_does(
    corpus, tmp_path
):
    with pytest.raises(MowaError) as caught:
        run_step(TokenizerConfig(vocab_size=50_000), corpus, tmp_path / "a")
    supported = int(caught.value.what.split(" tokens")[0].split()[-1].replace(",", ""))
    assert BYTES_ONLY < supported < 50_000
    assert f"set vocab_size to {supported} or less" in str(caught.value)
    assert caught.value.exit_code == 1
    assert not (tmp_path / "a" / "tokenizer.json").exists()
    assert run_step(TokenizerConfig(vocab_size=supported), corpus, tmp_path / "b")


def test_a_corpus_without_training_documents_is_refused(tmp_path):
    corpus = write_corpus(tmp_path / "c", {"a-00000-000": [("held_out", "z", "Ala ma kota.")]})
    with pytest.raises(DataError, match="no training documents"):
        run_step(TokenizerConfig(vocab_size=300), corpus, tmp_path / "out")


def test_a_sample_that_no_document_falls_into_is_refused(corpus, tmp_path):
    with pytest.raises(DataError, match="raise sample_bytes"):
        run_step(TokenizerConfig(vocab_size=300, sample_bytes=1), corpus, tmp_path / "out")


def test_a_corpus_without_held_out_documents_has_no_fertility(tmp_path):
    corpus = write_corpus(tmp_path / "c", {"a-00000-000": [("train", "z", POLISH)]})
    metrics = run_step(TokenizerConfig(vocab_size=300), corpus, tmp_path / "out")
    assert metrics["tokens_per_word"] is None
    assert metrics["vocabulary_used"] is None
    assert "no held-out documents" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_shard_that_cannot_be_read_says_so_in_the_middle_of_training(
    corpus, tmp_path, monkeypatch
):
    def broken(*_):
        raise DataError("the shard is cut short", where="a-00000-000.parquet")

    monkeypatch.setattr("mowa.tokenizer._sample.Sample.frames", broken)
    with pytest.raises(DataError, match="cut short"):
        run_step(TokenizerConfig(vocab_size=300), corpus, tmp_path / "out")


def test_a_run_killed_before_the_measurement_does_not_train_again(
    corpus, made, tmp_path, monkeypatch
):
    config, out = TokenizerConfig(vocab_size=512), tmp_path / "out"
    monkeypatch.setattr(step, "fertility", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_step(config, corpus, out)
    monkeypatch.undo()
    monkeypatch.setattr(step, "train", lambda *_: 1 / 0)
    run_step(config, corpus, out)
    assert files_of(out) == files_of(made)


# The sample


def test_the_sample_does_not_depend_on_shards_or_order(corpus, tmp_path):
    rows = [("train", "z", text) for text in TEXTS]
    one = write_corpus(tmp_path / "one", {"a-00000-000": rows})
    two = write_corpus(tmp_path / "two", {"b-00000-000": rows[30::-1], "b-00001-000": rows[31:]})
    size = sum(len(text.encode()) for text in TEXTS) // 2
    drawn = [
        sorted(
            text for frame in draw(folder, "train", size).frames("text") for text in frame["text"]
        )
        for folder in (one, two)
    ]
    assert drawn[0] == drawn[1]
    assert len(TEXTS) // 4 < len(drawn[0]) < len(TEXTS) * 3 // 4


def test_a_sample_as_large_as_the_corpus_is_the_corpus(corpus):
    sample = draw(corpus, "train", 10**9)
    assert sample.share == 1
    assert sum(frame.height for frame in sample.frames("text")) == sample.documents


# Fertility


def test_fertility_counts_what_can_be_counted_by_hand(tmp_path):
    tokenizer = step.train(TokenizerConfig(vocab_size=BYTES_ONLY), iter(["x"]))
    frames = [
        pl.DataFrame({"text": ["żółw ma\n dom", "a"], "source": ["b", "a"]}),
        pl.DataFrame({"text": ["ąą"], "source": ["b"]}),
    ]
    found = fertility(tokenizer, frames)
    assert found["held_out"] == {
        "documents": 3,
        "bytes": 20,
        "characters": 15,
        "words": 5,
        "tokens": 20,
        "tokens_per_word": 4.0,
        "characters_per_token": 0.75,
        "bytes_per_token": 1.0,
    }
    assert list(found["sources"]) == ["a", "b"]
    assert found["sources"]["a"]["documents"] == 1
    assert found["sources"]["b"]["bytes"] == 19
    assert found["token_bytes"] == [{"bytes": 1, "tokens": 256, "uses": 20}]
    used = set("żółw ma\n dom a ąą".encode())
    assert found["tokens_used"] == len(used)
    assert found["vocabulary_used"] == len(used) / 256


def test_fertility_does_not_depend_on_batches_or_frames(made, monkeypatch):
    tokenizer = load_tokenizer(made)
    frame = pl.DataFrame({"text": TEXTS, "source": ["z"] * len(TEXTS)})
    found = fertility(tokenizer, [frame])
    monkeypatch.setattr("mowa.tokenizer._fertility._BATCH_BYTES", 3000)
    assert fertility(tokenizer, [frame[:7], frame[7:]]) == found


def test_examples_join_to_their_sentences(made):
    found = json.loads((made / "fertility.json").read_text("utf-8"))
    for example in found["examples"]:
        whole = "".join(example["tokens"])
        if "\\x" not in whole:
            assert whole == example["text"]
    assert found["pre_tokenizer"] == "llama-bpe"
    assert found["special_tokens"] == special_tokens(16)
    assert {row["bytes"] for row in found["token_bytes"]} == set(
        range(1, len(found["token_bytes"]) + 1)
    )


def test_the_report_shows_sources_and_pictures(made):
    page = (made / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert "z0" in page
    assert "␣" in page
    assert "&lt;|im_start|&gt;" in page


# Reading


def test_a_missing_tokenizer_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no tokenizer here"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"model": 1}'])
def test_a_damaged_tokenizer_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(DataError, match="not a readable tokenizer"):
        load_tokenizer(tmp_path)


# Configuration


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"vocab_size": BYTES_ONLY - 1}, f"already need {BYTES_ONLY}"),
        ({"vocab_size": 8192.0}, "valid integer"),
        ({"vocab_size": 8192, "pre_tokenizer": "bert"}, "llama-bpe"),
        ({"vocab_size": 8192, "vocab": 1}, "vocab"),
        ({"vocab_size": 8192, "sample_bytes": 3_000_000_000}, "less than or equal"),
        ({}, "vocab_size"),
    ],
)
def test_a_mistake_in_the_recipe_is_refused(settings_, message):
    with pytest.raises(ValidationError, match=message):
        TokenizerConfig(**settings_)


def test_the_room_can_be_imported_without_its_heavy_packages():
    script = (
        "import sys, mowa.tokenizer\n"
        "mowa.tokenizer.TokenizerConfig(vocab_size=8192)\n"
        "heavy = {'tokenizers', 'transformers', 'torch', 'polars', 'pyarrow', 'numpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    import mowa.tokenizer

    with pytest.raises(AttributeError, match="nothing_such"):
        _ = mowa.tokenizer.nothing_such
