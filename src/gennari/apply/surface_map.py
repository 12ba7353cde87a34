"""From labelled sections back to the cortical surface: each ribbon pixel votes on the vertices of its face."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Integer, UInt8
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gennari.records import IGNORE, Hemisphere, Ribbon
from gennari.surface.mesh import adjacency


@dataclass(frozen=True, kw_only=True)
class SurfaceMap:
    """Classes on the vertices of one hemisphere.

    Attributes:
        labels: most probable class; IGNORE where no pixel voted, and on the medial wall.
        probabilities: share of the votes for each class; 0 where no pixel voted.
        coverage: votes, in ribbon pixels (a pixel's vote is shared by the three vertices of its face).
    """

    labels: UInt8[np.ndarray, "v"]
    probabilities: Float32[np.ndarray, "v c"]
    coverage: Float32[np.ndarray, "v"]


def surface_maps(
    sections: Iterable[tuple[Ribbon, Float[np.ndarray, "c h w"], float]],
    hemispheres: tuple[Hemisphere, Hemisphere],
    classes: int,
    depth: tuple[float, float] = (0.0, 1.0),
) -> tuple[SurfaceMap, SurfaceMap]:
    """Gather many sections' predictions on the left and right surface.

    A ribbon pixel takes the prediction of the map pixel its centre lies in and gives it to the three vertices of its
    face by its weights there. Pixels without any prediction (all classes 0) do not vote.

    Args:
        sections: (ribbon, class probabilities (c, h, w), their spacing in µm), one at a time.
        hemispheres: left and right.
        classes: number of classes c.
        depth: only pixels with a depth in this closed range vote.

    Raises:
        ValueError: a map has another number of classes, or does not cover the section its ribbon covers.
    """
    votes = [np.zeros((len(hemisphere.medial_wall), classes)) for hemisphere in hemispheres]
    for ribbon, probabilities, spacing_um in sections:
        if len(probabilities) != classes:
            raise ValueError(
                f"every map must have {classes} classes, that of section {ribbon.section} has {len(probabilities)}"
            )
        inside = (ribbon.depth >= depth[0]) & (ribbon.depth <= depth[1])
        for s, hemisphere in enumerate(hemispheres):
            rows, cols = np.nonzero(inside & (ribbon.side == s))
            given = _sampled(ribbon, probabilities, spacing_um, rows, cols)  # (n, c)
            votes[s] += vertex_shares(ribbon.face[rows, cols], ribbon.weights[rows, cols], hemisphere) @ given
    left, right = (_counted(v, h) for v, h in zip(votes, hemispheres, strict=True))
    return left, right


def one_hot(labels: Integer[np.ndarray, "h w"], classes: int) -> Float32[np.ndarray, "c h w"]:
    """Class indices as probabilities; IGNORE becomes no prediction."""
    return (labels[None] == np.arange(classes)[:, None, None]).astype(np.float32)


def filled(surface_map: SurfaceMap, hemisphere: Hemisphere, reach_mm: float) -> SurfaceMap:
    """Give vertices between sections the prediction of the nearest vertex that has one, up to a reach.

    Nearest along the edges of the mid surface, which overrates distances by about a tenth but does not leap over a
    sulcus. Coverage stays as it is: 0 tells a filled vertex. The medial wall is not filled and not crossed.
    """
    seen = surface_map.labels != IGNORE
    if not seen.any():
        return surface_map
    take = _nearest_known(seen, hemisphere, reach_mm)
    return SurfaceMap(
        labels=surface_map.labels[take],
        probabilities=surface_map.probabilities[take],
        coverage=surface_map.coverage,
    )


def vertex_means(
    values: Float[np.ndarray, "n"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
    hemisphere: Hemisphere,
    reach_mm: float = 0.0,
) -> Float[np.ndarray, "v"]:
    """Means at the vertices of values known at places, each place counting by its weights in its face.

    Vertices without a place take the value of the nearest that has one, up to a reach, as `filled` has it; beyond, and
    on the medial wall, they are NaN. Values that are NaN do not count.

    Args:
        values: of each place.
        face: it lies in.
        weights: in that face.
        hemisphere: whose faces these are.
        reach_mm: along the edges of the mid surface.
    """
    known = np.isfinite(values)
    shares = vertex_shares(face[known], weights[known], hemisphere)
    total, weight = shares @ values[known], shares.sum(axis=1)
    means = np.divide(total, weight, out=np.full(len(total), np.nan), where=(weight > 0) & ~hemisphere.medial_wall)
    return means[_nearest_known(np.isfinite(means), hemisphere, reach_mm)]


def vertex_majority(
    labels: Int[np.ndarray, "n"],
    face: Int[np.ndarray, "n"],
    weights: Float[np.ndarray, "n 3"],
    hemisphere: Hemisphere,
    reach_mm: float = 0.0,
) -> Int[np.ndarray, "v"]:
    """The label most places around a vertex bear, of equal ones the lowest; else as `vertex_means`, -1 for NaN."""
    known = labels >= 0
    count = int(labels.max(initial=0)) + 1
    given = (labels[known][:, None] == np.arange(count)).astype(float)
    votes = vertex_shares(face[known], weights[known], hemisphere) @ given
    has = (votes.sum(axis=1) > 0) & ~hemisphere.medial_wall
    return np.where(has, votes.argmax(axis=1), -1)[_nearest_known(has, hemisphere, reach_mm)]


def vertex_shares(face: np.ndarray, weights: np.ndarray, hemisphere: Hemisphere) -> csr_array:
    """(v, n) weights of places at the vertices of their faces."""
    places = np.repeat(np.arange(len(face)), 3)
    vertices = hemisphere.pial.faces[face].ravel()
    return csr_array(
        (weights.ravel().astype(float), (vertices, places)), shape=(len(hemisphere.medial_wall), len(face))
    )


def _nearest_known(known: Bool[np.ndarray, "v"], hemisphere: Hemisphere, reach_mm: float) -> Int[np.ndarray, "v"]:
    """For each vertex the nearest known one along the mid surface's edges; itself where none is in reach."""
    take, seen = np.arange(len(known)), np.flatnonzero(known & ~hemisphere.medial_wall)
    if not seen.size:
        return take
    cortex = np.flatnonzero(~hemisphere.medial_wall)
    graph = adjacency(hemisphere.mid)[cortex][:, cortex]
    indices = np.searchsorted(cortex, seen)
    reached, _, source = dijkstra(graph, indices=indices, min_only=True, limit=reach_mm, return_predecessors=True)
    take[cortex[np.isfinite(reached)]] = cortex[source[np.isfinite(reached)]]
    return take


def _sampled(
    ribbon: Ribbon, probabilities: np.ndarray, spacing_um: float, rows: np.ndarray, cols: np.ndarray
) -> np.ndarray:
    """Predictions (n, c) at the centres of ribbon pixels; both grids start at the section's corner."""
    covered = np.array(probabilities.shape[1:]) * spacing_um
    missing = np.array(ribbon.depth.shape) * ribbon.spacing_um - covered
    if (missing >= ribbon.spacing_um + spacing_um).any():
        raise ValueError(
            f"a map must cover its section: that of section {ribbon.section} covers {covered.tolist()} µm at "
            f"{spacing_um} µm a pixel and falls {missing.max():.0f} µm short; is the spacing right?"
        )
    r, c = (
        np.minimum(((index + 0.5) * ribbon.spacing_um / spacing_um).astype(int), size - 1)
        for index, size in zip((rows, cols), probabilities.shape[1:], strict=True)
    )
    return probabilities[:, r, c].T.astype(float)


def _counted(votes: np.ndarray, hemisphere: Hemisphere) -> SurfaceMap:
    votes = np.where(hemisphere.medial_wall[:, None], 0, votes)
    coverage = votes.sum(axis=1)
    probabilities = votes / np.where(coverage > 0, coverage, 1)[:, None]
    labels = np.where(coverage > 0, votes.argmax(axis=1), IGNORE)
    return SurfaceMap(
        labels=labels.astype(np.uint8),
        probabilities=probabilities.astype(np.float32),
        coverage=coverage.astype(np.float32),
    )
