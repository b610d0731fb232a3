"""Dialogues become tokens as other programs make them, and what is learnt is what was said."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mowa.errors import UsageError
from mowa.inference import Message
from mowa.instructions import TEMPLATES, DialogueEncoder, template_called

CONTROLS = {
    "mowa": ["<|im_start|>", "<|im_end|>"],
    "chatml": ["<|im_start|>", "<|im_end|>"],
    "llama2": [],
    "llama3": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "mistral": ["[INST]", "[/INST]"],
}
NAMES = {"bos_token": "<s>", "eos_token": "</s>"}

SYSTEM = Message("system", "Odpowiadaj krótko.")
TALK = (
    Message("user", "Nad czym leży Kraków?"),
    Message("assistant", "  Nad Wisłą.\n\nTo rzeka. "),
    Message("user", "A Gdańsk?"),
    Message("assistant", "Nad Motławą."),
)


def write_tokenizer(folder, controls, *, words=("Kraków leży nad Wisłą", "\n\n", "a\n\nb")):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    names = ["<s>", "</s>", *controls]
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(list(words) * 5, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(NAMES))
    return folder


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request, tmp_path_factory):
    """Its name, and the folder of a tokenizer that fits it."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, write_tokenizer(folder, CONTROLS[request.param])


def encode(encoder, *conversations, **options):
    return list(encoder.encode(conversations, **options))


def text_of(folder, ids):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer.decode(list(map(int, ids)), skip_special_tokens=False)


WRITTEN = {
    "mowa": (
        "<s><|im_start|>system\nOdpowiadaj krótko.<|im_end|>\n"
        "<|im_start|>user\nNad czym leży Kraków?<|im_end|>\n"
        "<|im_start|>assistant\nNad Wisłą.\n\nTo rzeka.<|im_end|>\n"
        "<|im_start|>user\nA Gdańsk?<|im_end|>\n"
        "<|im_start|>assistant\nNad Motławą.<|im_end|>\n"
    ),
    "chatml": (
        "<s><|im_start|>system\nOdpowiadaj krótko.<|im_end|>\n"
        "<|im_start|>user\nNad czym leży Kraków?<|im_end|>\n"
        "<|im_start|>assistant\nNad Wisłą.\n\nTo rzeka.<|im_end|>\n"
        "<|im_start|>user\nA Gdańsk?<|im_end|>\n"
        "<|im_start|>assistant\nNad Motławą.<|im_end|>\n</s>"
    ),
    "llama2": (
        "<s>[INST] <<SYS>>\nOdpowiadaj krótko.\n<</SYS>>\n\nNad czym leży Kraków? [/INST]"
        " Nad Wisłą.\n\nTo rzeka. </s>"
        "<s>[INST] A Gdańsk? [/INST] Nad Motławą. </s>"
    ),
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nOdpowiadaj krótko.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nNad czym leży Kraków?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
        "Nad Wisłą.\n\nTo rzeka.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nA Gdańsk?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nNad Motławą.<|eot_id|>"
    ),
    "mistral": (
        "<s>[INST] Odpowiadaj krótko.\n\nNad czym leży Kraków?[/INST]"
        " Nad Wisłą.\n\nTo rzeka.</s>"
        "[INST] A Gdańsk?[/INST] Nad Motławą.</s>"
    ),
}
LEARNT = {
    "mowa": "Nad Wisłą.\n\nTo rzeka.<|im_end|>Nad Motławą.<|im_end|>",
    "chatml": "Nad Wisłą.\n\nTo rzeka.<|im_end|>\nNad Motławą.<|im_end|>\n</s>",
    "llama2": " Nad Wisłą.\n\nTo rzeka. </s> Nad Motławą. </s>",
    "llama3": "Nad Wisłą.\n\nTo rzeka.<|eot_id|>Nad Motławą.<|eot_id|>",
    "mistral": " Nad Wisłą.\n\nTo rzeka.</s> Nad Motławą.</s>",
}


