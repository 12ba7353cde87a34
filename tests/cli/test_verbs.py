"""The verbs: each works on the files of the one before, says when there is nothing to do, and can be interrupted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gennari.cli import borders as borders_verb
from gennari.cli import evaluate, sample
from gennari.cli import pack as pack_verb
from gennari.cli.app import VERBS
from gennari.metrics.rejection import Thresholds
from gennari.pipeline import demo as whole
from gennari.pipeline import making, maps, packing
from gennari.pipeline.border_places import Ask
from gennari.pipeline.borders import Found
from gennari.pipeline.confidence_words import RULE
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.section_tasks import Part, Spread
from gennari.pipeline.stages import open_run


@pytest.mark.parametrize("verb", ["pack", "pretrain", "finetune", "segment", "evaluate", "report"])
def test_a_finished_verb_says_so_and_does_nothing(gennari, finished_demo, verb):
    run = finished_demo / "run"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    said = gennari(verb, run)
    assert said.code == 0
    assert said.err.count("already finished, nothing to do") == (2 if verb == "finetune" else 1)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_phantom_and_sample_too(gennari, finished_demo):
    dataset = finished_demo / "dataset"
    for line in (("phantom", dataset), ("sample", dataset, finished_demo / "run")):
        said = gennari(*line, "--preset", "mini")
        assert said.code == 0
        assert "already finished, nothing to do" in said.err


def test_sample_takes_the_way_pairs_are_drawn_and_measured_into_the_runs_config(gennari, demo, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "sample_stage", lambda run, tick: None)
    plain, asked = tmp_path / "plain", tmp_path / "asked"
    options = ("--exact", "--cross-hemisphere", "--degrees", "configuration")
    assert gennari("sample", demo / "dataset", plain, "--preset", "mini").code == 0
    assert gennari("sample", demo / "dataset", asked, "--preset", "mini", *options).code == 0
    pairs = [open_run(root).experiment.pairs for root in (plain, asked)]
    assert (pairs[0].exact, pairs[0].cross_hemisphere, pairs[0].degrees) == (False, False, "hubs")
    assert (pairs[1].exact, pairs[1].cross_hemisphere, pairs[1].degrees) == (True, True, "configuration")
    again = gennari("sample", demo / "dataset", asked, "--preset", "mini")
    assert again.code == 2
    assert "differs from it" in again.err


def test_pairs_across_hemispheres_without_a_correspondence_are_refused_with_the_mend(gennari, demo, tmp_path):
    shutil.copytree(demo / "dataset", tmp_path / "dataset")
    for sphere in (tmp_path / "dataset").rglob("hemi-?_sphere.surf.gii"):
        sphere.unlink()
    said = gennari("sample", tmp_path / "dataset", tmp_path / "run", "--preset", "mini", "--cross-hemisphere")
    assert said.code == 2
    assert "put hemi-L_sphere.surf.gii and hemi-R_sphere.surf.gii beside the surfaces" in said.err


def test_demo_ends_with_the_table_and_one_line_of_json(gennari, finished_demo):
    said = gennari("demo", "--out", finished_demo, "--preset", "mini", "--json")
    assert said.code == 0
    *table, last = said.out.splitlines()
    figures = json.loads(last)
    assert f"{figures['dice_pretrained']:.3f}" in next(line for line in table if line.startswith("pre-trained"))
    assert figures["geometry"] == "fsaverage5"
    assert Path(figures["report"]).is_file()
    # progress goes to stderr, so that stdout can be piped
    assert "nothing to do" not in said.out
    assert gennari("demo", "--out", finished_demo, "--preset", "mini").out.splitlines() == table


@pytest.mark.parametrize("verb", ["pack", "pretrain", "finetune", "segment", "evaluate", "report"])
def test_a_verb_before_its_time_names_the_one_to_run_first(gennari, demo, verb):
    for receipt in (demo / "run/receipts").iterdir():
        receipt.unlink()
    said = gennari(verb, demo / "run")
    assert said.code == 2
    assert re.search(
        r"^gennari: `gennari [\w-]+` works on the files of .*; run `gennari [\w-]+` first$", said.err, re.M
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(gennari, verb):
    said = gennari(verb, "--help")
    assert said.code == 0
    assert f"Usage: gennari {verb}" in said.out


def test_an_interrupt_leaves_with_75_and_keeps_what_is_finished(gennari, demo, monkeypatch):
    (demo / "run/receipts/segment.json").unlink()
    (demo / "run/receipts/evaluate.json").unlink()
    shutil.rmtree(demo / "run/tasks")
    before = {path: path.read_bytes() for path in demo.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(maps, "write_map", _interrupted)
        said = gennari("segment", demo / "run")
    assert said.code == 75
    assert "interrupted; what is finished is kept" in said.err
    assert {path: path.read_bytes() for path in before} == before
    assert not (demo / "run/receipts/segment.json").exists()
    assert gennari("segment", demo / "run").code == 0
    assert (demo / "run/receipts/segment.json").exists()


def test_an_interrupted_demo_and_phantom_leave_with_75(gennari, demo, tmp_path, monkeypatch):
    monkeypatch.setattr(whole, "sample_stage", _interrupted)
    assert gennari("demo", "--out", demo, "--preset", "mini").code == 75
    monkeypatch.setattr(making, "build_phantom", _interrupted)
    said = gennari("phantom", tmp_path / "new", "--preset", "mini")
    assert said.code == 75
    assert "run the same command again" in said.err


def test_evaluate_prints_the_table(gennari, finished_demo):
    table = gennari("evaluate", finished_demo / "run").out
    gain, confidence = table.splitlines()[-2:]
    assert gain.startswith("gain in Dice, 95 % over 4 held-out sections")
    assert confidence.startswith("confidence was not measured, since probabilities were not kept")


def test_evaluate_tells_what_the_thresholds_that_are_asked_for_keep(gennari, finished_demo, monkeypatch):
    asked = []
    monkeypatch.setattr(evaluate, "confidence_lines", lambda run, rule: str(asked.append(rule)))
    run = finished_demo / "run"
    assert gennari("evaluate", run).code == 0
    options = ("--min-confidence", "0.95", "--min-plane-angle-deg", "60", "--min-quality", "good")
    assert gennari("evaluate", run, *options).code == 0
    assert asked == [RULE, Thresholds(confidence=0.95, plane_angle_deg=60.0, rating=2)]


def test_thresholds_between_the_counted_steps_are_refused(refused, finished_demo):
    said = refused("evaluate", finished_demo / "run", "--min-confidence", "0.85")
    assert "a threshold on the confidence is one of 0.0, 0.3, 0.4" in said
    assert "got 0.85; confusions are counted between these steps alone, so choose one" in said


def test_a_second_process_is_refused_while_one_works(gennari, demo):
    program = (
        "import fcntl, sys\nhandle = open(sys.argv[1], 'a+')\nfcntl.flock(handle, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(demo / "run/.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = gennari("evaluate", demo / "run")
        holder.communicate("")
    assert said.code == 2
    assert "one process at a time may work in" in said.err
    assert gennari("evaluate", demo / "run").code == 0


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("options", "ask", "controls"),
    [
        ((), Ask(), None),
        (("--controls", "all"), Ask(), None),
        (("--evaluate",), Ask(), "cheap"),
        (
            ("--evaluate", "--controls", "none", "--brain", "A", "--split", "train"),
            Ask(brain="A", split="train"),
            "none",
        ),
    ],
)
def test_borders_hands_its_options_on(gennari, finished_demo, monkeypatch, options, ask, controls):
    asked = []

    def find(run, ask, controls, tick, spread):
        assert spread == Spread()
        asked.append((run.root, ask, controls))
        return Found("a table", {"auroc": 0.5})

    monkeypatch.setattr(borders_verb, "find_borders", find)
    assert gennari("borders", finished_demo / "run", *options).out == "a table\n"
    assert asked == [(finished_demo / "run", ask, controls)]
    *table, last = gennari("borders", finished_demo / "run", *options, "--json").out.splitlines()
    assert table == ["a table"]
    assert json.loads(last) == {"auroc": 0.5}


def test_borders_spreads_its_features(gennari, finished_demo, monkeypatch):
    asked = []
    monkeypatch.setattr(borders_verb, "find_borders", lambda *given: asked.append(given[-1]) or Found("", {}))
    options = ("--executor", "slurm:3", "--sbatch", "time=60")
    assert gennari("borders", finished_demo / "run", *options).code == 0
    assert asked == [Spread(executor=ExecutorChoice(kind="slurm", count=3, sbatch=(("time", 60),)))]


def test_packing_is_done_in_parts_and_counted(gennari, refused, demo, monkeypatch):
    run = demo / "run"
    monkeypatch.setattr(packing, "SHARD_IMAGES", 32)
    (run / "receipts" / "pack.json").unlink()
    for made in ("patches.zarr", "tasks/pack"):
        shutil.rmtree(run / made)
    assert gennari("pack", run, "--part", "2/2").code == 0
    assert "pack                 1 of 3 shards done, 2 not begun" in gennari("status", run).out
    assert not (run / "patches.zarr").exists()
    assert gennari("pack", run, "--part", "1/2").code == 0
    assert "pack                 finished in" in gennari("status", run).out
    assert len(_shards(run)) == 3
    sentence = "--workers N is short for --executor local:N, got both (2 and dask); leave one of them out"
    assert sentence in refused("pack", run, "--workers", "2", "--executor", "dask")


@pytest.mark.parametrize(
    ("options", "spread"),
    [
        ((), None),
        (("--workers", "2"), Spread(executor=ExecutorChoice(kind="local", count=2))),
        (("--executor", "dask:3"), Spread(executor=ExecutorChoice(kind="dask", count=3))),
        (("--part", "1/2"), Spread(part=Part(index=1, count=2))),
    ],
)
def test_pack_hands_its_options_on(gennari, finished_demo, monkeypatch, options, spread):
    asked = []
    monkeypatch.setattr(pack_verb, "pack_stage", lambda run, tick, spread: asked.append(spread))
    assert gennari("pack", finished_demo / "run", *options).code == 0
    assert asked == [spread]


def _shards(run: Path) -> list[Path]:
    return sorted(path for path in (run / "patches.zarr" / "images" / "c").rglob("*") if path.is_file())
