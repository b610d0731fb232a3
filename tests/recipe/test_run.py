import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from types import SimpleNamespace

import pytest
import toy_steps

from mowa.errors import MowaError, UsageError
from mowa.recipe import STEPS, Recipe, Step, make_plan, run
from mowa.recipe._run import _rights
from mowa.workspace import Inputs, Workspace, collect_garbage, garbage, promote, verify
from tests.made_artifacts import artifact


def test_a_recipe_is_made_once_and_then_up_to_date(toy):
    first = toy.run()
    assert [result.state for result in first] == ["build", "build", "build"]
    assert first[-1].artifact.metrics == {"total": 30}
    assert set(toy.states().values()) == {"up to date"}


def test_python_and_toml_give_the_same_fingerprints(toy):
    written = Recipe(
        name="toy",
        data=str(toy.folder),
        steps={
            "numbers": Step(does="read"),
            "doubled": Step(does="double", reads=["numbers"]),
            "sum": Step(does="total", reads="doubled"),
        },
    )
    store = Workspace(toy.workspace)
    from_python = [item.fingerprint for item in make_plan(written, store)]
    from_toml = [item.fingerprint for item in make_plan(toy.recipe(), store)]
    assert from_python == from_toml
    assert run(written, toy.workspace)[-1].artifact.metrics == {"total": 30}


def test_only_what_depends_on_a_changed_file_is_made_again(toy):
    toy.run()
    (toy.folder / "numbers.txt").write_text("1 2 3 4 6")
    assert toy.states() == {"numbers": "rebuild", "doubled": "rebuild", "sum": "rebuild"}
    assert toy.states("steps.sum.start=1") == {
        "numbers": "up to date",
        "doubled": "up to date",
        "sum": "rebuild",
    }


def test_a_runtime_key_changes_nothing(toy):
    toy.run()
    assert set(toy.states("steps.doubled.unit=3").values()) == {"up to date"}


def test_a_change_taken_back_brings_the_old_artifact_back(toy):
    before = toy.run()[-1].artifact
    toy.run("steps.sum.start=1")
    assert toy.states()["sum"] == "recover"
    after = Workspace.open(toy.workspace).get("toy/sum")
    assert after.created == before.created
    assert after.metrics == {"total": 30}


def test_the_number_of_workers_does_not_change_a_byte(toy):
    one = toy.run()
    toy.workspace = toy.folder / "ws2"
    two = toy.run(workers=3)
    for left, right in zip(one, two, strict=True):
        assert left.artifact.files == right.artifact.files


def test_run_stops_at_the_step_asked_for(toy):
    assert list(toy.states(to="doubled")) == ["numbers", "doubled"]
    with pytest.raises(UsageError, match="did you mean 'doubled'"):
        toy.run(to="dubled")


def test_a_new_revision_of_a_step_rebuilds_it_and_says_so(toy, monkeypatch):
    toy.run()
    from dataclasses import replace

    monkeypatch.setitem(STEPS, "total", replace(toy_steps.TOY_STEPS["total"], revision=2))
    plan = make_plan(toy.recipe(), Workspace.open(toy.workspace))
    assert plan[-1].state == "rebuild"
    assert "revision: 1 -> 2" in plan[-1].why


def test_a_fixed_version_that_drifts_is_refused_with_the_field(toy):
    toy.run()
    store = Workspace.open(toy.workspace)
    promote(store, store.get("toy/sum"), "1.0")
    assert set(toy.states("version='1.0'").values()) == {"up to date"}
    with pytest.raises(UsageError, match=r"toy/doubled@1.0 is fixed.*factor: 2 -> 3"):
        toy.run("version='1.0'", "steps.doubled.factor=3")


def test_a_fixed_version_may_not_read_a_dev_one(toy):
    with pytest.raises(UsageError, match="may still change"):
        toy.run("steps.sum.version='1.0'")


