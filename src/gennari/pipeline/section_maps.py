"""One section's map, written while it is made: memory stays that of a few tiles, whatever the section's size."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gennari.apply.segment import segment_blocks
from gennari.apply.tissue import Pixels, Tissue, find_tissue
from gennari.data.pixels import Normalisation
from gennari.data.prior import Prior
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.records import LabelSet, Section
from gennari.sources.dataset import Brain
from gennari.sources.probabilities import as_bytes, growing_probabilities
from gennari.sources.sections import growing_labels

GLASS = 0
"""The class of tiles without tissue: background comes first in every label set."""


class WholeSection(NamedTuple):
    """A section to be segmented; several networks share it.

    Attributes:
        read: its pixels at the networks' spacing.
        shape_px: (rows, cols) at that spacing.
        tissue: where the networks have to look.
    """

    read: Pixels
    shape_px: tuple[int, int]
    tissue: Tissue


def read_section(brain: Brain, section: Section, config: TextureConfig) -> WholeSection:
    """Open a section for networks of one pixel size, and find its tissue.

    Raises:
        InputError: the image is missing, damaged, or coarser than the networks' pixels.
    """
    read = partial(brain.open_reader(section).part, config.spacing_um)
    shape_px = section.grid_shape(config.spacing_um)
    tissue = find_tissue(read, shape_px, config.output_stride_px, config.spacing_um)
    return WholeSection(read=read, shape_px=shape_px, tissue=tissue)


def write_map(
    net: AreaUNet,
    whole: WholeSection,
    prior: Prior | None,
    grey: Normalisation,
    label_set: LabelSet,
    labels: Path,
    probabilities: Path | None = None,
) -> None:
    """Segment a section and write its map, and if wanted its probabilities, tile by tile; atomically.

    Args:
        net: trained, on the device it is to run on.
        whole: the section.
        prior: of the section; None runs the network without its atlas.
        grey: normalisation of the network's training.
        label_set: the network's classes.
        labels: where the map is written.
        probabilities: where they are written, if anywhere.

    Raises:
        InputError: pixels cannot be read.
    """
    stride, spacing_um = net.config.output_stride_px, output_spacing_um(net.config)
    shape_px = (-(-whole.shape_px[0] // stride), -(-whole.shape_px[1] // stride))
    with ExitStack() as stack:
        classes = stack.enter_context(growing_labels(labels, shape_px, spacing_um, label_set))
        shares = None
        if probabilities:
            shares = stack.enter_context(growing_probabilities(probabilities, shape_px, spacing_um, label_set))
        near, empty = whole.tissue.near, GLASS
        for block in segment_blocks(net, whole.read, whole.shape_px, prior, grey, near=near, empty_class=empty):
            classes.put(block.rows, block.cols, block.labels)
            if shares:
                shares.put(block.rows, block.cols, as_bytes(block.probabilities))
