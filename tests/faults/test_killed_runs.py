"""A run that is killed (-9) in each of its stages ends, gone on with, as one that nobody disturbed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gennari.pipeline.stages import open_run
from gennari.sources.dataset import fingerprint
from gennari.sources.sections import read_labels

STAGES = (
    *("phantom", "distances", "pack shards", "pretrain", "finetune baseline", "finetune pretrained"),
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

def tick(t):
    if t.stage == last and t.done and "finished" not in t.note:
        os.kill(os.getpid(), signal.SIGKILL)

run_demo(out / "demo", None, "mini", 1, tick)
"""


def _go(out: Path, last: str = "") -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, out, last], capture_output=True, text=True, timeout=900)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_one_that_was_not(finished_demo: Path, mini_recipes, tmp_path: Path):
    for name, value in zip(("phantom", "recipe"), mini_recipes, strict=True):
        (tmp_path / f"{name}.json").write_text(value.model_dump_json())
    assert [stage for stage in STAGES if _go(tmp_path, stage) == -signal.SIGKILL] == list(STAGES)
    assert _go(tmp_path) == 0
    ours, theirs = open_run(tmp_path / "demo/run"), open_run(finished_demo / "run")
    assert fingerprint(ours.dataset) == fingerprint(theirs.dataset)
    for name in ("summary.json", "split.json", "normalisation.json"):
        assert json.loads(ours.path(name).read_text()) == json.loads(theirs.path(name).read_text()), name
    for path in sorted(theirs.root.rglob("*.parquet")):
        name = path.relative_to(theirs.root)
        mine, expected = (pq.read_table(root / name).to_pandas() for root in (ours.root, theirs.root))
        kept = [column for column in expected if column not in TIMED]
        assert mine[kept].equals(expected[kept]), name  # NaN in the same places are equal to pandas
    for path in sorted((theirs.root / "maps").rglob("*.ome.zarr")):
        mine, _ = read_labels(ours.root / path.relative_to(theirs.root))
        assert (mine == read_labels(path)[0]).all(), path
    assert not list(ours.root.rglob(".part-*"))
