"""The cortical ribbon of a section: for each pixel the depth and the place on the surface (the kernel: prisms.py)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from gennari.records import Hemisphere, Ribbon, Section
from gennari.surface.contours import fill_polygons, plane_contours
from gennari.surface.planes import PlaneIndex, parts_met
from gennari.surface.prisms import rasterise

DEFAULT_SPACING_UM = 64.0


def cut_ribbon(
    hemispheres: Sequence[Hemisphere],
    section: Section,
    spacing_um: float = DEFAULT_SPACING_UM,
    index: PlaneIndex | None = None,
) -> Ribbon:
    """Cut the cortex of a brain with a section's plane.

    Faces whose three vertices all lie on the medial wall are no cortex. Where several prisms claim a pixel (surfaces
    that cross themselves or each other, prisms turned inside out) the rule is: a tetrahedron that is not inside out
    wins; then the one whose depth is nearest to 0.5, which splits the overlap of two banks where they are equally deep;
    then the earlier hemisphere, face, tetrahedron. A pixel claimed only by prisms inside out (pial below white) is
    cortex.

    Args:
        hemispheres: in BRAIN_MM.
        section: its plane, and the extent of its grid.
        spacing_um: of the ribbon's pixels; pixel centres are tested, so a pixel is cortex if its centre is.
        index: of the same hemispheres (`index_planes`), for whoever cuts a series; it changes nothing but the time.

    Returns:
        The ribbon on `section.grid_shape(spacing_um)`. `side` is "L" -> 0, "R" -> 1.

    Raises:
        ValueError: the spacing is not positive, or the index is of other hemispheres.
    """
    if not spacing_um > 0:
        raise ValueError(f"a ribbon needs a positive spacing, got {spacing_um} µm")
    shape = section.grid_shape(spacing_um)
    claims = np.zeros(shape)
    depth = np.full(shape, np.nan, np.float32)
    face = np.full(shape, -1, np.int32)
    weights = np.zeros((*shape, 3), np.float32)
    side = np.full(shape, -1, np.int8)
    handed = int(np.sign(np.linalg.det(section.to_brain.matrix[:3, :3])))
    for part in parts_met(hemispheres, section, index):
        pial, white = (_grid_px(mesh.vertices_mm, section, spacing_um) for mesh in (part.pial, part.white))
        prisms = (pial, white, part.pial.faces, part.face, part.wall, part.outward * handed)
        rasterise(*prisms, part.side, claims, depth, face, weights, side)
    return Ribbon(section=section.id, spacing_um=spacing_um, depth=depth, face=face, weights=weights, side=side)


def white_matter(
    hemispheres: Sequence[Hemisphere],
    section: Section,
    spacing_um: float = DEFAULT_SPACING_UM,
    ribbon: Ribbon | None = None,
    index: PlaneIndex | None = None,
) -> Bool[np.ndarray, "h w"]:
    """Pixels inside a white surface that are not cortex.

    Where a white surface overlaps itself the pixel stays inside.

    Args:
        hemispheres: in BRAIN_MM.
        section: its plane, and the extent of its grid.
        spacing_um: of the grid.
        ribbon: of the same section and spacing, if at hand; cut anew otherwise.
        index: as `cut_ribbon` takes it.

    Raises:
        ValueError: the ribbon given is another section's, or of another spacing; or as `cut_ribbon`.
        InputError: a white surface whose faces are not oriented alike.
    """
    ribbon = ribbon or cut_ribbon(hemispheres, section, spacing_um, index)
    if (ribbon.section, ribbon.spacing_um) != (section.id, spacing_um):
        raise ValueError(
            f"the ribbon must be that of section {section.id} at {spacing_um:g} µm, "
            f"got section {ribbon.section} at {ribbon.spacing_um:g} µm"
        )
    shape = section.grid_shape(spacing_um)
    inside = np.zeros(shape, bool)
    for part in parts_met(hemispheres, section, index):
        rings = [ring / spacing_um for ring in plane_contours(part.white, section)]
        inside |= fill_polygons(rings, shape, "winding")
    return inside & ~ribbon.cortex


def ribbon_points_mm(
    ribbon: Ribbon,
    hemispheres: Sequence[Hemisphere],
    rows: Int[np.ndarray, "n"],
    cols: Int[np.ndarray, "n"],
) -> Float[np.ndarray, "n 3"]:
    """Where the depth and place of cortex pixels lie in BRAIN_MM: the way back, which must end at the pixel's centre.

    Args:
        ribbon: as cut from `hemispheres`.
        hemispheres: the same as were cut, in any order.
        rows: of the pixels.
        cols: of the pixels.

    Raises:
        ValueError: a pixel is not cortex.
    """
    side = ribbon.side[rows, cols]
    if (side < 0).any():
        bad = int(np.flatnonzero(side < 0)[0])
        raise ValueError(f"ribbon points must be cortex; pixel ({rows[bad]}, {cols[bad]}) is not")
    points = np.empty((len(rows), 3))
    for hemisphere in hemispheres:
        chosen = np.flatnonzero(side == (0 if hemisphere.side == "L" else 1))
        r, c = rows[chosen], cols[chosen]
        corners = hemisphere.pial.faces[ribbon.face[r, c]]
        weights = ribbon.weights[r, c].astype(float)
        white = _white_share(corners, weights, ribbon.depth[r, c].astype(float))
        points[chosen] = np.einsum("nc,ncx->nx", weights - white, hemisphere.pial.vertices_mm[corners])
        points[chosen] += np.einsum("nc,ncx->nx", white, hemisphere.white.vertices_mm[corners])
    return points


def _white_share(
    corners: Int[np.ndarray, "n 3"], weights: Float[np.ndarray, "n 3"], depth: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n 3"]:
    """How much of each corner's weight is its white vertex: depth fills the corners from the highest index down.

    This inverts (tetrahedron, coordinates) -> (depth, weights): the first tetrahedron has white only at c, the second
    at c (all of it) and b, the third at c and b (all of it) and a.
    """
    order = np.argsort(-corners, axis=1)
    sorted_weights = np.take_along_axis(weights, order, axis=1)
    before = np.cumsum(sorted_weights, axis=1) - sorted_weights
    share = np.clip(depth[:, None] - before, 0, sorted_weights)
    white = np.empty_like(share)
    np.put_along_axis(white, order, share, axis=1)
    return white


def _grid_px(points_mm: Float[np.ndarray, "v 3"], section: Section, spacing_um: float) -> Float[np.ndarray, "v 3"]:
    """Points as (row, col, across) in units of pixels, counted from the centre of pixel (0, 0)."""
    return section.section_um(points_mm.astype(float)) / spacing_um - np.array([0.5, 0.5, 0.0])
