"""How well the inflated surface stands in for distances along the cortex, for sampling.json."""

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from gennari.errors import InputError
from gennari.records import Hemisphere, PairTable, PatchTable, TriangleMesh
from gennari.surface.correspondence import mirror_residual_mm, right_to_left
from gennari.surface.mesh import interpolate


def inflated_figures(
    hemispheres: tuple[Hemisphere, Hemisphere],
    patches: PatchTable,
    pairs: PairTable,
    spheres: tuple[TriangleMesh, TriangleMesh] | None,
) -> dict[str, object]:
    """Rank correlation of straight lines with distances along the cortex, by side, and how alike the two halves are.

    Returns:
        "spearman": by side, over pairs within it, straight lines on the inflated and on the pial surface (null with
        fewer than three pairs); "left_right_residual_mm" as `mirror_residual_mm`, null where nothing says which places
        correspond.
    """
    return {
        "spearman": {h.side: _spearman(h, side, patches, pairs) for side, h in enumerate(hemispheres)},
        "left_right_residual_mm": left_right_residual_mm(hemispheres, spheres),
    }


def left_right_residual_mm(
    hemispheres: tuple[Hemisphere, Hemisphere], spheres: tuple[TriangleMesh, TriangleMesh] | None
) -> float | None:
    """RMS distance of the mirrored right inflated surface from the left one; None without a correspondence."""
    try:
        to_left = right_to_left(hemispheres, spheres)
    except InputError:
        return None
    return mirror_residual_mm(hemispheres, to_left)


def _spearman(hemisphere: Hemisphere, side: int, patches: PatchTable, pairs: PairTable) -> dict[str, float | None]:
    chosen = np.flatnonzero((patches.side[pairs.first] == side) & (patches.side[pairs.second] == side))
    one, other, along = pairs.first[chosen], pairs.second[chosen], rankdata(pairs.distance_mm[chosen])
    surfaces = {"inflated": hemisphere.inflated, "pial": hemisphere.pial}
    if len(chosen) < 3:
        return dict.fromkeys(surfaces)
    ranks = {name: rankdata(_straight_mm(mesh, patches, one, other)) for name, mesh in surfaces.items()}
    return {name: float(np.corrcoef(straight, along)[0, 1]) for name, straight in ranks.items()}


def _straight_mm(mesh: TriangleMesh, patches: PatchTable, one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, "k"]:
    first, second = (
        interpolate(mesh.vertices_mm, mesh.faces, patches.face[i], patches.weights[i]) for i in (one, other)
    )
    return np.linalg.norm(first - second, axis=1)
