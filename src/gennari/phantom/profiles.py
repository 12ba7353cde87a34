"""Expected depth profiles: what a profile through the phantom's cortex is, without cells, vessels or damage."""

import numpy as np
from jaxtyping import Float, Float32

from gennari.errors import InputError
from gennari.phantom.individual import Tissue
from gennari.phantom.layers import SAMPLES, ProfileTables, layer_entries
from gennari.phantom.optics import SECTION_THICKNESS_UM, cells_per_mm2, glia_absorption, neuron_absorption


def expected_profiles(
    tissue: Tissue,
    tables: ProfileTables,
    depths: Float[np.ndarray, "*v d"],
    stain_gain: float = 1.0,
    thickness_um: float = SECTION_THICKNESS_UM,
) -> Float32[np.ndarray, "v d"]:
    """Mean grey value at depths of the cortex, per vertex: 255 times the transmission.

    A vertex has the cells of its winning cytoarchitecture; the passage at borders (under 1 mm) is left out.

    Args:
        tissue: of v vertices.
        tables: of the cytoarchitectures that its scores speak for.
        depths: 0 (pial) to 1 (white) as shares of the distance: one row for all vertices, or one each
            (`equivolumetric_depths`).
        stain_gain: power to which transmissions are raised, the neuropil's and each cell's.
        thickness_um: of the section.

    Raises:
        InputError: a depth lies outside 0 to 1.
    """
    if depths.min() < 0 or depths.max() > 1:
        raise InputError(f"depths lie between 0 and 1, got {depths.min()} to {depths.max()}; give shares of the cortex")
    column = tissue.scores.argmax(axis=1)[:, None]
    entries = layer_entries(depths, tissue.boundaries)
    density = np.exp(np.take_along_axis(tissue.log_density, entries // SAMPLES, axis=1))
    between = glia_absorption(tables.glia_per_mm3, thickness_um, stain_gain) - stain_gain * np.log(tables.neuropil)
    neurons = neuron_absorption(tables, thickness_um, stain_gain)
    return (255 * np.exp(-between[column, entries] - density * neurons[column, entries])).astype(np.float32)


def equivolumetric_depths(
    pial_mm2: Float[np.ndarray, "v"], white_mm2: Float[np.ndarray, "v"], shares: Float[np.ndarray, "d"]
) -> Float[np.ndarray, "v d"]:
    """Depths, as shares of the distance, above which lie these shares of the cortex's volume (Waehnert et al. 2014).

    The area of the surface is taken to change linearly from the pial to the white one, as on a prism.

    Args:
        pial_mm2: area of the pial surface that belongs to each vertex.
        white_mm2: area of the white surface.
        shares: of the volume, from the pial surface.
    """
    # volume above depth x is p x + (w - p) x² / 2, of (p + w) / 2; written so that p = w divides by no zero
    p, w = pial_mm2[:, None], white_mm2[:, None]
    wanted = shares * (p + w) / 2
    return np.clip(2 * wanted / (p + np.sqrt(p**2 + 2 * (w - p) * wanted)), 0.0, 1.0)


def layer_counts(
    tables: ProfileTables, column: int, cortex_mm: float, width_mm: float, thickness_um: float = SECTION_THICKNESS_UM
) -> Float[np.ndarray, "6"]:
    """Expected cells (neurons and glia) of layers I to VI in a strip across the cortex, cut perpendicularly.

    Counted are cells whose centre lies in the section.

    Args:
        tables: of cytoarchitectures.
        column: which of them.
        cortex_mm: length of the strip from the pial surface to the white matter.
        width_mm: of the strip.
        thickness_um: of the section.
    """
    cells = tables.neurons_per_mm3[column].astype(float) + tables.glia_per_mm3[column]
    per_mm2 = cells_per_mm2(cells, thickness_um).reshape(6, SAMPLES).mean(axis=1)
    thickness = np.diff(tables.boundaries[column], prepend=0.0, append=1.0) * cortex_mm
    return per_mm2 * thickness * width_mm
