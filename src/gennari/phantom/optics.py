"""How stained tissue takes up light: the one law that fine and coarse pixels share.

A pixel's grey value is 255 times its transmission (Beer and Lambert): what the neuropil lets through, times (1 - o) for
every cell body of opacity o over it. Cells lie as a Poisson process, so the mean transmission of a place with n cells
per area of size A and mean opacity o is exp(-n A o): the law by which coarse pixels, which show no cells, are drawn.

A stain of gain g raises transmissions to the power g: the neuropil's, and each cell's on its own. A dark cell has
little left to take, so the light of tissue falls by less than the power g of the whole.
"""

import numpy as np
from jaxtyping import Float

from gennari.phantom.layers import ProfileTables

SECTION_THICKNESS_UM = 20.0
NEURON_OPACITY, GLIA_OPACITY = 0.88, 0.75
"""Mean share of light that a cell body takes away at gain 1; of glia only nuclei stain, and those of astrocytes are
pale."""
APICAL_SHARE, BASAL_SHARE = 0.16, 0.1
"""What a pyramid takes with its apical and with each of its two basal dendrites, over what its soma takes; ours.
Printed sizes are those of somata: dendrites come on top."""
PROCESSES = APICAL_SHARE + 2 * BASAL_SHARE
GLIA_AREA_UM2 = 40.0
"""Cells of layer I and of white matter, nearly all glia: 40 and 43 µm² on the mean in a counted strip of BigBrain."""
WHITE_NEUROPIL, WHITE_GLIA_PER_MM3 = 0.76, 60e3
"""White matter: myelin stays pale in a cell-body stain, and its glia lie dense."""


def cells_per_mm2(cells_per_mm3: Float[np.ndarray, "*s"], thickness_um: float) -> Float[np.ndarray, "*s"]:
    """Cells whose centre lies in a section of this thickness, per mm² of it."""
    return cells_per_mm3 * (thickness_um * 1e-3)


def mean_opacity(opacity: float, gain: float) -> float:
    """Mean share of light a cell takes at a gain, for kinds whose mean is `opacity` at gain 1.

    A cell f away from the middle of the section (0 to 1, evenly) lets (3 (1 - opacity) f²) ** gain through.
    """
    palest = 3 * (1 - opacity)
    return 1 - palest**gain / (2 * gain + 1)


def opacity_square(opacity: float, gain: float) -> float:
    """Mean square of what cells take at a gain, over the square of `mean_opacity`."""
    palest = 3 * (1 - opacity)
    square = 1 - 2 * palest**gain / (2 * gain + 1) + palest ** (2 * gain) / (4 * gain + 1)
    return square / mean_opacity(opacity, gain) ** 2


def absorption(
    tables: ProfileTables, thickness_um: float = SECTION_THICKNESS_UM, gain: float = 1.0
) -> Float[np.ndarray, "c s"]:
    """Expected -log transmission of cells, by cytoarchitecture and layer coordinate."""
    return neuron_absorption(tables, thickness_um, gain) + glia_absorption(tables.glia_per_mm3, thickness_um, gain)


def neuron_absorption(tables: ProfileTables, thickness_um: float, gain: float = 1.0) -> Float[np.ndarray, "c s"]:
    """The neurons' part, dendrites included: this is what a layer's log density deviation multiplies."""
    soma_um2 = np.pi / 4 * tables.soma_height_um * tables.soma_width_um
    cell_um2 = soma_um2 * (1 + PROCESSES * tables.pyramidal)
    return cells_per_mm2(tables.neurons_per_mm3, thickness_um) * 1e-6 * cell_um2 * mean_opacity(NEURON_OPACITY, gain)


def glia_absorption(
    glia_per_mm3: Float[np.ndarray, "*s"], thickness_um: float, gain: float = 1.0
) -> Float[np.ndarray, "*s"]:
    """The glia's part."""
    return cells_per_mm2(glia_per_mm3, thickness_um) * 1e-6 * GLIA_AREA_UM2 * mean_opacity(GLIA_OPACITY, gain)
