"""Join the cluster at ADDRESS and do eight slow units in FOLDER."""

import sys
from pathlib import Path

import ray_units

from mowa.errors import MowaError
from mowa.execution import Context, Executor, Ledger, Unit
from mowa.languages import load

address, folder = sys.argv[1], Path(sys.argv[2])
(folder / "out").mkdir(parents=True, exist_ok=True)
executor = Executor("ray", address)
context = Context(
    language=load("pol"),
    data=folder,
    sources=folder,
    workers=0,
    ledger=Ledger(folder / "ledger.jsonl"),
    executor=executor,
)
units = [Unit(f"{number:03}", number) for number in range(8)]
try:
    executor.check()
    results = context.map(ray_units.slow_square, units, folder / "out", label="squares")
    print([result["square"] for result in results])
except MowaError as error:
    sys.exit(str(error))
finally:
    executor.close()
