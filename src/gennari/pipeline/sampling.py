"""The stage that decides where to look: split, patches, pairs with distances, images."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32

from gennari.data.pack import write_pack
from gennari.data.pixels import read_patch_images
from gennari.errors import InputError
from gennari.execute import Report, Tick, run_tasks, usable_cores
from gennari.pipeline.splitting import draw_splits, read_splits, write_splits
from gennari.pipeline.stages import Run, run_stage
from gennari.records import SIDES, Hemisphere, PairTable, PatchTable, Section
from gennari.sampling.pairs import PairSummary, hub_pairs, measure_pairs, summarise_pairs
from gennari.sampling.patches import sample_patches
from gennari.sampling.split import Split
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain
from gennari.sources.tables import write_pairs, write_patches
from gennari.surface.geodesic import Calibration, GeodesicSolver, calibrate

SECTIONS_A_WORKER = 64
"""Fewer are not worth another process."""


def sample_stage(run: Run, tick: Report) -> bool:
    """Split all brains, sample patches and pairs on the pretext brain, read the patches' images once."""
    return run_stage(run, "sample", (), partial(_sample, run, tick), tick)


def split_of(run: Run, brain: Brain) -> dict[int, Split]:
    """The split of one brain's sections, as the sampling stage drew and saved it; InputError as `read_splits`."""
    return read_splits(run)[brain.name]


def pretext_brain(run: Run) -> Brain:
    """The brain the pretext task is learned on.

    Raises:
        InputError: the data set has none, or several.
    """
    found = [brain for brain in run.dataset.brains() if brain.manifest.role == "pretext"]
    if len(found) != 1:
        raise InputError(
            f"a run pre-trains on one brain of role 'pretext', but {run.dataset.manifest.name} has "
            f"{len(found)}; set the role in brain.json"
        )
    return found[0]


def _sample(run: Run, tick: Report) -> list[Path]:
    splits, missing = draw_splits(run, tick)
    written = write_splits(run, splits, missing)
    outputs = [run.path(name) for name in ("patches.parquet", "pairs.parquet", "patches.zarr")]
    brain = pretext_brain(run)
    hemispheres = brain.hemispheres()
    rng = np.random.default_rng([run.experiment.seed, 1])
    texture = run.experiment.texture
    patches = sample_patches(
        brain.sections, hemispheres, splits[brain.name], run.experiment.patches, rng,
        patch_um=texture.patch_px * texture.spacing_um, workers=_workers(brain), tick=tick,
    )  # fmt: skip
    first, second = hub_pairs(patches, run.experiment.pairs, rng)
    pairs, calibrations = _measured(hemispheres, patches, first, second, run.experiment.seed, tick)
    images = read_patch_images(brain.open_reader, patches, brain.sections, texture.patch_px, texture.spacing_um, tick)
    write_patches(outputs[0], patches)
    write_pairs(outputs[1], pairs)
    write_pack(outputs[2], [images], np.arange(len(patches)), (texture.patch_px, texture.patch_px))
    summary = run.path("sampling.json")
    write_json(
        summary,
        {
            "pairs": {name: _plain(group) for name, group in summarise_pairs(patches, first, second).items()},
            "geodesics": {side: _plain(c) for side, c in zip(SIDES, calibrations, strict=True)},
            "patches": {kind: int((patches.split == kind).sum()) for kind in ("train", "val", "test")},
        },
    )
    return [*written, *outputs, summary]


def _plain(record: PairSummary | Calibration) -> dict[str, object]:
    """Fields for JSON, which has no NaN: what could not be measured is null."""
    return {key: None if value != value else value for key, value in asdict(record).items()}


def _workers(brain: Brain) -> int:
    """Processes for placing patches; a few sections take less time than starting one."""
    return min(usable_cores(), 1 + len(brain.sections) // SECTIONS_A_WORKER)


@dataclass(frozen=True, kw_only=True)
class _SideTask:
    hemisphere: Hemisphere
    patches: PatchTable
    first: Int32[np.ndarray, "p"]
    second: Int32[np.ndarray, "p"]
    seed: int


def _measured(
    hemispheres: tuple[Hemisphere, Hemisphere],
    patches: PatchTable,
    first: Int32[np.ndarray, "p"],
    second: Int32[np.ndarray, "p"],
    seed: int,
    tick: Report,
) -> tuple[PairTable, list[Calibration]]:
    """Distances of all pairs; each hemisphere is a task, since the solvers hold the interpreter's lock."""
    rows = [np.flatnonzero(patches.side[first] == side) for side in range(len(SIDES))]
    tasks = [
        _SideTask(hemisphere=hemisphere, patches=patches, first=first[chosen], second=second[chosen], seed=seed)
        for hemisphere, chosen in zip(hemispheres, rows, strict=True)
    ]
    tick(Tick("distances", 0, len(tasks), "calibrating on exact distances"))
    workers = min(usable_cores(), len(tasks))
    done = run_tasks(_side_distances, tasks, workers=workers, tick=tick, stage="distances", name=_side_name)
    distance = np.empty(len(first))
    for chosen, (_, values) in zip(rows, done, strict=True):
        distance[chosen] = values
    return PairTable(first=first, second=second, distance_mm=distance), [calibration for calibration, _ in done]


def _side_name(task: _SideTask) -> str:
    return f"hemisphere {task.hemisphere.side}"


def _side_distances(task: _SideTask) -> tuple[Calibration, Float[np.ndarray, "p"]]:
    mesh = task.hemisphere.mid
    calibration = calibrate(mesh, np.random.default_rng([task.seed, SIDES.index(task.hemisphere.side)]))
    solver = GeodesicSolver(mesh, calibration)
    pairs = measure_pairs(task.patches, task.first, task.second, (solver.distances, solver.distances))
    return calibration, pairs.distance_mm


def sections_of(run: Run, wanted: Split) -> Mapping[str, tuple[Section, ...]]:
    """Sections of the labelled brains that fall in a part of the split, by brain; a brain without any is left out."""
    found, splits = {}, read_splits(run)
    for brain in run.dataset.brains():
        chosen = tuple(section for section in brain.sections if splits[brain.name][section.id] == wanted)
        if brain.manifest.role == "labelled" and chosen:
            found[brain.name] = chosen
    return found