def test_promote_fixes_all_that_stands_below_without_building(toy):
    toy.run()
    store = Workspace.open(toy.workspace)
    fixed = promote(store, store.get("toy/sum"), "1.0")
    assert {item.id for item in fixed} == {"toy/numbers@1.0", "toy/doubled@1.0", "toy/sum@1.0"}
    sum_ = store.get("toy/sum@1.0")
    assert [item.version for item in sum_.inputs] == ["1.0"]
    assert not list(verify(sum_))
    assert promote(store, store.get("toy/sum"), "1.0") == []
    toy.run("steps.sum.start=5")
    with pytest.raises(UsageError, match="is another build"):
        promote(store, store.get("toy/sum"), "1.0")
    with pytest.raises(UsageError, match="not fixed"):
        promote(store, store.get("toy/sum"), "dev")


def test_gc_keeps_what_an_artifact_was_made_from(toy):
    toy.run()
    store = Workspace.open(toy.workspace)
    promote(store, store.get("toy/sum"), "1.0")
    toy.run("steps.doubled.factor=3", to="doubled")
    # The superseded doubled@dev lies in its place as doubled@1.0 too.
    assert [path.name.partition("-")[0] for path, _ in garbage(store)] == ["doubled@dev"]
    assert collect_garbage(store) > 0
    toy.run("steps.doubled.factor=4", to="doubled")
    toy.run("steps.doubled.factor=4", "steps.sum.start=1")
    toy.run("steps.doubled.factor=5", to="doubled")
    # sum@dev was made from the doubled@dev of factor 4, which is nowhere else: that one stays.
    left = {path.name.rpartition("-")[2] for path, _ in garbage(store)}
    assert store.get("toy/sum").inputs[0].fingerprint not in left
    assert len(left) == 2
    collect_garbage(store)
    assert garbage(store) == []
    assert {item.id for item in store.superseded()} == {"toy/doubled@dev"}


def test_long_work_is_redone_only_after_a_yes(toy):
    toy.run()
    record = toy.workspace / "toy" / "sum@dev" / "artifact.json"
    values = json.loads(record.read_text())
    values["seconds"] = 3600.0
    record.write_text(json.dumps(values))
    asked = []

    def no(question):
        asked.append(question)
        return False

    with pytest.raises(UsageError, match="nothing was done"):
        toy.run("steps.sum.start=1", confirm=no)
    assert "60 minutes" in asked[0]
    assert "start: 0 -> 1" in asked[0]
    assert toy.states("steps.sum.start=1", confirm=lambda _: True)["sum"] == "rebuild"


def test_an_artifact_of_another_recipe_can_be_read(toy):
    toy.run()
    other = Recipe.from_values(
        {"name": "other", "steps": {"sum": {"does": "total", "reads": "toy/doubled@dev"}}}
    )
    assert run(other, toy.workspace)[-1].artifact.metrics == {"total": 30}
    with pytest.raises(UsageError, match="did you mean toy/doubled@dev"):
        make_plan(
            Recipe.from_values(
                {"name": "other", "steps": {"sum": {"does": "total", "reads": "toy/dubled"}}}
            ),
            Workspace.open(toy.workspace),
        )


def test_a_step_that_fails_keeps_its_finished_units(toy, monkeypatch):
    calls = []
    real = toy_steps.double

    def failing(work, out):
        calls.append(work[0])
        if len(calls) == 2:
            raise MowaError("broken", where="unit")
        return real(work, out)

    monkeypatch.setattr(toy_steps, "double", failing)
    with pytest.raises(MowaError, match="toy/doubled@dev: unit: broken"):
        toy.run()
    monkeypatch.setattr(toy_steps, "double", real)
    plan = make_plan(toy.recipe(), Workspace.open(toy.workspace))
    assert [item.state for item in plan] == ["up to date", "resume", "build"]
    done = []
    monkeypatch.setattr(
        toy_steps, "double", lambda work, out: done.append(work[0]) or real(work, out)
    )
    toy.run()
    assert done == [1, 2]


