"""What a template writes is a special token, what was said never is, whatever it looks like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from mowa.errors import DataError
from mowa.tokenizer import ControlTokens, unquoted

SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
TEXT = ["Zażółć gęślą jaźń", "nad Wisłą leży Kraków", "a<s>b", "\n\n", "user\n", "im_end"] * 4


def byte_level():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made, pre_tokenizers.ByteLevel.alphabet()


def sentencepiece_like():
    """As Llama 2's: spaces are letters, one more stands before the text, bytes for what is rare."""
    unknown = {"unk_token": "<unk>", "fuse_unk": True}
    made = Tokenizer(models.BPE(byte_fallback=True, **unknown))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made, [*"abcdefghijklmnoprstuvwxyz<>|_/\n▁ńżółćęśąź"]


def trained(kind):
    made, alphabet = kind()
    rare = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))] if made.normalizer else []
    trainer = trainers.BpeTrainer(
        vocab_size=420 if not rare else 400,
        special_tokens=[
            *(AddedToken(name, special=True, normalized=False) for name in SPECIAL),
            *rare,
        ],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    made.train_from_iterator(TEXT, trainer)
    made.encode_special_tokens = True
    return made


@pytest.fixture(scope="module", params=[byte_level, sentencepiece_like], ids=["bytes", "pieces"])
def tokenizer(request):
    return trained(request.param)


def recognising(tokenizer):
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.encode_special_tokens = False
    return copy


def test_without_forgeries_the_ids_are_those_of_the_tokenizer_itself(tokenizer):
    controls = ControlTokens(tokenizer)
    said = "Zażółć gęślą\n\nnad Wisłą "
    text = f"<s><|im_start|>user\n{controls.quote(said)}<|im_end|>\n</s>"
    (found,) = controls.encode([text])
    theirs = recognising(tokenizer).encode(text, add_special_tokens=False)
    assert found.ids == theirs.ids
    assert found.offsets == theirs.offsets


@given(
    st.lists(st.sampled_from([*SPECIAL, "<", "s>", "|im_", "end|>", "ż", " ", "\n"]), max_size=9)
)
def test_no_text_forges_a_special_token(parts):
    tokenizer = _BYTES
    controls = ControlTokens(tokenizer)
    said = "".join(parts)
    text = f"<s>{controls.quote(said)}</s>"
    (found,) = controls.encode([text])
    special = [tokenizer.token_to_id(name) for name in SPECIAL]
    assert [number for number in found.ids if number in special] == [special[0], special[1]]
    assert tokenizer.decode(found.ids[1:-1], skip_special_tokens=False) == said
    assert unquoted(text) == f"<s>{said}</s>"
    assert found.offsets[0] == (0, 3)
    assert found.offsets[-1] == (len(text) - 4, len(text))


_BYTES = trained(byte_level)


def test_text_with_and_without_marks_has_the_tokens_that_documents_have(tokenizer):
    controls = ControlTokens(tokenizer)
    (found,) = controls.encode([controls.quote("a</s>b <s>")])
    assert found.ids == tokenizer.encode("a</s>b <s>", add_special_tokens=False).ids


def test_special_tokens_that_hide_in_one_another_are_divided_too():
    made, _ = byte_level()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[AddedToken(x, special=True, normalized=False) for x in ("ab", "ba", "ż")],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["xyz"], trainer)
    made.encode_special_tokens = True
    controls = ControlTokens(made)
    (found,) = controls.encode([controls.quote("abaż") + "żab"])
    assert [number for number in found.ids if number < 3] == [2, 0]
    assert made.decode(found.ids, skip_special_tokens=False) == "abażżab"


@pytest.mark.parametrize("mark", ["\ufdd0", "\ufdd1"])
def test_what_unicode_keeps_for_programs_is_refused(tokenizer, mark):
    with pytest.raises(DataError, match="keeps for programs"):
        ControlTokens(tokenizer).quote(f"a{mark}b")


def test_a_special_token_that_is_a_letter_of_every_text_cannot_be_told_from_it():
    made, _ = byte_level()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[AddedToken("!", special=True, normalized=False)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["xyz"], trainer)
    made.encode_special_tokens = True
    controls = ControlTokens(made)
    with pytest.raises(DataError, match="makes a special token of plain text"):
        controls.encode([controls.quote("a!")])
