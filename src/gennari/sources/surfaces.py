"""The hemispheres of a folder of surfaces, in whatever format they come, checked before anything is built on them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from gennari.errors import InputError
from gennari.records import SIDES, Hemisphere, Side, TriangleMesh
from gennari.sources.bigbrain import check_orientation
from gennari.sources.freesurfer import SurfaceSpace
from gennari.sources.gifti import (
    columns_path,
    read_columns,
    read_surface,
    surface_path,
    write_columns,
    write_surface,
)
from gennari.sources.surface_checks import check_nesting, check_sides, wound_outward
from gennari.sources.surface_files import find_surface, is_bigbrain_release, read_any_surface, surface_names
from gennari.surface.inflate import inflate
from gennari.surface.mesh import check_pair, medial_wall

HALF_TURN = np.array([-1.0, -1.0, 1.0])
"""About z: x and y change their signs, left and right stay each other's mirror images."""


def read_hemispheres(
    folder: Path, bigbrain: bool = False, freesurfer: SurfaceSpace = "scanner", turned: bool = False
) -> tuple[Hemisphere, Hemisphere]:
    """The left and right hemisphere of a folder of pial, white and perhaps inflated surfaces.

    GIfTI, FreeSurfer and MNI .obj files are found by name (`find_surface`). The medial wall is what
    `hemi-?_medial-wall.func.gii` says (not 0), else where `hemi-?_layer-thickness.func.gii` has no layer at all, else
    where pial and white coincide. A missing inflated surface is computed. Faces that wind inward are turned round,
    with a warning.

    Args:
        folder: where the files are.
        bigbrain: the surfaces claim to lie in BigBrain's space: their y range is checked too. Files named as in
            BigBrain's release claim it by that.
        freesurfer: in which space FreeSurfer's surfaces are wanted.
        turned: x and y of every vertex are negated before anything is checked, which is the mend for BigBrain's 2016
            release.

    Raises:
        InputError: a file is missing, there twice, half-written or of a reference space; pial and white do not
            correspond or are exchanged; left and right are swapped, or the brain is turned round (the 2016 BigBrain
            release).
    """
    if not folder.is_dir():
        raise InputError(f"{folder} must be a folder of surfaces, but there is none; check the path")
    files = {side: _found(folder, side, "pial") for side in SIDES}

    def read(path: Path, space: SurfaceSpace = freesurfer) -> TriangleMesh:
        mesh = read_any_surface(path, space)
        return replace(mesh, vertices_mm=mesh.vertices_mm * HALF_TURN) if turned else mesh

    said = " (turned as asked: leave that out if they lay right before)" if turned else ""
    pials: dict[Side, TriangleMesh] = {side: read(files[side]) for side in SIDES}
    for side in SIDES:
        if bigbrain or is_bigbrain_release(files[side]):
            check_orientation(pials[side].vertices_mm, f"{files[side]}{said}")
    check_sides(pials, f"{folder}{said}")
    left, right = (_read_hemisphere(folder, side, pials[side], read) for side in SIDES)
    return left, right


def read_spheres(folder: Path) -> tuple[TriangleMesh, TriangleMesh] | None:
    """The registration spheres hemi-{L,R}_sphere.surf.gii of a folder, None if it does not have both.

    Raises:
        InputError: as `read_surface`.
    """
    left, right = (surface_path(folder, side, "sphere") for side in SIDES)
    return (read_surface(left), read_surface(right)) if left.is_file() and right.is_file() else None


def write_spheres(folder: Path, spheres: tuple[TriangleMesh, TriangleMesh]) -> None:
    """Write registration spheres, left and right, so that `read_spheres` finds them."""
    for side, sphere in zip(SIDES, spheres, strict=True):
        write_surface(surface_path(folder, side, "sphere"), sphere, side)


def write_hemispheres(folder: Path, hemispheres: Sequence[Hemisphere]) -> None:
    """Write pial, white, inflated and the medial wall of hemispheres so that `read_hemispheres` finds them."""
    for hemisphere in hemispheres:
        side = hemisphere.side
        write_surface(surface_path(folder, side, "pial"), hemisphere.pial, side)
        write_surface(surface_path(folder, side, "white"), hemisphere.white, side)
        write_surface(surface_path(folder, side, "inflated"), hemisphere.inflated, side)
        wall = hemisphere.medial_wall.astype(np.float32)[:, None]
        write_columns(columns_path(folder, side, "medial-wall"), ["medial wall"], wall, side)


def _found(folder: Path, side: Side, name: str) -> Path:
    path = find_surface(folder, side, name)
    if path is None:
        raise InputError(
            f"{folder} must hold the {name} surface of side {side}, as {surface_names(side, name)}, but there is none; "
            "check the folder and the names"
        )
    return path


def _read_hemisphere(folder: Path, side: Side, pial: TriangleMesh, read: Callable[..., TriangleMesh]) -> Hemisphere:
    white = read(_found(folder, side, "white"))
    where = f"{folder}, hemisphere {side}"
    try:
        check_pair(pial, white)
        check_nesting(pial, white)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    wound_pial, wound_white = wound_outward(pial, white, where)
    return Hemisphere(
        side=side,
        pial=wound_pial,
        white=wound_white,
        inflated=_read_inflated(find_surface(folder, side, "inflated"), pial, wound_pial, wound_white, read),
        medial_wall=_read_wall(folder, side, pial, white),
    )


def _read_inflated(
    path: Path | None,
    pial: TriangleMesh,
    wound_pial: TriangleMesh,
    wound_white: TriangleMesh,
    read: Callable[..., TriangleMesh],
) -> TriangleMesh:
    if path is None:
        middle = 0.5 * (wound_pial.vertices_mm + wound_white.vertices_mm)
        return inflate(TriangleMesh(vertices_mm=middle, faces=wound_pial.faces))
    # its space is its own: it is centred on itself before anybody reads it, so tkRAS does as well
    inflated = read(path, "tkr")
    if not np.array_equal(inflated.faces, pial.faces):
        raise InputError(
            f"{path} must have the faces of the pial surface, but they differ; take it from the same reconstruction, "
            "or remove it to have one computed"
        )
    return replace(inflated, faces=wound_pial.faces)


def _read_wall(folder: Path, side: Side, pial: TriangleMesh, white: TriangleMesh) -> Bool[np.ndarray, "v"]:
    for name in ("medial-wall", "layer-thickness"):
        path = columns_path(folder, side, name)
        if not path.is_file():
            continue
        values = read_columns(path)[1]
        if len(values) != len(pial.vertices_mm):
            raise InputError(
                f"{path} must hold one row a vertex of the pial surface ({len(pial.vertices_mm)}), got {len(values)}; "
                "is it from the same reconstruction?"
            )
        return (values != 0).any(axis=1) if name == "medial-wall" else (values == 0).all(axis=1)
    return medial_wall(pial, white)
