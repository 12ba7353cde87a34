"""`gennari compare`: ways to pre-train, told apart by what they give with few labels."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.compare import STAGES, Ask
from gennari.pipeline.compare import compare as make


def compare(
    dataset: Path,
    out: Path,
    *,
    results: Path = Path("docs", "results", "compare"),
    preset: str = "small",
    stages: str | None = None,
    objectives: str | None = None,
    budgets: str | None = None,
    seeds: str | None = None,
    encoders: str | None = None,
    confirm: Path | None = None,
    borders: bool = False,
    workers: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Compare objectives and encoders of pre-training over numbers of annotated sections, cell by cell.

    Args:
        dataset: folder of a data set: one unlabelled and several labelled brains.
        out: folder for the work; that of `gennari reproduce` with the same preset may be used, what it sampled serves.
        results: folder of the finished cells; table and figure stand beside it under its name.
        preset: small (two cores, or a GPU), or tiny.
        stages: such as 1,2: 1 tries every objective with the first seed on few budgets, 2 the best of them on all seeds
            and budgets, 3 the other encoders, 4 controls. All by default.
        objectives: instead of stages: these, apart by commas, on all seeds and budgets; a winner is then one of them.
        budgets: with --objectives: these numbers of annotated sections, apart by commas, instead of all.
        seeds: with --objectives: these seeds, apart by commas, instead of all.
        encoders: with --objectives: these encoders (paper, residual), apart by commas, instead of the paper's.
        confirm: folder of a data set with one sealed individual: the winner is measured there, once.
        borders: also measure how well pre-trained features tell borders (minutes for each network on two cores); what
            was finished without is measured, too.
        workers: trainings side by side; by default one on each core, or one if there is a GPU.
        as_json: print one JSON line last.
    """
    for option, given in (("--budgets", budgets), ("--seeds", seeds), ("--encoders", encoders)):
        if given and not objectives:
            raise InputError(f"{option} are for --objectives, stages have their own; give both or leave it out")
    ask = Ask(
        preset=preset, stages=_stages(stages) if stages else STAGES, objectives=_listed(objectives),
        budgets=_numbers(budgets, "--budgets"), seeds=_numbers(seeds, "--seeds"), encoders=_listed(encoders),
        sealed=confirm, borders=borders, workers=workers,
    )  # fmt: skip
    with progress() as tick:
        done = make(dataset, out, results, ask, tick)
    sys.stdout.write(done.table + "\n")
    if as_json:
        sys.stdout.write(json.dumps(done.document) + "\n")


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names else ()


def _stages(listed: str) -> tuple[int, ...]:
    numbers = _numbers(listed, "--stages")
    if not numbers or not set(numbers) <= set(STAGES):
        raise InputError(f"--stages are some of 1,2,3,4 apart by commas, got '{listed}'; correct it")
    return numbers


def _numbers(listed: str | None, option: str) -> tuple[int, ...]:
    if not all(number.isdecimal() for number in _listed(listed)):
        raise InputError(f"{option} are whole numbers apart by commas, got '{listed}'; correct it")
    return tuple(map(int, _listed(listed)))
