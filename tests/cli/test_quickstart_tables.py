"""The tables that the quickstart ends with."""

from types import SimpleNamespace

from mowa.cli._sample import _show_replies


def step(model, **values):
    rows = [
        {"model": f"quickstart/{model}", "task": task.replace("_", "-"), "value": value}
        for task, value in values.items()
    ]
    return {"results": rows}


def test_replies_stand_a_task_a_row_and_a_model_a_column(capsys):
    base = step("base", assistant_facts_told=0.004, assistant_format=0.0)
    chat = step("chat", assistant_facts_told=0.625, assistant_format=0.5)
    preferred = step("preferred", assistant_facts_told=0.7)
    both = {"results": [*chat["results"], *preferred["results"]]}
    _show_replies([SimpleNamespace(metrics=base), SimpleNamespace(metrics=both)])
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    (head,) = [line for line in shown if "preferred" in line and "base" in line]
    assert head[-3:] == ["base", "chat", "preferred"]
    (told,) = [line for line in shown if "words" in line]
    assert told[-6:] == ["0.4", "%", "62.5", "%", "70.0", "%"]
    (form,) = [line for line in shown if "form" in line]
    assert form[-5:] == ["0.0", "%", "50.0", "%", "–"]
