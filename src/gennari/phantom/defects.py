"""Shapes of what spoils a section: cracks, folds, lost pieces of tissue, dust and fibres.

A section is mounted by hand: it cracks as it dries, wrinkles where it is laid down unevenly, loses pieces at its edge,
and catches dust (BigBrain's sections were mended of tears, folds and missing tissue for these reasons: Amunts et al.
2013). Sizes are ours, judged on histological sections, not measured. Shapes are outlines on the section's plane, so
that they can be drawn at any spacing; where they lie depends on nothing but tissue being near.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from gennari.phantom.individual import Individual
from gennari.records import Section

NEAR_UM, ENOUGH = 500.0, 50
"""Columns of cortex this near to the plane are taken for columns in it; at least so many, the nearest."""
CRACK_LENGTH_UM, CRACK_WIDTH_UM, CRACK_STEP_UM = (2e3, 20e3), (20.0, 300.0), 10.0
THIN_UM = 20.0
"""Cracks of this half width and less are jagged to the finest step, wider ones in proportion less."""
FROM_SURFACE = 0.6
"""Share of cracks that open at the pial surface; the others lie in white matter."""
FOLD_LENGTH_UM, FOLD_WIDTH_UM, FOLD_STEP_UM = (3e3, 15e3), (100.0, 400.0), 25.0
PIECE_UM, PIECE_STEP_UM = (2e3, 8e3), 20.0
SPECK_UM, FIBRE_SHARE, FIBRE_LENGTH_UM, FIBRE_WIDTH_UM = (10.0, 150.0), 0.15, (300.0, 3e3), (6.0, 16.0)
OPENING_UM = 250.0
"""Cracks that open at the surface begin this far outside it: vertices near the plane are not on the surface's line."""
GLASS_UM = 3e3
"""Dust falls this far around the tissue, too."""


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A band along a line: (row, col) in µm, and how far it reaches to the left and to the right of each point."""

    points_um: Float[np.ndarray, "n 2"]
    half_width_um: Float[np.ndarray, "n 2"]

    @cached_property
    def outline_um(self) -> Float[np.ndarray, "m 2"]:
        """The band's edge, a ring without the first point repeated."""
        along = np.gradient(self.points_um, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        side = np.column_stack([-along[:, 1], along[:, 0]])
        left = self.points_um + side * self.half_width_um[:, :1]
        right = self.points_um - side * self.half_width_um[:, 1:]
        return np.concatenate([left, right[::-1]])


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A piece of the plane: its outline (row, col) in µm, a ring without the first point repeated."""

    outline_um: Float[np.ndarray, "n 2"]


@dataclass(frozen=True, kw_only=True)
class TissueInPlane:
    """Columns of cortex near a section's plane: where their pial and white ends lie on it (row, col), µm."""

    pial_um: Float[np.ndarray, "n 2"]
    white_um: Float[np.ndarray, "n 2"]

    def draw(self, rng: np.random.Generator) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"], float]:
        """A column by chance: its pial end, its white end and the direction inwards (radians from +row to +col)."""
        chosen = int(rng.integers(len(self.pial_um)))
        pial, white = self.pial_um[chosen], self.white_um[chosen]
        return pial, white, float(np.arctan2(white[1] - pial[1], white[0] - pial[0]))


def tissue_in_plane(individual: Individual, section: Section) -> TissueInPlane:
    """The columns of cortex within 0.5 mm of the plane, or the nearest 50 if there are fewer."""
    ends = []
    for hemisphere in individual.hemispheres:
        pial, white = (section.section_um(m.vertices_mm.astype(float)) for m in (hemisphere.pial, hemisphere.white))
        ends.append(np.stack([pial, white], axis=1)[~hemisphere.medial_wall])
    columns = np.concatenate(ends)
    off = np.abs(columns[:, :, 2].mean(axis=1))
    reach = max(NEAR_UM, float(np.partition(off, ENOUGH - 1)[ENOUGH - 1]))
    near = columns[off <= reach]
    return TissueInPlane(pial_um=near[:, 0, :2], white_um=near[:, 1, :2])


def crack(rng: np.random.Generator, tissue: TissueInPlane) -> Stroke:
    """A jagged slit, open at the surface or closed at both ends in white matter; strands of tissue bridge it."""
    pial, white, inwards = tissue.draw(rng)
    length = _between(rng, CRACK_LENGTH_UM)
    steps = int(length / CRACK_STEP_UM)
    along = np.linspace(0, 1, steps)
    opens = rng.random() < FROM_SURFACE
    if opens:
        start, heading = pial - OPENING_UM * _unit(inwards), inwards + 0.3 * rng.normal()
        taper = (1 - along) ** 0.7
    else:
        start = white + rng.uniform(0, 2e3) * _unit(inwards)
        heading = inwards + rng.uniform(-1.2, 1.2)
        taper = np.sqrt(np.maximum(np.sin(np.pi * along), 0))
    widest = 0.5 * _between(rng, CRACK_WIDTH_UM)
    # fine kinks only as far as the band is thin enough not to cross itself in them
    fine = min(1.0, THIN_UM / widest)
    kinks = fine * (0.4 * smooth_noise(rng, steps, 1.2) + 0.35 * smooth_noise(rng, steps, 4.0))
    bends = heading + 0.35 * smooth_noise(rng, steps, 120.0) + 0.45 * smooth_noise(rng, steps, 15.0) + kinks
    rough = 0.25 * smooth_noise(rng, steps, 12.0, 2) + (0.03 + 0.17 * fine) * smooth_noise(rng, steps, 1.5, 2)
    bridges = np.clip((smooth_noise(rng, steps, 25.0) + 1.7) / 0.8, 0, 1)
    half = widest * (taper * bridges)[:, None] * np.exp(rough)
    return Stroke(points_um=_path(start, bends, CRACK_STEP_UM), half_width_um=half)


def fold(rng: np.random.Generator, tissue: TissueInPlane) -> Stroke:
    """A wrinkle: a smoothly bent band with even edges, pointed at both ends, that starts near the cortex."""
    pial, white, inwards = tissue.draw(rng)
    steps = int(_between(rng, FOLD_LENGTH_UM) / FOLD_STEP_UM)
    along = np.linspace(0, 1, steps)
    start = pial + rng.uniform(-0.3, 1) * (white - pial)
    heading = inwards + 0.7 * rng.normal()
    bends = heading + rng.uniform(-1, 1) * along + 0.2 * smooth_noise(rng, steps, 60.0)
    taper = np.maximum(np.sin(np.pi * along), 0) ** 0.8
    half = 0.5 * _between(rng, FOLD_WIDTH_UM) * taper[:, None] * np.exp(0.15 * smooth_noise(rng, steps, 25.0, 2))
    return Stroke(points_um=_path(start, bends, FOLD_STEP_UM), half_width_um=half)


def lost_piece(rng: np.random.Generator, tissue: TissueInPlane) -> Blob:
    """A piece broken out of the tissue's edge: about two thirds of its outline lie inside."""
    pial, _, inwards = tissue.draw(rng)
    size = _between(rng, PIECE_UM)
    centre = pial + 0.15 * size * _unit(inwards)
    return _ragged(rng, centre, size, int(np.pi * size / PIECE_STEP_UM), 0.2, 1.35)


def speck(rng: np.random.Generator, tissue: TissueInPlane) -> Blob | Stroke:
    """A grain of dust, now and then a fibre; it falls on tissue and glass alike."""
    low, high = tissue.pial_um.min(axis=0) - GLASS_UM, tissue.pial_um.max(axis=0) + GLASS_UM
    place = rng.uniform(low, high)
    if rng.random() >= FIBRE_SHARE:
        return _ragged(rng, place, _between(rng, SPECK_UM), 64, 0.25, 0.8)
    steps = int(_between(rng, FIBRE_LENGTH_UM) / CRACK_STEP_UM)
    along = np.linspace(-1, 1, steps)
    bends = rng.uniform(0, 2 * np.pi) + rng.normal() * along + 0.8 * smooth_noise(rng, steps, 30.0)
    half = np.full((steps, 2), 0.5 * _between(rng, FIBRE_WIDTH_UM))
    return Stroke(points_um=_path(place, bends, CRACK_STEP_UM), half_width_um=half)


def area_mm2(shape: Stroke | Blob) -> float:
    """What a shape covers."""
    row, col = shape.outline_um.T
    return 0.5e-6 * abs(float(row @ np.roll(col, -1) - col @ np.roll(row, -1)))


def smooth_noise(rng: np.random.Generator, steps: int, length: float, count: int = 1) -> Float[np.ndarray, "..."]:
    """Gaussian noise of unit variance along a line, smoothed over `length` steps: (steps,), or (steps, count)."""
    white = rng.normal(size=(steps, count))
    noise = gaussian_filter1d(white, length, axis=0) * np.sqrt(2 * np.sqrt(np.pi) * length)
    return noise[:, 0] if count == 1 else noise


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    # evenly in the logarithm: small things are more frequent
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def _unit(angle: float) -> Float[np.ndarray, "2"]:
    return np.array([np.cos(angle), np.sin(angle)])


def _path(start: Float[np.ndarray, "2"], heading: Float[np.ndarray, "n"], step: float) -> Float[np.ndarray, "n 2"]:
    moves = step * np.column_stack([np.cos(heading), np.sin(heading)])
    return start + np.cumsum(moves, axis=0) - moves[0]


def _ragged(
    rng: np.random.Generator, centre: Float[np.ndarray, "2"], size: float, points: int, sd: float, slope: float
) -> Blob:
    """A ragged disc of about this size: the logarithm of its radius is noise whose waves fall as order^-slope."""
    order = np.arange(points // 2 + 1)
    weight = np.where(order > 0, np.maximum(order, 1.0) ** -slope, 0.0)
    noise = np.fft.irfft(weight * np.exp(2j * np.pi * rng.random(len(order))) * rng.rayleigh(size=len(order)), points)
    radius = 0.5 * size * np.exp(sd * noise * points / (2 * np.linalg.norm(weight)))
    angle = 2 * np.pi * np.arange(points) / points
    stretch, turn = rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
    long, wide = radius * np.cos(angle), stretch * radius * np.sin(angle)
    ring = np.outer(long, _unit(turn)) + np.outer(wide, _unit(turn + np.pi / 2))
    return Blob(outline_um=centre + ring)
