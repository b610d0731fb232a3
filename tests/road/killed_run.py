"""Run a recipe and kill this process, with SIGKILL, at the n-th file operation of one step.

Usage: killed_run.py RECIPE WORKSPACE STEP N. Prints how many operations each finished step took.
"""

import os
import signal
import sys
from pathlib import Path

from mowa.recipe import Recipe, _run

recipe, workspace, target, kill_at = sys.argv[1:]
done = {}
now = [""]


def counted(real):
    def call(*args, **kwargs):
        result = real(*args, **kwargs)
        done[now[0]] = done.get(now[0], 0) + 1
        if now[0] == target and done[target] == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


for owner, name in (
    (os, "fsync"), (os, "truncate"), (os, "replace"), (os, "rename"),
    (Path, "replace"), (Path, "rename"), (Path, "mkdir"), (Path, "unlink"), (Path, "hardlink_to"),
):  # fmt: skip
    setattr(owner, name, counted(getattr(owner, name)))

make = _run._make


def noted(item, *args, **kwargs):
    now[0] = item.step
    return make(item, *args, **kwargs)


_run._make = noted
_run.run(Recipe.load(Path(recipe)), Path(workspace), workers=1)
for step, count in done.items():
    if step:
        print(step, count)
