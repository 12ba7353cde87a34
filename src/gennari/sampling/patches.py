"""Where patches are taken from: non-oblique mid cortex, uniformly over the surface, upright."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int, Int8, Int32
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial import KDTree

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.records import Hemisphere, PatchTable, Ribbon, Section
from gennari.sampling.split import Split
from gennari.sampling.upright import upright_rotation_deg
from gennari.surface.curvature import mean_curvature_per_mm
from gennari.surface.mesh import interpolate, vertex_normals

MIN_THICKNESS_MM = 0.3
"""Thinner cortex is taken for this thick, so that a place where the surfaces meet does not draw all patches."""
SPARE = 4
"""With a minimal distance, this many times the wanted patches are drawn and thinned."""


class PatchSettings(BaseModel):
    """How patches are placed.

    Attributes:
        count: patches of one brain, over all splits.
        mid_tolerance: centres have |depth - 0.5| of at most this.
        min_plane_angle_deg: least angle between mid surface normal and section normal (45: |n·across| <= cos 45°).
        min_distance_mm: least distance between two centres (straight, in BRAIN_MM); 0 asks for none.
        orientation: "upright" (pia above), "none" (as the section lies) or "random".
        upright_window_um: side of the square over which the depth gradient is averaged.
        ribbon_spacing_um: of the ribbons the centres are taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=6000, ge=1)
    mid_tolerance: float = Field(default=0.05, gt=0, le=0.5)
    min_plane_angle_deg: float = Field(default=45.0, ge=0, lt=90)
    min_distance_mm: float = Field(default=0.0, ge=0)
    orientation: Literal["upright", "none", "random"] = "upright"
    upright_window_um: float = Field(default=1600.0, gt=0)
    ribbon_spacing_um: float = Field(default=64.0, gt=0)