DRIVER = """
import os, signal, sys
from pathlib import Path

sys.path[:0] = {path!r}
import toy_steps
from mowa.recipe import STEPS, Recipe, run

STEPS.update(toy_steps.TOY_STEPS)
left = int(sys.argv[1])

def deadly(real):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

# Every call after which the folder looks different on disk, before it and after it.
for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "rename"), (Path, "mkdir"),
                    (Path, "unlink"), (os, "truncate")):
    setattr(owner, name, deadly(getattr(owner, name)))

folder = Path(sys.argv[2])
settings = sys.argv[3:]
run(Recipe.load(folder / "toy.toml", settings), folder / "ws", workers=1)
print("operations", -left)
"""


def drive_command(toy, kill_at, *settings):
    code = textwrap.dedent(DRIVER).format(path=[p for p in sys.path if p])
    return [sys.executable, "-c", code, str(kill_at), str(toy.folder), *settings]


def drive(toy, kill_at, *settings):
    return subprocess.run(
        drive_command(toy, kill_at, *settings),
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("COV")},
        check=False,
    )


def drive_only(toy, to, *settings):
    """Run up to `to` in another process; its exit code."""
    command = drive_command(toy, 0, *settings)
    command[2] = command[2].replace("workers=1)", f"workers=1, to={to!r})")
    return subprocess.run(command, check=False).returncode


def contents(toy):
    """Every data file of every artifact, and what artifact.json says but for the times."""
    found = {}
    for path in sorted((toy.workspace / "toy").rglob("*")):
        if path.is_file() and path.name != "artifact.json":
            found[str(path.relative_to(toy.workspace))] = path.read_bytes()
        elif path.is_file():
            record = json.loads(path.read_text())
            for key in ("created", "seconds"):
                record.pop(key)
            found[str(path.relative_to(toy.workspace))] = record
    return found


@pytest.mark.parametrize(
    "step", [*range(5), *(pytest.param(step, marks=pytest.mark.slow) for step in range(5, 25))]
)
def test_a_run_killed_at_any_file_operation_ends_with_the_same_bytes(toy, step):
    """SIGKILL before and after each rename, flush, mkdir and unlink, of a run and of a rebuild."""
    import shutil

    whole = drive(toy, 0)
    assert whole.returncode == 0, whole.stderr
    operations = int(whole.stdout.split()[-1])
    expected = contents(toy)
    rebuilt = drive(toy, 0, "steps.doubled.factor=3")
    assert rebuilt.returncode == 0, rebuilt.stderr
    expected_rebuilt = contents(toy)
    assert operations > 40
    for kill_at in range(1 + step, operations + 1, 25):
        shutil.rmtree(toy.workspace)
        assert drive(toy, kill_at).returncode == -signal.SIGKILL
        assert set(toy.states()) == {"numbers", "doubled", "sum"}
        assert contents(toy) == expected, f"killed at operation {kill_at}"
        again = drive(toy, kill_at, "steps.doubled.factor=3")
        toy.run("steps.doubled.factor=3")
        assert contents(toy) == expected_rebuilt, f"rebuild killed at {kill_at}: {again}"


def test_a_dead_worker_is_reported_and_the_run_goes_on_later(toy, monkeypatch):
    monkeypatch.setattr(toy_steps, "double", toy_steps.double)
    flag = toy.folder / "die"
    flag.touch()
    monkeypatch.setenv("TOY_DIE", str(flag))
    import dying

    monkeypatch.setattr(toy_steps, "double", dying.double)
    with pytest.raises(MowaError, match=r"(?s)a worker process died.*fewer --workers") as caught:
        toy.run(workers=2)
    assert "work units" in str(caught.value)
    flag.unlink()
    assert toy.run(workers=2)[-1].artifact.metrics == {"total": 30}


