"""Pixels of the phantom: a section's ribbon and white matter become grey values and true labels.

At coarse pixels single cells cannot be seen: a pixel's cell bodies are a Poisson number with the mean that the layer's
density gives, so texture differs between layers by cell size as well as by density.
"""

import typing
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numba import njit

from gennari.phantom.fields import wave_field
from gennari.phantom.individual import Individual
from gennari.phantom.layers import COLUMN_LABEL, COLUMNS, SAMPLES
from gennari.phantom.settings import PhantomSettings
from gennari.records import Ribbon, Section
from gennari.surface.ribbon import cut_ribbon, white_matter

NEUROPIL_DARKNESS = 50.0
"""255 minus the grey of stained neuropil without cells."""
WHITE_DARKNESS = 42.0
CELL_DARKNESS = 235.0
"""Added where cell bodies cover the whole pixel."""
WHITE_COVERAGE, WHITE_CELL_AREA_UM2 = 0.03, 25.0
"""Glia of the white matter."""
SHARP_PAIR = (COLUMNS.index("hOc1"), COLUMNS.index("hOc2"))
SHARP_SCALE_MM, BLEND_SCALE_MM = 0.09, 0.23
"""Scale of the blending of two scores: borders 0.2 mm (hOc1/hOc2) and 0.5 mm wide from 10 to 90 %."""
ILLUMINATION_STEP_UM = 2000.0


@dataclass(frozen=True, kw_only=True)
class DrawnSection:
    """A section's image and its true classes on the same grid."""

    image: UInt8[np.ndarray, "h w"]
    labels: UInt8[np.ndarray, "h w"]


def draw_section(individual: Individual, section: Section, settings: PhantomSettings) -> DrawnSection:
    """Draw one section at its own spacing; the same arguments give the same pixels."""
    ribbon = cut_ribbon(individual.hemispheres, section, section.spacing_um)
    white = white_matter(individual.hemispheres, section, section.spacing_um, ribbon)
    rng = np.random.default_rng([individual.texture_seed, section.id])
    gain = individual.stain_gain * float(np.exp(settings.nuisance.stain_sd * rng.normal()))
    illumination = gain * _illumination(rng, section, settings.nuisance.illumination_sd)
    darkness = np.zeros(ribbon.face.shape, np.float32)
    step_px = ILLUMINATION_STEP_UM / section.spacing_um
    seed = np.uint64(rng.integers(2**62))
    for side, (hemisphere, tissue) in enumerate(zip(individual.hemispheres, individual.tissue, strict=True)):
        _darken_cortex(
            ribbon.depth, ribbon.face, ribbon.weights, ribbon.side, side, hemisphere.pial.faces,
            tissue.scores, tissue.scores.argmax(axis=1), tissue.boundaries, tissue.log_density,
            individual.tables.coverage, individual.tables.cell_area_um2,
            section.spacing_um, illumination, step_px, seed, darkness,
        )  # fmt: skip
    _darken_white(white, section.spacing_um, illumination, step_px, seed, darkness)
    image = np.clip(255.0 - darkness + 0.5, 0, 255).astype(np.uint8)
    return DrawnSection(image=image, labels=section_labels(individual, ribbon, white))