@dataclass(frozen=True, kw_only=True)
class CortexValues:
    """What sampling asks of each vertex of a hemisphere.

    Attributes:
        inward_mm: from pial to white, BRAIN_MM.
        thickness_mm: length of `inward_mm` along the mid surface's normal, at least MIN_THICKNESS_MM.
    """

    faces: Int32[np.ndarray, "f 3"]
    normal: Float[np.ndarray, "v 3"]
    inward_mm: Float[np.ndarray, "v 3"]
    thickness_mm: Float[np.ndarray, "v"]
    inflated_mm: Float[np.ndarray, "v 3"]
    curvature_per_mm: Float[np.ndarray, "v"]


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Ribbon pixels of one section that may be a patch's centre.

    Attributes:
        area_weight: proportional to the surface area the pixel stands for.
    """

    rows: Int[np.ndarray, "n"]
    cols: Int[np.ndarray, "n"]
    side: Int8[np.ndarray, "n"]
    face: Int32[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 3"]
    plane_angle_deg: Float[np.ndarray, "n"]
    area_weight: Float[np.ndarray, "n"]


def cortex_values(hemisphere: Hemisphere) -> CortexValues:
    """What sampling asks of each vertex, computed once for a hemisphere."""
    normal = vertex_normals(hemisphere.mid)
    inward = (hemisphere.white.vertices_mm - hemisphere.pial.vertices_mm).astype(float)
    return CortexValues(
        faces=hemisphere.pial.faces,
        normal=normal,
        inward_mm=inward,
        thickness_mm=np.maximum(np.abs((inward * normal).sum(axis=1)), MIN_THICKNESS_MM),
        inflated_mm=hemisphere.mirrored_inflated_mm,
        curvature_per_mm=mean_curvature_per_mm(hemisphere.mid),
    )


def section_candidates(
    ribbon: Ribbon, cortices: tuple[CortexValues, CortexValues], section: Section, settings: PatchSettings
) -> Candidates:
    """Pixels of mid cortex that is cut steeply enough.

    Weights: a pixel of the band |depth - 0.5| <= t stands for the same volume wherever it lies, and that volume is
    surface area times 2 t thickness. Its share of the surface is therefore 1 / thickness. Obliqueness needs no weight:
    an oblique cut widens the band by the factor by which it thins the surface out along the section.

    Raises:
        ValueError: the ribbon has another spacing than the settings say, or is of another section.
    """
    if ribbon.spacing_um != settings.ribbon_spacing_um or ribbon.section != section.id:
        raise ValueError(
            f"patches of section {section.id} are placed on its ribbon at {settings.ribbon_spacing_um} µm, "
            f"got the ribbon of section {ribbon.section} at {ribbon.spacing_um} µm"
        )
    rows, cols = np.nonzero(np.abs(ribbon.depth - 0.5) <= settings.mid_tolerance)
    side, face, weights = (column[rows, cols] for column in (ribbon.side, ribbon.face, ribbon.weights))
    angle = _plane_angle_deg(_at(cortices, "normal", side, face, weights), section)
    steep = angle >= settings.min_plane_angle_deg
    thickness = _at(cortices, "thickness_mm", side, face, weights)[steep]
    return Candidates(
        rows=rows[steep],
        cols=cols[steep],
        side=side[steep],
        face=face[steep],
        weights=weights[steep],
        plane_angle_deg=angle[steep],
        area_weight=1.0 / thickness,
    )


def sample_patches(
    ribbons: Iterable[tuple[Section, Ribbon]],
    hemispheres: tuple[Hemisphere, Hemisphere],
    split: Mapping[int, Split],
    settings: PatchSettings,
    rng: np.random.Generator,
    tick: Report | None = None,
) -> PatchTable:
    """Draw patches from the sections of one brain, uniformly over the surface that lies in them.

    Weighted sampling without replacement in one pass (each candidate gets an exponential key over its weight, the
    smallest keys win; Efraimidis and Spirakis 2006), so `ribbons` may be a generator and memory holds one ribbon.
    Taking a large share of all places evens their weights out: keep the count well below the number of places.
    Rows come out ordered by section, row and column; sections of split "guard" give none.

    Raises:
        InputError: the sections hold fewer places than `settings.count`.
        ValueError: a section is in no split.
    """
    cortices = (cortex_values(hemispheres[0]), cortex_values(hemispheres[1]))
    want = settings.count * (SPARE if settings.min_distance_mm else 1)
    tables: list[PatchTable] = []
    keys = np.zeros(0)
    for done, (section, ribbon) in enumerate(ribbons, start=1):
        if section.id not in split:
            raise ValueError(f"every section needs a split, section {section.id} of {section.brain} has none")
        if split[section.id] != "guard":
            candidates = section_candidates(ribbon, cortices, section, settings)
            drawn = rng.exponential(size=len(candidates.rows)) / candidates.area_weight
            chosen = np.sort(_winners(drawn, keys, want))
            tables.append(_patches_at(candidates, chosen, ribbon, cortices, section, split[section.id], settings, rng))
            keys = np.concatenate([keys, drawn[chosen]])
        if tick is not None:
            tick(Tick("places", done, len(split), f"section {section.id}"))
    order = np.argsort(keys)[:want]
    table = _concatenated(tables).take(order) if tables else None
    kept = _thinned(table.brain_mm, settings) if table is not None else np.zeros(0, int)
    if table is None or len(kept) < settings.count:
        raise InputError(
            f"{settings.count} patches were asked for, but only {len(kept)} places of non-oblique mid cortex at least "
            f"{settings.min_distance_mm} mm apart were found; lower the count or the distance, or add sections"
        )
    table = table.take(kept)
    return table.take(np.lexsort((table.centre_um[:, 1], table.centre_um[:, 0], table.section)))


def _at(
    cortices: tuple[CortexValues, CortexValues],
    name: Literal["normal", "inward_mm", "thickness_mm", "inflated_mm", "curvature_per_mm"],
    side: np.ndarray,
    face: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    values = [getattr(cortex, name) for cortex in cortices]
    out = np.empty((len(side), *values[0].shape[1:]))
    for s, cortex in enumerate(cortices):
        here = side == s
        out[here] = interpolate(values[s], cortex.faces, face[here], weights[here])
    return out


def _plane_angle_deg(normal: np.ndarray, section: Section) -> np.ndarray:
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    return np.degrees(np.arccos(np.clip(np.abs(normal @ section.normal) / length, 0, 1)))


def _winners(drawn: np.ndarray, keys: np.ndarray, want: int) -> np.ndarray:
    """Which of the newly drawn keys may still be among the `want` smallest of all."""
    everything = np.concatenate([keys, drawn])
    bound = np.partition(everything, want - 1)[want - 1] if len(everything) > want else np.inf
    return np.flatnonzero(drawn <= bound)


def _patches_at(
    candidates: Candidates,
    chosen: np.ndarray,
    ribbon: Ribbon,
    cortices: tuple[CortexValues, CortexValues],
    section: Section,
    split: Split,
    settings: PatchSettings,
    rng: np.random.Generator,
) -> PatchTable:
    n = len(chosen)
    rows, cols = candidates.rows[chosen], candidates.cols[chosen]
    place = candidates.side[chosen], candidates.face[chosen], candidates.weights[chosen]
    side, face, weights = place
    centre = (np.column_stack([rows, cols]) + 0.5) * ribbon.spacing_um
    if settings.orientation == "upright":
        to_section = section.to_brain.inverse().matrix[:2, :3]
        inward = _at(cortices, "inward_mm", *place) @ to_section.T
        rotation = upright_rotation_deg(ribbon, rows, cols, inward, settings.upright_window_um)
    else:
        rotation = rng.uniform(-180, 180, n) if settings.orientation == "random" else np.zeros(n)
    vertex = np.zeros(n, np.int32)
    for s, cortex in enumerate(cortices):
        here = side == s
        vertex[here] = cortex.faces[face[here], weights[here].argmax(axis=1)]
    return PatchTable(
        brain=np.full(n, section.brain),
        section=np.full(n, section.id, np.int32),
        side=side,
        centre_um=centre,
        face=face,
        weights=weights,
        vertex=vertex,
        brain_mm=section.brain_mm(centre),
        inflated_mm=_at(cortices, "inflated_mm", *place),
        plane_angle_deg=candidates.plane_angle_deg[chosen],
        rotation_deg=rotation,
        curvature_per_mm=_at(cortices, "curvature_per_mm", *place),
        split=np.full(n, split),
    )


def _concatenated(tables: list[PatchTable]) -> PatchTable:
    columns = PatchTable.__dataclass_fields__
    return PatchTable(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in columns})


def _thinned(points: np.ndarray, settings: PatchSettings) -> np.ndarray:
    """Rows to keep, in order, none nearer to an earlier one than the minimal distance."""
    if not settings.min_distance_mm:
        return np.arange(len(points))
    tree, free = KDTree(points), np.ones(len(points), bool)
    kept: list[int] = []
    for i in range(len(points)):
        if free[i] and len(kept) < settings.count:
            kept.append(i)
            free[tree.query_ball_point(points[i], settings.min_distance_mm)] = False
    return np.array(kept, int)
