"""Of real questions that have nothing to do with real novels none may be found in them."""

import json
import re

from real_data import real

from mowa.evaluation.contamination import Item, find_items


def test_false_alarms_on_unrelated_real_texts_are_below_one_in_a_thousand(indexed):
    novels = sorted(real("text/eltec-pol").glob("*.xml"))[:3]
    questions = json.loads(real("text/poquad-wikipedia/data.json").read_text("utf-8"))
    texts = [
        question["question"]
        for article in questions["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    against = indexed([re.sub(r"<[^>]+>", " ", path.read_text("utf-8")) for path in novels])
    items = [Item(str(number), (text,)) for number, text in enumerate(texts)]
    verdicts = find_items(items, [against])
    judged = [verdict for verdict in verdicts if verdict.contaminated is not None]
    assert len(judged) > 1_500
    assert sum(verdict.contaminated for verdict in judged) < len(judged) / 1_000
