"""`gennari reproduce`: the paper's table from a data set."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gennari.cli.progress import progress
from gennari.errors import InputError
from gennari.pipeline.reproduce import Request
from gennari.pipeline.reproduce import reproduce as make


def reproduce(
    dataset: Path,
    out: Path,
    *,
    results: Path | None = None,
    preset: str = "small",
    rows: str | None = None,
    controls: bool = False,
    split: Literal["blocks", "lobo"] = "blocks",
    seeds: str | None = None,
    surfaces: Path | None = None,
    workers: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Make the rows of the paper's table over seeds, or its controls, cell by cell; what is finished is not made again.

    Args:
        dataset: folder of a data set: one unlabelled and several labelled brains.
        out: folder for the work: samples, weights, sections as arrays (some 4 GB for the default phantom).
        results: folder of the finished cells; table and figures stand beside it under its name. By default
            docs/results/reproduce, with -lobo behind it for that split.
        preset: small (two cores), full (a GPU: 2 µm, 20k and 200k patches) or paper (your own 111 sections).
        rows: rows or controls to make, apart by commas; all rows of the table by default.
        controls: make the controls instead.
        split: blocks, or lobo: every labelled brain is left out in turn (baseline and many-L, unless --rows says).
        seeds: such as 0,1,2; the preset's by default (controls: its first).
        surfaces: folder of other surfaces, for the control that pre-trains on another geometry.
        workers: trainings side by side; by default one on each core.
        as_json: print one JSON line last.
    """
    stem = "reproduce" if split == "blocks" else "reproduce-lobo"
    rows = rows or ("baseline,many-L" if split == "lobo" and not controls else None)
    request = Request(
        preset=preset, rows=_listed(rows), controls=controls, split=split,
        seeds=_numbers(seeds), surfaces=surfaces, workers=workers,
    )  # fmt: skip
    with progress() as tick:
        done = make(dataset, out, results or Path("docs", "results", stem), request, tick)
    sys.stdout.write(done.table + "\n")
    if as_json:
        sys.stdout.write(json.dumps(done.document) + "\n")


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names else ()


def _numbers(listed: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in _listed(listed))
    except ValueError as error:
        raise InputError(f"--seeds are whole numbers apart by commas, such as 0,1,2, got '{listed}'") from error
