"""How stained tissue takes up light: the one law that fine and coarse pixels share.

A pixel's grey value is 255 times its transmission (Beer and Lambert): what the neuropil lets through, times (1 - o) for
every cell body of opacity o over it. Cells lie as a Poisson process, so the mean transmission of a place with n cells
per area of size A and mean opacity o is exp(-n A o): the law by which coarse pixels, which show no cells, are drawn.
"""

import numpy as np
from jaxtyping import Float

from gennari.phantom.layers import ProfileTables

SECTION_THICKNESS_UM = 20.0
NEURON_OPACITY, GLIA_OPACITY = 0.86, 0.85
"""Mean share of light that a cell body takes away."""
GLIA_AREA_UM2 = 40.0
"""Cells of layer I and of white matter, nearly all glia: 40 and 43 µm² on the mean in a counted strip of BigBrain."""
WHITE_NEUROPIL, WHITE_GLIA_PER_MM3 = 0.76, 60e3
"""White matter: myelin stays pale in a cell-body stain, and its glia lie dense."""


def cells_per_mm2(cells_per_mm3: Float[np.ndarray, "*s"], thickness_um: float) -> Float[np.ndarray, "*s"]:
    """Cells whose centre lies in a section of this thickness, per mm² of it."""
    return cells_per_mm3 * (thickness_um * 1e-3)


def absorption(tables: ProfileTables, thickness_um: float = SECTION_THICKNESS_UM) -> Float[np.ndarray, "c s"]:
    """Expected -log transmission of cell bodies, by cytoarchitecture and layer coordinate."""
    return neuron_absorption(tables, thickness_um) + glia_absorption(tables.glia_per_mm3, thickness_um)


def neuron_absorption(tables: ProfileTables, thickness_um: float) -> Float[np.ndarray, "c s"]:
    """The neurons' part: this is what a layer's log density deviation multiplies."""
    soma_um2 = np.pi / 4 * tables.soma_height_um * tables.soma_width_um
    return cells_per_mm2(tables.neurons_per_mm3, thickness_um) * 1e-6 * soma_um2 * NEURON_OPACITY


def glia_absorption(glia_per_mm3: Float[np.ndarray, "*s"], thickness_um: float) -> Float[np.ndarray, "*s"]:
    """The glia's part."""
    return cells_per_mm2(glia_per_mm3, thickness_um) * 1e-6 * GLIA_AREA_UM2 * GLIA_OPACITY