def section_labels(individual: Individual, ribbon: Ribbon, white: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """True classes: background 0, white matter 1, and on cortex the class of the largest interpolated score."""
    labels = white.astype(np.uint8)
    for side, (hemisphere, tissue) in enumerate(zip(individual.hemispheres, individual.tissue, strict=True)):
        rows, cols = np.nonzero(ribbon.side == side)
        labels[rows, cols] = place_labels(
            hemisphere.pial.faces, tissue.scores, ribbon.face[rows, cols], ribbon.weights[rows, cols]
        )
    return labels


def place_labels(
    faces: Int[np.ndarray, "f 3"],
    scores: Float[np.ndarray, "v c"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n"]:
    """Class at places on the surface: scores are interpolated in the face, the largest wins."""
    best = scores.argmax(axis=1)
    corners = faces[face]
    columns = best[corners]
    winner = columns[:, 0].copy()
    mixed = np.flatnonzero((columns[:, 0] != columns[:, 1]) | (columns[:, 0] != columns[:, 2]))
    blended = np.einsum("nkc,nk->nc", scores[corners[mixed]], weights[mixed])
    # only cytoarchitectures that win at a corner: what wins nowhere around cannot be drawn inside
    candidates = np.take_along_axis(blended, columns[mixed], axis=1)
    winner[mixed] = columns[mixed, candidates.argmax(axis=1)]
    return COLUMN_LABEL[winner]


def _illumination(rng: np.random.Generator, section: Section, sd: float) -> np.ndarray:
    rows, cols = section.grid_shape(ILLUMINATION_STEP_UM)
    r, c = np.mgrid[: rows + 2, : cols + 2] * (ILLUMINATION_STEP_UM * 1e-3)
    points = np.column_stack([r.ravel(), c.ravel(), np.zeros(r.size)])
    return np.exp(sd * wave_field(rng, 1, 25.0)(points)[:, 0]).reshape(r.shape).astype(np.float32)


@typing.no_type_check
@njit(cache=True, inline="always")
def _uniform(seed, row, col):
    # splitmix64 over the pixel's place: windows that overlap agree, and no state is carried along
    x = seed + (np.uint64(row) << np.uint64(32)) + np.uint64(col) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (np.float64(x >> np.uint64(11)) + 0.5) / 9007199254740992.0


@typing.no_type_check
@njit(cache=True, inline="always")
def _poisson(mean, uniform):
    # inversion: the quantile of one uniform number, so that a pixel needs only one
    if mean > 60.0:
        mean, scale = 60.0, mean / 60.0
    else:
        scale = 1.0
    term = np.exp(-mean)
    total, count = term, 0
    while uniform > total and count < 200:
        count += 1
        term *= mean / count
        total += term
    return count * scale


@typing.no_type_check
@njit(cache=True, inline="always")
def _bilinear(grid, row, col):
    r, c = int(row), int(col)
    fr, fc = row - r, col - c
    upper = grid[r, c] * (1 - fc) + grid[r, c + 1] * fc
    return upper * (1 - fr) + (grid[r + 1, c] * (1 - fc) + grid[r + 1, c + 1] * fc) * fr


@typing.no_type_check
@njit(cache=True)
def _darken_cortex(
    depth, face, weights, side, this_side, faces, scores, best, boundaries, log_density, coverage, cell_area,
    spacing_um, illumination, step_px, seed, darkness,
):  # fmt: skip
    pixel_um2 = spacing_um * spacing_um
    share = np.zeros(3)
    for row in range(depth.shape[0]):
        for col in range(depth.shape[1]):
            if side[row, col] != this_side:
                continue
            a, b, c = faces[face[row, col]]
            wa, wb, wc = weights[row, col]
            layer, start, stop = 0, 0.0, 1.0
            for k in range(5):
                border = wa * boundaries[a, k] + wb * boundaries[b, k] + wc * boundaries[c, k]
                if depth[row, col] < border:
                    stop = border
                    break
                layer, start = k + 1, border
            along = (depth[row, col] - start) / max(stop - start, 1e-6)
            entry = layer * SAMPLES + min(max(int(along * SAMPLES), 0), SAMPLES - 1)
            columns = (best[a], best[b], best[c])
            _shares(scores, a, b, c, wa, wb, wc, columns, share)
            cover = 0.0
            area = 0.0
            for k in range(3):
                cover += share[k] * coverage[columns[k], entry]
                area += share[k] * cell_area[columns[k], entry]
            deviation = wa * log_density[a, layer] + wb * log_density[b, layer] + wc * log_density[c, layer]
            cells = _poisson(cover * np.exp(deviation) * pixel_um2 / area, _uniform(seed, row, col))
            light = _bilinear(illumination, row / step_px, col / step_px)
            darkness[row, col] = light * (NEUROPIL_DARKNESS + CELL_DARKNESS * min(cells * area / pixel_um2, 1.0))


@typing.no_type_check
@njit(cache=True, inline="always")
def _shares(scores, a, b, c, wa, wb, wc, columns, share):
    # how much of each corner's cytoarchitecture is seen here; they sum to 1
    share[0], share[1], share[2] = 1.0, 0.0, 0.0
    if columns[0] == columns[1] and columns[0] == columns[2]:
        return
    top = -1e30
    for k in range(3):
        share[k] = wa * scores[a, columns[k]] + wb * scores[b, columns[k]] + wc * scores[c, columns[k]]
        top = max(top, share[k])
    sharp = True
    for k in range(3):
        if columns[k] != SHARP_PAIR[0] and columns[k] != SHARP_PAIR[1]:
            sharp = False
    scale = SHARP_SCALE_MM if sharp else BLEND_SCALE_MM
    total = 0.0
    for k in range(3):
        repeated = (k > 0 and columns[k] == columns[0]) or (k == 2 and columns[2] == columns[1])
        share[k] = 0.0 if repeated else np.exp((share[k] - top) / scale)
        total += share[k]
    for k in range(3):
        share[k] /= total


@typing.no_type_check
@njit(cache=True)
def _darken_white(white, spacing_um, illumination, step_px, seed, darkness):
    pixel_um2 = spacing_um * spacing_um
    mean = WHITE_COVERAGE * pixel_um2 / WHITE_CELL_AREA_UM2
    for row in range(white.shape[0]):
        for col in range(white.shape[1]):
            if white[row, col]:
                cells = _poisson(mean, _uniform(seed, row, col))
                light = _bilinear(illumination, row / step_px, col / step_px)
                cover = min(cells * WHITE_CELL_AREA_UM2 / pixel_um2, 1.0)
                darkness[row, col] = light * (WHITE_DARKNESS + CELL_DARKNESS * cover)
