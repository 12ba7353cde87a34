"""One section's map, written while it is made: memory stays that of a few tiles, whatever the section's size."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gennari.apply.segment import Flips, segment_blocks
from gennari.apply.tissue import Pixels, Tissue, find_tissue
from gennari.data.pixels import Normalisation
from gennari.data.prior import Prior
from gennari.metrics.calibration import tempered
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.records import LabelSet, Section
from gennari.sources.dataset import Brain
from gennari.sources.probabilities import as_bytes, growing_probabilities
from gennari.sources.sections import growing_labels

GLASS = 0
"""The class of tiles without tissue: background comes first in every label set."""


CONFIDENCE = LabelSet(names=("confidence before calibration",), colours=("#ffffff",), first_area=0)
"""The one channel of what is kept of probabilities before they are divided by their temperature."""


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """What a user may ask for beyond one plain look of the network.

    Attributes:
        flips: mirror images that the network looks at too; maps and probabilities are of the mean.
        calibrate: give probabilities at the temperature that was fitted on validation sections; maps stay.
    """

    flips: Flips = "none"
    calibrate: bool = False

    @property
    def flips_key(self) -> str:
        """What decides maps, for receipts; empty for one plain look, so that older receipts hold."""
        return "" if self.flips == "none" else f"flips {self.flips}"

    @property
    def key(self) -> str:
        """What decides maps and probabilities, likewise."""
        return " ".join(word for word in (self.flips_key, "calibrated" if self.calibrate else "") if word)


PLAIN = MapOptions()


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
    confidence: Path | None = None,
    *,
    flips: Flips = "none",
    temperature: float = 1.0,
) -> None:
    """Segment a section and write its map, and if wanted its probabilities, tile by tile; atomically.

    The temperature changes probabilities and no map: which class is the likeliest does not depend on it.

    Args:
        net: trained, on the device it is to run on.
        whole: the section.
        prior: of the section; None runs the network without its atlas.
        grey: normalisation of the network's training.
        label_set: the network's classes.
        labels: where the map is written.
        probabilities: where they are written, if anywhere.
        confidence: where the largest of each pixel's probabilities at temperature 1 is written, if anywhere.
        flips: as `segment_blocks`.
        temperature: of the probabilities.

    Raises:
        InputError: pixels cannot be read.
    """
    stride, spacing_um = net.config.output_stride_px, output_spacing_um(net.config)
    shape_px = (-(-whole.shape_px[0] // stride), -(-whole.shape_px[1] // stride))
    with ExitStack() as stack:
        classes = stack.enter_context(growing_labels(labels, shape_px, spacing_um, label_set))
        shares = before = None
        if probabilities:
            shares = stack.enter_context(growing_probabilities(probabilities, shape_px, spacing_um, label_set))
        if confidence:
            before = stack.enter_context(growing_probabilities(confidence, shape_px, spacing_um, CONFIDENCE))
        for block in segment_blocks(
            net, whole.read, whole.shape_px, prior, grey, near=whole.tissue.near, empty_class=GLASS, flips=flips
        ):
            classes.put(block.rows, block.cols, block.labels)
            given = block.probabilities
            if before:
                before.put(block.rows, block.cols, as_bytes(given.max(axis=0, keepdims=True)))
            if shares:
                said = tempered(given, temperature) if block.run and temperature != 1 else given
                shares.put(block.rows, block.cols, as_bytes(said))
