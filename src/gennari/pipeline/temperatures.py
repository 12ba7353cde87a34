"""The stage that fits a temperature for each network on annotated pixels of the run's validation sections."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int, UInt8
from pydantic import BaseModel, ConfigDict

from gennari.apply.segment import Flips, segment_blocks
from gennari.data.pixels import Normalisation
from gennari.errors import Interrupted
from gennari.execute import Report, Tick
from gennari.metrics.calibration import fit_temperature, reliability, tempered
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.claims import claimed
from gennari.pipeline.labelled import annotated_labels, section_prior
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.map_networks import map_networks
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.section_maps import GLASS, read_section
from gennari.pipeline.stages import Run, run_stage
from gennari.records import IGNORE, Section
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain
from gennari.sources.documents import read_json
from gennari.surface.ribbon import cut_ribbon
from gennari.train.devices import fastest_device

STAGE, FILE = "calibrate", "temperatures.json"
PIXELS = 100_000
"""Annotated pixels of cortex that are read of a section at most, drawn by the run's seed."""
_NONE = (
    "no validation section has annotated cortex on tissue, so probabilities stay as the network gives them "
    "(temperature 1)"
)
Places = tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]


class Temperature(BaseModel):
    """One network's.

    Attributes:
        value: what its logits are divided by.
        pixels: it was fitted on, all of them cortex by the surfaces and annotated.
        error_before: expected calibration error over these at temperature 1.
        error_after: and at this temperature; of the pixels that it was fitted on, so no test.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = 1.0
    pixels: int = 0
    error_before: float | None = None
    error_after: float | None = None


class Temperatures(BaseModel):
    """temperatures.json.

    Attributes:
        sections: that they were fitted on.
        note: why they stay at 1, if they do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: dict[str, Temperature]
    sections: int
    note: str = ""


def temperature_stage(run: Run, flips: Flips, tick: Report) -> bool:
    """Fit the temperatures of a run's two networks, if that has not been done.

    Glass and white matter do not count: they are easy and many, and would make any network look sure of itself for good
    reason. Annotations are read, never the truth. Without annotated validation sections temperatures stay at 1.

    Args:
        run: whose networks are fine-tuned.
        flips: as sections are to be segmented.
        tick: told of every section.

    Raises:
        Interrupted: another part of the same work is at it.
    """
    with claimed(run.path(".lock-calibrate")) as ours:
        if not ours:
            raise Interrupted("another process fits the temperatures of this run at this moment")
        after = ("sample", *(f"finetune-{variant}" for variant in VARIANTS))
        options = "" if flips == "none" else flips
        return run_stage(run, STAGE, after, partial(_fitted, run, flips, tick), tick, options=options)


def read_temperatures(run: Run) -> Temperatures:
    """What was fitted; InputError if the file is missing or damaged."""
    return read_json(run.path(FILE), Temperatures)


def _fitted(run: Run, flips: Flips, tick: Report) -> list[Path]:
    rng = np.random.default_rng([run.experiment.seed, 3])
    nets, grey = map_networks(run)
    chosen = [(run.dataset.brain(name), section) for name, part in sections_of(run, "val").items() for section in part]
    chosen = [(brain, section) for brain, section in chosen if brain.annotation(section.id) is not None]
    given: Mapping[str, list[np.ndarray]] = {variant: [] for variant in nets}
    labels: list[np.ndarray] = []
    for done, (brain, section) in enumerate(chosen, start=1):
        known, places = _annotated_cortex(run, brain, section, rng)
        said = _probabilities(run, nets, grey, brain, section, places, flips)
        seen = np.isfinite(next(iter(said.values()))[0])
        if seen.any():
            labels.append(known[seen])
            for variant, found in said.items():
                given[variant].append(found[:, seen])
        tick(Tick(STAGE, done, len(chosen), f"{brain.name} {section.id}"))
    if labels:
        together = np.concatenate(labels)
        networks = {v: _temperature(np.concatenate(found, axis=1), together) for v, found in given.items()}
        record = Temperatures(networks=networks, sections=len(labels))
    else:
        tick(Tick(STAGE, 1, 1, _NONE))
        record = Temperatures(networks={variant: Temperature() for variant in nets}, sections=0, note=_NONE)
    write_json(run.path(FILE), record)
    return [run.path(FILE)]


def _temperature(given: Float32[np.ndarray, "c n"], labels: UInt8[np.ndarray, "n"]) -> Temperature:
    value = fit_temperature(given, labels)
    right = given.argmax(axis=0) == labels
    before, after = (reliability(p.max(axis=0), right).error for p in (given, tempered(given, value)))
    return Temperature(value=value, pixels=len(labels), error_before=before, error_after=after)


def _annotated_cortex(
    run: Run, brain: Brain, section: Section, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "n"], Places]:
    """Classes of a section's annotated pixels of cortex, and where these lie."""
    spacing_um = output_spacing_um(run.experiment.texture)
    labels = annotated_labels(brain, section, spacing_um)
    rows, cols = np.nonzero((labels != IGNORE) & cut_ribbon(brain.hemispheres(), section, spacing_um).cortex)
    if len(rows) > PIXELS:
        drawn = np.sort(rng.choice(len(rows), PIXELS, replace=False))
        rows, cols = rows[drawn], cols[drawn]
    return labels[rows, cols], (rows, cols)


def _probabilities(
    run: Run,
    nets: Mapping[str, AreaUNet],
    grey: Normalisation,
    brain: Brain,
    section: Section,
    places: Places,
    flips: Flips,
) -> Mapping[str, Float32[np.ndarray, "c n"]]:
    """What each network says of some pixels of a section; NaN where it did not look, since there is only glass.

    Memory is that of a tile and of these pixels.
    """
    config, (rows, cols) = run.experiment.texture, places
    prior = section_prior(brain.hemispheres(), brain.atlas(), section, config) if brain.manifest.atlas else None
    whole, found = read_section(brain, section, config), {}
    for variant, net in nets.items():
        out = found[variant] = np.full((net.classes, len(rows)), np.nan, np.float32)
        for block in segment_blocks(
            net.to(fastest_device()), whole.read, whole.shape_px, prior, grey,
            near=whole.tissue.near, empty_class=GLASS, flips=flips,
        ):  # fmt: skip
            top, left = block.rows.start, block.cols.start
            here = (rows >= top) & (rows < block.rows.stop) & (cols >= left) & (cols < block.cols.stop)
            if block.run:
                out[:, here] = block.probabilities[:, rows[here] - top, cols[here] - left]
    return found
