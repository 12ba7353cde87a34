"""What is expected of cells by cytoarchitecture and depth, as numbers that the kernels read (phantom/strata.py)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from gennari.phantom.layers import ProfileTables
from gennari.phantom.optics import (
    GLIA_AREA_UM2,
    GLIA_OPACITY,
    NEURON_OPACITY,
    PROCESSES,
    SECTION_THICKNESS_UM,
    WHITE_GLIA_PER_MM3,
    WHITE_NEUROPIL,
    mean_opacity,
    opacity_square,
)

SIZE_SD = 0.22
"""SD of log extent among cells of a stratum."""
AREA_SQUARE = float(np.exp(4 * SIZE_SD**2))
"""E[A²] / E[A]² of cells' areas, log-normal with SD 2 SIZE_SD."""
NEURONS, GLIAL, TALL, WIDE, PYRAMIDAL, BETWEEN, SMEAR, TAKEN, SQUARE = range(9)
"""What to expect at a place: neurons and glia per µm², soma height and width in µm, share of pyramids, -log
transmission between cells, width of cells with dendrites and soft edges in µm (`smear_um`); and per µm² the sum of what
cells take (µm²) and of its squares (µm⁴), on the mean."""
TABLED, EXPECTED = 7, 9
"""How many of these come from tables, and how many there are."""
SOFT_UM2 = 9.0
"""Mean square of a cell's soft edge, those in focus counting more, since they are darker."""
PROCESSES_LONG = 1.75
"""Side of the square that a pyramid's dendrites fill, over its height; set by the variance of averaged fine pixels."""


class CellTables(NamedTuple):
    """ProfileTables as the kernels take them, for one section's thickness and stain.

    Attributes:
        strata: (c, s, 7) columns NEURONS to SMEAR; cells whose centre lies in the section count.
        border_mm: (c, c) width of borders.
        white_neuropil: -log transmission.
        white_smear_um: of glia.
        gain: of the stain.
        neuron_opacity: mean at this gain.
        neuron_square: E[x²] / E[x]² of what a neuron takes.
    """

    strata: Float32[np.ndarray, "c s 7"]
    border_mm: Float32[np.ndarray, "c c"]
    white_glia_per_um2: float
    white_neuropil: float
    white_smear_um: float
    gain: float
    neuron_opacity: float
    neuron_square: float
    glia_opacity: float
    glia_square: float


def cell_tables(tables: ProfileTables, thickness_um: float = SECTION_THICKNESS_UM, gain: float = 1.0) -> CellTables:
    """Numbers of cells for a section of this thickness, and what they take when stained with this gain."""
    per_um2 = np.float32(thickness_um * 1e-9)
    columns = (
        tables.neurons_per_mm3 * per_um2,
        tables.glia_per_mm3 * per_um2,
        tables.soma_height_um,
        tables.soma_width_um,
        tables.pyramidal,
        -np.log(tables.neuropil),
        smear_um(tables.soma_height_um, tables.soma_width_um, tables.pyramidal),
    )
    glia_um = np.full(1, 2 * np.sqrt(GLIA_AREA_UM2 / np.pi))
    return CellTables(
        strata=np.stack(columns, axis=2).astype(np.float32),
        border_mm=tables.border_width_mm,
        white_glia_per_um2=WHITE_GLIA_PER_MM3 * thickness_um * 1e-9,
        white_neuropil=-float(np.log(WHITE_NEUROPIL)),
        white_smear_um=float(smear_um(glia_um, glia_um, np.zeros(1))[0]),
        gain=gain,
        neuron_opacity=mean_opacity(NEURON_OPACITY, gain),
        neuron_square=AREA_SQUARE * opacity_square(NEURON_OPACITY, gain),
        glia_opacity=mean_opacity(GLIA_OPACITY, gain),
        glia_square=AREA_SQUARE * opacity_square(GLIA_OPACITY, gain),
    )


def smear_um(
    tall_um: Float[np.ndarray, "*s"], wide_um: Float[np.ndarray, "*s"], pyramidal: Float[np.ndarray, "*s"]
) -> Float[np.ndarray, "*s"]:
    """Width a of the square that is shared between pixels as a stratum's cells are, on the mean.

    What a square of width a, dropped anywhere, adds to the variance of pixels of width s falls by (1 - a / 3s)²; a / 3
    is the mean distance of two points of it. A pyramid is a square of its soma and a wider one of its dendrites about
    it: the mean distance is that within each and between the two, by what they take. Large cells add most, so extents
    count as their mean weighted by the square of the area.
    """
    biased = np.exp(4 * SIZE_SD**2)
    soma = biased * np.sqrt(np.pi / 4 * tall_um * wide_um + SOFT_UM2)
    reach = biased * PROCESSES_LONG * tall_um
    between = 0.75 * reach + soma**2 / (4 * reach)
    pyramid = (soma + 2 * PROCESSES * between + PROCESSES**2 * reach) / (1 + PROCESSES) ** 2
    weight = pyramidal * (1 + PROCESSES) ** 2
    return (weight * pyramid + (1 - pyramidal) * soma) / (weight + 1 - pyramidal)
