"""`gennari segment` spread over processes and parts, and `gennari status`."""

import json
import shutil

import pytest

from gennari.apply.context_settings import ContextSettings
from gennari.cli import segment as verb
from gennari.execute import Failure, TasksFailed
from gennari.pipeline.executors import HERE, ExecutorChoice
from gennari.pipeline.maps import PROBABILITIES
from gennari.pipeline.section_maps import MapOptions
from gennari.pipeline.section_tasks import WHOLE, Part, Spread


@pytest.mark.parametrize(
    ("options", "spread"),
    [
        ((), Spread(executor=HERE, part=WHOLE)),
        (("--executor", "local:2"), Spread(executor=ExecutorChoice(kind="local", count=2))),
        (("--executor", "dask:tcp://a:1"), Spread(executor=ExecutorChoice(kind="dask", address="tcp://a:1"))),
        (("--part", "2/3"), Spread(part=Part(index=2, count=3))),
        (
            ("--executor", "slurm:8", "--sbatch", "time=90", "--sbatch", "partition=gpu"),
            Spread(executor=ExecutorChoice(kind="slurm", count=8, sbatch=(("time", 90), ("partition", "gpu")))),
        ),
    ],
)
def test_segment_hands_its_options_on(gennari, finished_demo, monkeypatch, options, spread):
    asked = []
    monkeypatch.setattr(verb, "segment_stage", lambda run, tick, *rest: asked.append(rest))
    assert gennari("segment", finished_demo / "run", *options).code == 0
    assert asked == [(False, spread, MapOptions())]


@pytest.mark.parametrize(
    ("line", "keep", "options"),
    [
        (("--probabilities", "--calibrate"), True, MapOptions(calibrate=True)),
        (("--flips", "columns"), False, MapOptions(flips="columns")),
        (("--flips", "all", "--probabilities"), True, MapOptions(flips="all")),
    ],
)
def test_segment_hands_on_how_networks_look(gennari, finished_demo, monkeypatch, line, keep, options):
    asked = []
    monkeypatch.setattr(verb, "segment_stage", lambda run, tick, *rest: asked.append(rest))
    assert gennari("segment", finished_demo / "run", *line).code == 0
    assert asked == [(keep, Spread(), options)]


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ((), ContextSettings(length_mm=2.0, weight=0.75)),
        (("--context-mm", 1), ContextSettings(length_mm=1.0, weight=0.75)),
        (("--context-weight", 0.25), ContextSettings(length_mm=2.0, weight=0.25)),
    ],
)
def test_segment_hands_on_how_sections_are_told_of_each_other(gennari, finished_demo, monkeypatch, line, settings):
    asked = []
    monkeypatch.setattr(verb, "segment_stage", lambda run, tick, *rest: True)
    monkeypatch.setattr(verb, "is_finished", lambda run, stage: stage == PROBABILITIES)
    monkeypatch.setattr(verb, "context_stage", lambda run, given, tick: asked.append(given))
    assert gennari("segment", finished_demo / "run", "--probabilities", "--context", *line).code == 0
    assert asked == [settings]


def test_sections_are_told_of_each_other_when_the_last_part_is_done(gennari, demo):
    line = ("segment", demo / "run", "--probabilities", "--context")
    said = gennari(*line, "--part", "1/2")
    assert said.code == 0
    assert said.out == "sections are told of each other when all parts are done: give --context with the last one\n"
    assert not list((demo / "run/maps").glob("*-context"))
    said = gennari(*line, "--part", "2/2")
    assert said.code == 0
    assert "pretrained, told of each other: Dice" in said.out
    assert {path.name for path in (demo / "run/maps").glob("*-context")} == {"baseline-context", "pretrained-context"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--executor", "ray"), "an executor is local[:N], dask[:N], dask:tcp://HOST:PORT or slurm[:N], got 'ray'"),
        (("--part", "4/3"), "a part is i/N with 1 <= i <= N, such as 2/4, got '4/3'"),
        (("--calibrate",), "calibration changes probabilities, and maps not at all, but none are kept"),
        (("--context",), "--context listens to probabilities, but none are to be kept; add --probabilities"),
        (("--context-mm", 1), "--context-mm and --context-weight are for --context, which is not given; add it"),
        (("--context", "--probabilities", "--context-weight", 2), "--context-weight between 0 and 1, got None and 2.0"),
        (("--sbatch", "time=90"), "--sbatch is for --executor slurm, but no executor is named"),
    ],
)
def test_options_that_mean_nothing_are_refused(refused, demo, options, sentence):
    assert sentence in refused("segment", demo / "run", *options)


def test_parts_end_well_and_status_counts_them(gennari, demo):
    run = demo / "run"
    for stage in ("segment", "evaluate", "report"):
        (run / "receipts" / f"{stage}.json").unlink()
    shutil.rmtree(run / "tasks")
    assert gennari("segment", run, "--part", "1/2").code == 0
    said = gennari("status", run)
    assert said.code == 0
    assert "segment              2 of 4 sections done, 2 not begun\n" in said.out
    assert gennari("segment", run, "--part", "2/2").code == 0
    (counted,) = [stage for stage in json.loads(gennari("status", run, "--json").out)["stages"] if stage["total"] == 4]
    assert (counted["stage"], counted["finished"], counted["done"]) == ("segment", True, 4)


def test_failed_tasks_leave_with_1_and_the_traceback_of_the_first(gennari, finished_demo, monkeypatch):
    failure = Failure(index=0, task="A 1", reason="a bug", trace="the trace", bad_input=False, interrupted=False)

    def fail(*_: object) -> None:
        raise TasksFailed("1 of 4 sections failed: A 1: a bug", [failure], [None])

    monkeypatch.setattr(verb, "segment_stage", fail)
    said = gennari("segment", finished_demo / "run")
    assert said.code == 1
    assert said.err.endswith("the trace\ngennari: 1 of 4 sections failed: A 1: a bug\n")
