"""The stage that gives every pixel of the held-out sections a class."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from gennari.apply.segment import segment
from gennari.execute import Report, Tick, usable_cores
from gennari.nets.sizes import output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.pipeline.labelled import section_prior
from gennari.pipeline.learning import VARIANTS, normalisation, weights_path
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import Run, run_stage
from gennari.records import BACKGROUND_GREY
from gennari.sources.sections import write_labels
from gennari.train.devices import fastest_device

GLASS_MM = 2.0
"""Tiles farther than this from any tissue are background without being run."""


def segment_stage(run: Run, tick: Report) -> bool:
    """Segment the held-out sections with both networks."""
    after = ("sample", *(f"finetune-{variant}" for variant in VARIANTS))
    return run_stage(run, "segment", after, partial(_segment, run, tick), tick)


def map_path(run: Run, variant: str, brain: str, section: int) -> Path:
    """Where a section's map stands."""
    return run.path("maps", variant, brain, f"{section:04d}.ome.zarr")


def _segment(run: Run, tick: Report) -> list[Path]:
    torch.set_num_threads(usable_cores())
    config, outputs = run.experiment.texture, []
    nets = {variant: load_area_unet(weights_path(run, variant)).to(fastest_device()) for variant in VARIANTS}
    held_out, grey = sections_of(run, "test"), normalisation(run)
    total = sum(len(sections) for sections in held_out.values())
    for name, sections in held_out.items():
        brain = run.dataset.brain(name)
        hemispheres, atlas = brain.hemispheres(), brain.atlas()
        for section in sections:
            image = brain.read_full(section.id, config.spacing_um)
            prior = section_prior(hemispheres, atlas, section, config)
            tissue = near_tissue(image, config.output_stride_px, config.spacing_um)
            for variant, net in nets.items():
                found = segment(net, image, prior, grey, mask=tissue, empty_class=0)
                path = map_path(run, variant, name, section.id)
                write_labels(path, found.labels, output_spacing_um(config), run.dataset.label_set)
                outputs.append(path)
            tick(Tick("segment", len(outputs) // len(nets), total, f"{name} {section.id}"))
    return outputs


def near_tissue(image: np.ndarray, stride: int, spacing_um: float) -> np.ndarray:
    """Output pixels within GLASS_MM of anything that is not glass."""
    rows, cols = (-(-side // stride) for side in image.shape)
    padded = np.zeros((rows * stride, cols * stride), bool)
    padded[: image.shape[0], : image.shape[1]] = image < BACKGROUND_GREY
    tissue = padded.reshape(rows, stride, cols, stride).any(axis=(1, 3))
    reach = int(np.ceil(GLASS_MM * 1e3 / (spacing_um * stride)))
    return ndimage.maximum_filter(tissue, 2 * reach + 1)
