"""One individual: its own shape, borders, layers and stain, drawn from a seed."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, UInt8

from gennari.phantom.anatomy import Layout, draw_scores
from gennari.phantom.fields import WaveField, wave_field
from gennari.phantom.folding import fold
from gennari.phantom.gradients import trends
from gennari.phantom.layers import COLUMN_LABEL, ProfileTables, profile_tables
from gennari.phantom.settings import PhantomSettings
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.curvature import mean_curvature_per_mm

BOK = 0.12
"""Shift of the layer borders per unit of curvature times thickness: on a crown deep layers are thicker (Bok 1929)."""


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """What a hemisphere looks like, per vertex; all of it is linear inside a face.

    Attributes:
        scores: (v, c) evidence for each cytoarchitecture, mm.
        boundaries: (v, 5) depth of the inner layer borders.
        log_density: (v, 6) deviation of each layer's cell density from the area's, natural logarithm.
    """

    scores: Float32[np.ndarray, "v c"]
    boundaries: Float32[np.ndarray, "v 5"]
    log_density: Float32[np.ndarray, "v 6"]

    def labels(self) -> UInt8[np.ndarray, "v"]:
        """Class of each vertex."""
        return COLUMN_LABEL[self.scores.argmax(axis=1)]


@dataclass(frozen=True, kw_only=True)
class Individual:
    """A phantom brain.

    Attributes:
        hemispheres: left and right, folded and warped; `inflated` stays the geometry's, whose places areas and
            pretext coordinates refer to.
        tissue: of the left and right hemisphere.
        tables: profile tables, the same for all individuals.
        texture_seed: seeds the cells: noise is a function of it and the position.
        stain_gain: the brain's own tone.
    """

    name: str
    hemispheres: tuple[Hemisphere, Hemisphere]
    tissue: tuple[Tissue, Tissue]
    tables: ProfileTables
    texture_seed: int
    stain_gain: float


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """What individuals are made from: surfaces, layout and, where measured, layer borders, left and right.

    Attributes:
        spheres: registration spheres, whose vertices are those of the hemispheres and so of every individual.
    """

    name: str
    hemispheres: tuple[Hemisphere, Hemisphere]
    layouts: tuple[Layout, Layout]
    measured_boundaries: tuple[Float[np.ndarray, "v 5"], Float[np.ndarray, "v 5"]] | None
    licence: str
    spheres: tuple[TriangleMesh, TriangleMesh] | None = None


def make_individual(
    name: str, geometry: Geometry, settings: PhantomSettings, seed: np.random.SeedSequence
) -> Individual:
    """Draw one individual; the same seed gives the same brain.

    Raises:
        InputError: the settings ask for folds that surfaces cannot have (as `fold`).
    """
    shape_seed, left_seed, right_seed, stain_seed, *fold_seeds = seed.spawn(6)
    warp = _Warp.draw(np.random.default_rng(shape_seed), settings)
    tables = profile_tables(settings.area_contrast, settings.one_cytoarchitecture, settings.layer_order)
    folded = [
        fold(h, settings.sulcal_depth_sd, settings.folding_mm, np.random.default_rng(child))
        for h, child in zip(geometry.hemispheres, fold_seeds, strict=True)
    ]
    tissue = []
    for index, child in enumerate((left_seed, right_seed)):
        measured = None if geometry.measured_boundaries is None else geometry.measured_boundaries[index]
        tissue.append(make_tissue(geometry.layouts[index], folded[index], measured, tables, settings, child))
    stain = np.random.default_rng(stain_seed)
    left, right = (warp.hemisphere(h) for h in folded)
    return Individual(
        name=name,
        hemispheres=(left, right),
        tissue=(tissue[0], tissue[1]),
        tables=tables,
        texture_seed=int(stain.integers(2**31)),
        stain_gain=float(np.exp(settings.nuisance.brain_stain_sd * stain.normal())),
    )


def make_tissue(
    layout: Layout,
    hemisphere: Hemisphere,
    measured: Float[np.ndarray, "v 5"] | None,
    tables: ProfileTables,
    settings: PhantomSettings,
    seed: np.random.SeedSequence,
) -> Tissue:
    """Draw borders, layer thickness and cell density of one hemisphere.

    Layer borders are the areas' (or the measured ones, fractions of the cortex, NaN where unknown), moved by random
    fields and by Bok's rule.
    """
    rng = np.random.default_rng(seed)
    scores = draw_scores(layout, hemisphere, rng, settings.border_sd_mm, settings.phase_mm)
    mid = hemisphere.mid.vertices_mm
    boundaries = tables.boundaries[scores.argmax(axis=1)]
    if measured is not None:
        boundaries = np.where(np.isfinite(measured), measured, boundaries)
    boundaries = layer_borders(boundaries, wave_field(rng, 6, settings.long_mm)(mid), settings)
    local = np.linalg.norm(hemisphere.pial.vertices_mm - hemisphere.white.vertices_mm, axis=1)
    bend = np.clip(BOK * mean_curvature_per_mm(hemisphere.mid) * local, -0.1, 0.1)[:, None]
    boundaries = boundaries - 4 * bend * boundaries * (1 - boundaries)
    log_density = settings.gradient * trends(hemisphere)
    log_density = log_density + settings.density_sd * wave_field(rng, 6, settings.long_mm)(mid)
    log_density = log_density + settings.density_sd * wave_field(rng, 6, settings.short_mm)(mid)
    return Tissue(scores=scores, boundaries=boundaries.astype(np.float32), log_density=log_density.astype(np.float32))


def layer_borders(
    boundaries: Float[np.ndarray, "v 5"], deviation: Float32[np.ndarray, "v 6"], settings: PhantomSettings
) -> Float[np.ndarray, "v 5"]:
    """Layer borders with each layer made thicker or thinner; `deviation` has unit variance."""
    thickness = np.diff(boundaries, axis=1, prepend=0.0, append=1.0)
    thickness = thickness * np.exp(settings.boundary_sd * deviation)
    return np.cumsum(thickness, axis=1)[:, :5] / thickness.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class _Warp:
    """A smooth change of shape: scale per axis and a random displacement field."""

    scale: Float[np.ndarray, "3"]
    field: WaveField
    sd_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, settings: PhantomSettings) -> "_Warp":
        scale = 1.0 + settings.scale_sd * rng.normal(size=3)
        return cls(scale, wave_field(rng, 3, 30.0), settings.shape_sd_mm)

    def hemisphere(self, hemisphere: Hemisphere) -> Hemisphere:
        return replace(hemisphere, pial=self._mesh(hemisphere.pial), white=self._mesh(hemisphere.white))

    def _mesh(self, mesh: TriangleMesh) -> TriangleMesh:
        # the field is smooth over 30 mm: pial and white move together and the warp cannot fold
        moved = mesh.vertices_mm * self.scale + self.sd_mm * self.field(mesh.vertices_mm)
        return TriangleMesh(vertices_mm=moved.astype(float), faces=mesh.faces)
