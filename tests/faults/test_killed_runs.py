"""A run that is killed (-9) in each of its stages ends, gone on with, as one that nobody disturbed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gennari.pipeline.stages import Run, open_run, receipts
from gennari.sources.dataset import fingerprint
from gennari.sources.sections import read_labels

STAGES = (
    *("phantom", "distances", "shards of pack", "pretrain", "finetune baseline", "finetune pretrained"),
    *("sections of segment", "evaluate", "report"),
)
"""It is killed at the first tick of each, one after the other."""
TIMED = ("data_wait_share",)
PROGRAM = """
import os, signal, sys
from pathlib import Path
from gennari.phantom.settings import PhantomSettings
from gennari.pipeline import sampling
from gennari.pipeline.demo import run_demo
from gennari.recipes import phantoms, presets
from gennari.recipes.experiment import Experiment

out, last = Path(sys.argv[1]), sys.argv[2]
settings = PhantomSettings.model_validate_json((out / "phantom.json").read_text())
phantoms.PHANTOMS = {**phantoms.PHANTOMS, "mini": settings}
recipe = Experiment.model_validate_json((out / "recipe.json").read_text())
presets.EXPERIMENTS = {**presets.EXPERIMENTS, "mini": recipe}
sampling.usable_cores = lambda: 1

begun = []

def tick(t):
    if not begun:
        print("begun", flush=True)
    begun.append(t)
    if t.stage == last and t.done and "finished" not in t.note:
        os.kill(os.getpid(), signal.SIGKILL)

run_demo(out / "demo", None, "mini", 1, tick)
"""


def _go(out: Path, last: str = "") -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, out, last], capture_output=True, text=True, timeout=900)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _go_for(out: Path, seconds: float) -> int:
    """Go on for so long after the first tick, then kill; the exit code says whether it was still at work."""
    program = [sys.executable, "-c", PROGRAM, out, ""]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
    return process.returncode


def _write_recipes(folder: Path, recipes) -> None:
    for name, value in zip(("phantom", "recipe"), recipes, strict=True):
        (folder / f"{name}.json").write_text(value.model_dump_json())


def _check_same(ours: Run, theirs: Run) -> None:
    """Every table, but for columns of time, every figure and every map of theirs is in ours, and nothing half-made."""
    assert fingerprint(ours.dataset) == fingerprint(theirs.dataset)
    for name in ("summary.json", "split.json", "normalisation.json"):
        assert json.loads(ours.path(name).read_text()) == json.loads(theirs.path(name).read_text()), name
    tables = sorted(theirs.root.rglob("*.parquet"))
    assert tables
    for path in tables:
        name = path.relative_to(theirs.root)
        mine, expected = (pq.read_table(root / name).to_pandas() for root in (ours.root, theirs.root))
        kept = [column for column in expected if column not in TIMED]
        assert mine[kept].equals(expected[kept]), name  # NaN in the same places are equal to pandas
    for path in sorted((theirs.root / "maps").rglob("*.ome.zarr")):
        mine, _ = read_labels(ours.root / path.relative_to(theirs.root))
        assert (mine == read_labels(path)[0]).all(), path
    assert not list(ours.root.rglob(".part-*"))


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_one_that_was_not(finished_demo: Path, mini_recipes, tmp_path: Path):
    _write_recipes(tmp_path, mini_recipes)
    assert [stage for stage in STAGES if _go(tmp_path, stage) == -signal.SIGKILL] == list(STAGES)
    assert _go(tmp_path) == 0
    _check_same(open_run(tmp_path / "demo/run"), open_run(finished_demo / "run"))


@pytest.mark.slow
def test_a_run_killed_three_times_at_any_moment_ends_as_one_that_was_not(finished_demo: Path, mini_recipes, tmp_path):
    _write_recipes(tmp_path, mini_recipes)
    theirs, rng = open_run(finished_demo / "run"), np.random.default_rng(8)
    whole_s = sum(receipt.seconds for receipt in receipts(theirs))  # on this machine, under a load of today
    for _ in range(3):  # drawn so that three of them end before a whole run does
        assert _go_for(tmp_path, rng.uniform(0, whole_s / 4)) == -signal.SIGKILL
    assert _go(tmp_path) == 0
    _check_same(open_run(tmp_path / "demo/run"), theirs)