def test_workers_end_when_their_parent_is_killed(toy, monkeypatch):
    import time

    code = (
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "import sleeping; from pathlib import Path\n"
        "from mowa.execution._local import LocalPool\n"
        "list(LocalPool().run(sleeping.sleep, {'a': 1, 'b': 2}, Path(sys.argv[1]), workers=2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(toy.folder)])
    pids = []
    for _ in range(6000):
        pids = [int(path.read_text()) for path in toy.folder.glob("pid-*") if path.read_text()]
        if len(pids) == 2:
            break
        time.sleep(0.05)
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    for _ in range(2000):
        alive = [pid for pid in pids if _alive(pid)]
        if not alive:
            break
        time.sleep(0.05)
    assert not alive


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_input_is_not_replaced_while_a_step_reads_it(toy, monkeypatch):
    """A second run that wants to rebuild an input waits until the first has read it."""
    toy.run(to="doubled")
    real = toy_steps.run_total
    seen = []

    def slow(config, inputs, out, context):
        before = (inputs.one("numbers").path / "doubled" / "00000.json").read_text()
        other = subprocess.Popen(drive_command(toy, 0, "steps.doubled.factor=100"))
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(2.5)
        seen.append((before, (inputs.one("numbers").path / "doubled" / "00000.json").read_text()))
        others.append(other)
        return real(config, inputs, out, context)

    others = []
    monkeypatch.setattr(toy_steps, "run_total", slow)
    assert toy.run()[-1].artifact.metrics == {"total": 30}
    assert others[0].wait(600) == 0
    assert seen == [("[2, 4]", "[2, 4]")]
    monkeypatch.setattr(toy_steps, "run_total", real)
    assert Workspace.open(toy.workspace).get("toy/sum").metrics == {"total": 1500}


def test_an_input_replaced_before_a_step_began_is_noticed(toy, monkeypatch):
    from mowa.recipe import _run

    real = _run._load_inputs

    def replaced_meanwhile(item, made):
        inputs = real(item, made)
        if item.name == "toy/sum":
            assert drive_only(toy, "doubled", "steps.doubled.factor=100") == 0
        return inputs

    toy.run(to="doubled")
    monkeypatch.setattr(_run, "_load_inputs", replaced_meanwhile)
    with pytest.raises(MowaError, match="an input was replaced by another run"):
        toy.run()
    assert Workspace.open(toy.workspace).find("toy/sum", "dev") is None


def test_a_file_that_changes_between_plan_and_reading_is_noticed(toy, monkeypatch):
    real = toy_steps.run_numbers

    def change_then_read(config, inputs, out, context):
        (toy.folder / "numbers.txt").write_text("1 2 3 4 9")
        return real(config, inputs, out, context)

    monkeypatch.setattr(toy_steps, "run_numbers", change_then_read)
    with pytest.raises(MowaError, match="changed while the run went on"):
        toy.run()
    monkeypatch.setattr(toy_steps, "run_numbers", real)
    assert toy.run()[-1].artifact.metrics == {"total": 38}
    (toy.folder / "numbers.txt").write_text("1 2 3 4 5")
    assert toy.run()[-1].artifact.metrics == {"total": 30}


def test_two_runs_do_not_overwrite_a_fixed_version(toy):
    store = Workspace.open(toy.workspace, create=True)
    plan_of_first = toy.recipe("version='1.0'")
    from mowa.recipe import _run

    real = _run._make

    def late(item, *args, **kwargs):
        if item.step == "doubled":
            _run._make = real
            assert drive(toy, 0, "version='1.0'", "steps.doubled.factor=100").returncode == 0
        return real(item, *args, **kwargs)

    _run._make = late
    try:
        with pytest.raises(UsageError, match="fixed it as another build"):
            run(plan_of_first, store, workers=1)
    finally:
        _run._make = real
    assert store.get("toy/sum@1.0").metrics == {"total": 1500}


def test_promote_keeps_to_the_recipe_and_to_fixed_inputs(toy):
    toy.run()
    twin = toy.recipe("name='zoo'")
    run(twin, toy.workspace, workers=1)
    store = Workspace.open(toy.workspace)
    fixed = [item.id for item in promote(store, store.get("toy/sum"), "v1")]
    assert fixed == ["toy/numbers@v1", "toy/doubled@v1", "toy/sum@v1"]
    assert store.find("zoo/sum", "v1") is None
    reader = Recipe.from_values(
        {"name": "other", "steps": {"sum": {"does": "total", "reads": "toy/doubled@v1"}}}
    )
    run(reader, store, workers=1)
    assert [item.id for item in promote(store, store.get("other/sum"), "2.0")] == ["other/sum@2.0"]
    assert store.get("other/sum@2.0").inputs[0].version == "v1"
    same = Recipe.from_values(
        {
            "name": "other",
            "version": "v1",
            "steps": {"sum": {"does": "total", "reads": "toy/doubled"}},
        }
    )
    assert run(same, store, workers=1)[-1].artifact.inputs[0].version == "v1"


def test_gc_leaves_what_a_run_could_go_on_from(toy, monkeypatch):
    toy.run()
    assert drive(toy, 60, "steps.doubled.factor=3").returncode == -signal.SIGKILL
    store = Workspace.open(toy.workspace)
    unfinished = [folder for folder, _, _ in store.leftovers()]
    assert len(unfinished) == 1
    assert collect_garbage(store) == 0
    assert unfinished[0].exists()
    with store.lock("toy/doubled", "dev"):
        assert collect_garbage(store, unfinished=True) == 0
    assert collect_garbage(store, unfinished=True) > 0
    assert toy.run("steps.doubled.factor=3")[-1].artifact.metrics == {"total": 45}


def test_a_script_that_forgets_the_main_guard_is_told(toy):
    script = toy.folder / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "import toy_steps; from pathlib import Path; from mowa.recipe import STEPS, Recipe, run\n"
        "STEPS.update(toy_steps.TOY_STEPS)\n"
        "run(Recipe.load(Path('toy.toml')), Path('ws'), workers=2)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=toy.folder, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode != 0
    assert "__main__" in done.stderr


def test_the_licence_of_a_model_that_wrote_stays_beside_those_of_the_rows(tmp_path):
    teacher, given = (
        replace(artifact(tmp_path, kind), rights={"licences": [licence]})
        for kind, licence in (("model", "LicenseRef-Llama-3"), ("dialogues", "CC0-1.0"))
    )
    planned = SimpleNamespace(identity={})
    rights = _rights(planned, Inputs((given, teacher)), {"licences": {"CC-BY-4.0": 3}})
    assert rights["licences"] == ["CC-BY-4.0", "LicenseRef-Llama-3"]
    # Whoever reads these dialogues later, and whatever is left of them, keeps it.
    made = replace(given, rights=rights, metrics={"licences": {"CC-BY-4.0": 3}})
    later = _rights(planned, Inputs((made,)), {"licences": {"CC-BY-4.0": 1}})
    assert later["licences"] == ["CC-BY-4.0", "LicenseRef-Llama-3"]
    # A licence that no row has any more is no longer there.
    assert _rights(planned, Inputs((made,)), {"licences": {}})["licences"] == ["LicenseRef-Llama-3"]
    # The teacher's own may be that of rows as well, and stays when they go.
    twin = replace(teacher, rights={"licences": ["CC-BY-4.0"]})
    rights = _rights(planned, Inputs((given, twin)), {"licences": {"CC-BY-4.0": 3, "MIT": 1}})
    made = replace(given, rights=rights, metrics={"licences": {"CC-BY-4.0": 3, "MIT": 1}})
    later = _rights(planned, Inputs((made,)), {"licences": {"MIT": 1}})
    assert later["licences"] == ["CC-BY-4.0", "MIT"]