def test_a_template_writes_what_it_should_and_the_assistants_words_are_learnt(template):
    name, folder = template
    (found,) = encode(DialogueEncoder(folder, name), (SYSTEM, *TALK))
    assert text_of(folder, found.ids) == WRITTEN[name]
    assert text_of(folder, found.ids[found.learnt]) == LEARNT[name]
    (end,) = found.ends
    assert text_of(folder, [end]) == {
        "llama3": "<|eot_id|>",
        "llama2": "</s>",
        "mistral": "</s>",
    }.get(name, "<|im_end|>")


def test_only_the_last_turn_is_learnt_where_it_is_asked_for(template):
    name, folder = template
    (found,) = encode(DialogueEncoder(folder, name), TALK, last_only=True)
    text = text_of(folder, found.ids[found.learnt])
    assert text.strip().startswith("Nad Motławą.")
    assert "Wisłą" not in text


SAID = st.text(st.sampled_from("aż ?.\n<s>|"), min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=30)
@given(said=st.lists(SAID, min_size=2, max_size=6), system=st.booleans())
def test_tokens_and_mask_are_those_of_transformers(template, said, system):
    name, folder = template
    turns = [
        Message(("user", "assistant")[n % 2], text)
        for n, text in enumerate(said[: len(said) // 2 * 2])
    ]
    conversation = ([SYSTEM] if system else []) + turns
    encoder = DialogueEncoder(folder, name)
    (found,) = encode(encoder, conversation)
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **NAMES)
    if any(special in text for text in said for special in theirs.all_special_tokens):
        return  # there it takes what was said for tokens
    expected = theirs.apply_chat_template(
        [{"role": turn.role, "content": turn.content} for turn in conversation],
        chat_template=encoder.template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    assert found.ids.tolist() == expected["input_ids"]
    assert found.learnt.astype(int).tolist() == list(expected["assistant_masks"])


@settings(max_examples=30)
@given(
    parts=st.lists(
        st.lists(
            st.sampled_from(["<s>", "</s>", "<|im_end|>", "[INST]", "<|eot_id|>", "a", " ż"]),
            min_size=1,
        ),
        min_size=2,
        max_size=2,
    )
)
def test_a_dialogue_that_writes_special_tokens_has_no_more_of_them_than_any(template, parts):
    name, folder = template
    asked, answered = ("x" + "".join(part) + "x" for part in parts)
    encoder = DialogueEncoder(folder, name)
    forged, plain = encode(
        encoder,
        (Message("user", asked), Message("assistant", answered)),
        (Message("user", "x"), Message("assistant", "x")),
    )
    special = range(2 + len(CONTROLS[name]))
    assert [n for n in forged.ids if n in special] == [n for n in plain.ids if n in special]
    assert answered in text_of(folder, forged.ids[forged.learnt])
    assert asked in text_of(folder, forged.ids[~forged.learnt])


def without_blocks(text):
    return re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", text)


def test_a_template_without_blocks_is_read_by_its_prompts_to_the_same_tokens(template, tmp_path):
    name, folder = template
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(NAMES))
    (tmp_path / "chat_template.jinja").write_text(without_blocks(template_called(name)))
    own = DialogueEncoder(tmp_path)
    assert "generation" not in own.template.replace("add_generation_prompt", "")
    (found,) = encode(own, (SYSTEM, *TALK))
    (expected,) = encode(DialogueEncoder(folder, name), (SYSTEM, *TALK))
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.ends == expected.ends
    # ChatML as ALLaMo's learns what comes behind the token that ends a turn, too.
    extra = np.flatnonzero(found.learnt != expected.learnt)
    assert text_of(folder, found.ids[extra]) == ("\n\n</s>" if name == "chatml" else "")


def refusals(tmp_path, text, *conversations):
    write_tokenizer(tmp_path, CONTROLS["mowa"])
    (tmp_path / "chat_template.jinja").write_text(text)
    return encode(DialogueEncoder(tmp_path), *conversations)


def test_what_a_template_refuses_is_told_and_the_others_are_encoded(template):
    name, folder = template
    wrong = (Message("user", "a"), Message("user", "b"), Message("assistant", "c"))
    strange = (Message("critic", "a"), Message("assistant", "c"))
    found = encode(DialogueEncoder(folder, name), wrong, TALK, strange)
    assert isinstance(found[0], str) == (name in {"llama2", "mistral"})
    assert not isinstance(found[1], str)
    assert "cannot render" in found[2]


def test_a_block_that_holds_more_than_the_answer_is_refused(tmp_path):
    text = (
        "{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}<|im_end|>"
        "{% endgeneration %}"
    )
    (found,) = refusals(tmp_path, text, TALK[:2])
    assert found == "what would be learnt is not what the assistant says"


def test_a_block_that_leaves_out_a_turn_is_refused(tmp_path):
    text = (
        "{% for m in messages %}{% if loop.last %}{% generation %}{{ m.content }}<|im_end|>"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    found = refusals(tmp_path, text, TALK[:2], TALK)
    assert not isinstance(found[0], str)
    assert found[1] == "the template marks other turns than the assistant's"


@pytest.mark.parametrize("blocks", [True, False])
def test_a_turn_without_an_end_is_refused(tmp_path, blocks):
    text = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    (found,) = refusals(tmp_path, text if blocks else without_blocks(text), TALK[:2])
    assert found == "the template does not end the assistant's turn"


def test_a_token_that_reaches_over_the_beginning_of_an_answer_is_not_learnt(tmp_path):
    text = (
        "{% for m in messages %}{% if m.role == 'assistant' %}:\n{% generation %}{{ m.content }}"
        "<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    fine = (Message("user", "a"), Message("assistant", "b"))
    grown = (Message("user", "a"), Message("assistant", "\n\nb"))
    found = refusals(tmp_path, text, fine, grown)
    assert text_of(tmp_path, found[0].ids[found[0].learnt]) == "b<|im_end|>"
    # The first of its newlines and the template's are one token; no word is lost by it.
    assert text_of(tmp_path, found[1].ids[found[1].learnt]) == "\nb<|im_end|>"


def test_earlier_turns_that_are_written_in_another_way_later_are_refused(tmp_path):
    text = (
        "{% for m in messages %}{{ loop.length if loop.first }}{{ m.content }}<|im_end|>"
        "{% endfor %}"
    )
    assert refusals(tmp_path, text, TALK) == [
        "the template writes earlier turns in another way later"
    ]


def test_text_that_unicode_keeps_for_programs_is_refused_and_only_it(tmp_path):
    bad = (Message("user", "a\ufdd0"), Message("assistant", "b"))
    found = refusals(tmp_path, template_called("mowa"), bad, TALK)
    assert "keeps for programs" in found[0]
    assert not isinstance(found[1], str)


def test_a_tokenizer_that_lacks_a_token_is_named_with_it(tmp_path):
    write_tokenizer(tmp_path, CONTROLS["mowa"])
    with pytest.raises(UsageError, match=r"'llama3' needs <\|start_header_id\|> as one special"):
        DialogueEncoder(tmp_path, "llama3")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
    with pytest.raises(UsageError, match="'llama2' needs the eos_token"):
        DialogueEncoder(tmp_path, "llama2")
    with pytest.raises(UsageError, match="no chat template 'alpaca'"):
        template_called("alpaca")


def test_a_models_own_template_goes_before_ours_and_ours_before_none(tmp_path):
    write_tokenizer(tmp_path, CONTROLS["mowa"])
    assert DialogueEncoder(tmp_path).template == template_called("mowa")
    (tmp_path / "chat_template.jinja").write_text("{{ 1 }}")
    assert DialogueEncoder(tmp_path).template == "{{ 1 }}"
    assert DialogueEncoder(tmp_path, "chatml").template == template_called("chatml")
