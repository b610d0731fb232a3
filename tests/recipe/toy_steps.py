"""Steps without heavy libraries, to test the road itself: a file of numbers, doubled, summed."""

import hashlib
import json

from mowa.execution import Context, Unit
from mowa.recipe import StepType
from mowa.workspace import Inputs, StepConfig, runtime, write_text


class NumbersConfig(StepConfig):
    path: str = runtime("numbers.txt", "the file")


class DoubleConfig(StepConfig):
    factor: int = 2
    ratio: float = 1.0
    unit: int = runtime(2, "numbers in a unit", ge=1)


class TotalConfig(StepConfig):
    start: int = 0


def observe(config, context, cache):
    text = (context.data / config.path).read_bytes()
    source = {"name": "toy", "licence": "CC0-1.0", "release": "open", "holder": "us"}
    return {"source": source, "files": hashlib.blake2b(text).hexdigest(), "count": 1}


def run_numbers(config: NumbersConfig, inputs: Inputs, out, context: Context):
    numbers = [int(x) for x in (context.data / config.path).read_text().split()]
    write_text(out / "numbers.json", json.dumps(numbers))
    return {"count": len(numbers)}


def double(work, out):
    index, factor, numbers = work
    name = f"doubled/{index:05d}.json"
    write_text(out / name, json.dumps([factor * x for x in numbers]))
    return {"files": [name], "count": len(numbers)}


def run_double(config: DoubleConfig, inputs: Inputs, out, context: Context):
    numbers = json.loads((inputs.one("inventory").path / "numbers.json").read_text())
    units = [
        Unit(f"{i:05d}", (i, config.factor, numbers[i * 2 : i * 2 + 2]))
        for i in range((len(numbers) + 1) // 2)
    ]
    results = context.map(double, units, out, label="doubling")
    return {"count": sum(result["count"] for result in results)}


def run_total(config: TotalConfig, inputs: Inputs, out, context: Context):
    total = config.start
    for path in sorted((inputs.one("numbers").path / "doubled").glob("*.json")):
        total += sum(json.loads(path.read_text()))
    write_text(out / "total.json", json.dumps(total))
    return {"total": total}


TOY_STEPS = {
    "read": StepType(
        kind="inventory",
        config="toy_steps:NumbersConfig",
        function="toy_steps:run_numbers",
        observes="toy_steps:observe",
        revision=1,
    ),
    "double": StepType(
        kind="numbers",
        config="toy_steps:DoubleConfig",
        function="toy_steps:run_double",
        revision=1,
        reads={"inventory": "one"},
    ),
    "total": StepType(
        kind="total",
        config="toy_steps:TotalConfig",
        function="toy_steps:run_total",
        revision=1,
        reads={"numbers": "one"},
    ),
}

RECIPE = """
name = "toy"
data = "."

[steps.numbers]
does = "read"

[steps.doubled]
does = "double"
reads = "numbers"

[steps.sum]
does = "total"
reads = ["doubled"]
"""
