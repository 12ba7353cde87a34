"""The fsaverage5 surfaces that come inside the nilearn wheel: a geometry that needs no download."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gennari.errors import InputError
from gennari.records import SIDES, Hemisphere, Side, TriangleMesh
from gennari.sources.gifti import read_surface
from gennari.surface.mesh import medial_wall, subdivide

_WORD: dict[Side, str] = {"L": "left", "R": "right"}


def fsaverage5_hemispheres(subdivisions: int = 1) -> tuple[Hemisphere, Hemisphere]:
    """Left and right hemisphere of fsaverage5 in its own space (BRAIN_MM here).

    Args:
        subdivisions: how often each face is split in four: 10,242 vertices a hemisphere without, 40,962 after one.

    Raises:
        InputError: nilearn is not installed, or its wheel no longer carries the files.
    """
    left, right = (_hemisphere(side, subdivisions) for side in SIDES)
    return left, right


def fsaverage5_sphere(side: Side, subdivisions: int = 1) -> Float[np.ndarray, "v 3"]:
    """Unit vectors of the registration sphere, row by row those of `fsaverage5_hemispheres`'s vertices."""
    vertices = _read(side, "sphere", subdivisions).vertices_mm
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True)


def _hemisphere(side: Side, subdivisions: int) -> Hemisphere:
    pial, white, inflated = (_read(side, name, subdivisions) for name in ("pial", "white", "infl"))
    return Hemisphere(side=side, pial=pial, white=white, inflated=inflated, medial_wall=medial_wall(pial, white))


def _read(side: Side, name: str, subdivisions: int) -> TriangleMesh:
    mesh = read_surface(_folder() / f"{name}_{_WORD[side]}.gii.gz")
    for _ in range(subdivisions):
        mesh, _parents = subdivide(mesh)
    return mesh


def _folder() -> Path:
    spec = find_spec("nilearn")  # finds the package without importing it, which takes seconds
    if spec is None or spec.origin is None:
        raise InputError("fsaverage5 comes with the package nilearn, which is not installed; pip install nilearn")
    return Path(spec.origin).parent / "datasets" / "data" / "fsaverage5"
