"""What networks make of the patches along the ribbon: a task a section, put together when all have theirs."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32

from gennari.apply.features import branch_features
from gennari.data.patch_images import SectionImages
from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.execute import Report, Tick, silent, usable_cores
from gennari.nets.siamese import SiameseNet
from gennari.nets.weights import load_siamese
from gennari.pipeline.border_places import Ask, borders_path, place_images, read_asked_places
from gennari.pipeline.border_tables import OURS, PLACES
from gennari.pipeline.digests import code_digest, files_digest
from gennari.pipeline.learning import normalisation
from gennari.pipeline.section_inputs import section_inputs
from gennari.pipeline.section_tasks import ALONE, Spread, run_sections
from gennari.pipeline.stages import Run, open_run, run_stage
from gennari.pipeline.task_records import SectionTask, SectionWork
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.atomic import atomic_path
from gennari.sources.tables import read_arrays, write_arrays
from gennari.train.devices import fastest_device

CHUNK = 2048
"""Patches whose images are held at a time."""
GREY = "grey"
"""Mean grey value of each patch, beside the networks' features."""
_ROOMS = (
    *("apply/features.py", "data", "nets", "sampling/ribbon_places.py", "sources", "frames.py", "records.py"),
    *("pipeline/border_features.py", "pipeline/border_places.py"),
)
"""The code that decides what features are."""


def features_stage(
    run: Run,
    ask: Ask,
    stage: str,
    after: Sequence[str],
    networks: Mapping[str, Path],
    tick: Report,
    spread: Spread = ALONE,
) -> bool:
    """Features of networks at the run's places, features/<name>.npy; that of the run's own network adds GREY.

    Args:
        run: with places.
        ask: which those are.
        stage: its name.
        after: stages that must be finished before, that of the places among them.
        networks: weights by name.
        tick: told of every section.
        spread: over which processes.

    Raises:
        InputError: places are of another question, weights or images cannot be read.
    """
    return run_stage(run, stage, after, partial(_made, run, ask, stage, networks, spread, tick), tick)


def _made(
    run: Run, ask: Ask, stage: str, networks: Mapping[str, Path], spread: Spread, tick: Report
) -> list[Path] | None:
    places, root = read_asked_places(run, ask), run.root.absolute()
    numbers, found = np.unique(places.patches.section).tolist(), str(places.patches.brain[0])
    tasks = [
        SectionTask(brain=found, section=number, outputs=(str(_part(run, stage, number).relative_to(run.root)),))
        for number in numbers
    ]
    made_from = (*networks.values(), run.path("normalisation.json"), borders_path(run, PLACES))
    at = {name: path.absolute() for name, path in networks.items()}
    work = SectionWork(
        stage=stage, root=root, function=partial(_features_here, root, ask, stage, at), inputs=section_inputs(run),
        rooms=_ROOMS, code=code_digest(_ROOMS), weights=files_digest(made_from),
        side_by_side=1 if fastest_device().type == "cuda" else usable_cores(),
    )  # fmt: skip
    if not run_sections(work, tasks, spread, tick):
        return None
    found = _gathered(run, stage, places, (*networks, GREY))
    return write_features(run, {name: found[name] for name in found if name != GREY or OURS in networks})


def _features_here(
    run_root: Path, ask: Ask, stage: str, networks: Mapping[str, Path], brain: str, section: int, threads: int
) -> list[Path]:
    del brain  # places are all of the brain asked for
    torch.set_num_threads(threads)
    run = open_run(run_root)
    places = read_asked_places(run, ask)
    own = places.take(places.patches.section == section)
    nets = {
        name: load_siamese(path, run.experiment.texture.encoder).to(fastest_device()) for name, path in networks.items()
    }
    path = _part(run, stage, section)
    write_arrays(path, network_features(nets, place_images(run, own), normalisation(run), "features", silent))
    return [path]


def _gathered(
    run: Run, stage: str, places: RibbonPlaces, names: Sequence[str]
) -> dict[str, Float32[np.ndarray, "n f"]]:
    """What the sections' tasks left, in the order of the places."""
    out: dict[str, np.ndarray] = {}
    for number in np.unique(places.patches.section).tolist():
        rows = np.flatnonzero(places.patches.section == number)
        for name, values in read_arrays(_part(run, stage, number), names).items():
            out.setdefault(name, np.empty((len(places), values.shape[1]), np.float32))[rows] = values
    return out


def _part(run: Run, stage: str, section: int) -> Path:
    return borders_path(run, "features", "sections", stage, f"{section:04d}.parquet")


def network_features(
    nets: Mapping[str, SiameseNet], images: SectionImages, grey: Normalisation, stage: str, tick: Report
) -> dict[str, Float32[np.ndarray, "n f"]]:
    """Features of all images for each network, and their mean grey as GREY; images are read once for all.

    Args:
        nets: by name, on the device to use.
        images: in order along the ribbon.
        grey: what the networks were trained with.
        stage: for ticks.
        tick: told after every CHUNK patches.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*nets, GREY)}
    for begin in range(0, len(images), CHUNK):
        rows = np.arange(begin, min(begin + CHUNK, len(images)))
        pixels = images.read(rows)
        for name, net in nets.items():
            parts[name].append(branch_features(net, pixels, grey))
        parts[GREY].append(pixels.mean(axis=(1, 2), dtype=np.float32)[:, None])
        tick(Tick(stage, int(rows[-1]) + 1, len(images), ", ".join(nets)))
    return {name: np.concatenate(found) for name, found in parts.items()}


def write_features(run: Run, features: Mapping[str, Float32[np.ndarray, "n f"]]) -> list[Path]:
    """Write each array as features/<name>.npy, atomically; returns where."""
    paths = []
    for name, values in features.items():
        paths.append(features_path(run, name))
        with atomic_path(paths[-1]) as temporary:
            np.save(temporary, values, allow_pickle=False)
    return paths


def read_features(run: Run, name: str = OURS) -> Float[np.ndarray, "n f"]:
    """What a network, or GREY, makes of the run's places; InputError if the file is missing or damaged."""
    path = features_path(run, name)
    try:
        return np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} must hold the features of the places along the ribbon, but it cannot be read ({error}); delete "
            "the receipt of its stage and run `gennari borders` again"
        ) from error


def features_path(run: Run, name: str) -> Path:
    """Where features stand."""
    return borders_path(run, "features", f"{name}.npy")
