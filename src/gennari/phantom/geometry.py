"""Where a phantom's surfaces come from: the bundled fsaverage5, or a folder of GIfTI files."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from gennari.errors import InputError
from gennari.phantom.anatomy import layout_from_landmarks, layout_from_probabilities
from gennari.phantom.individual import Geometry
from gennari.phantom.layers import AREAS
from gennari.records import SIDES, Hemisphere, TriangleMesh
from gennari.sources.bigbrain import LICENCE
from gennari.sources.fsaverage import fsaverage5_hemispheres, fsaverage5_sphere
from gennari.sources.gifti import columns_path, read_columns
from gennari.sources.surfaces import read_hemispheres, read_spheres

FSAVERAGE_LICENCE = "fsaverage5 surfaces as distributed with nilearn (FreeSurfer software licence)"


SPHERE_MM = 100.0
"""Radius of FreeSurfer's spheres."""


def fsaverage_geometry(subdivisions: int) -> Geometry:
    """fsaverage5, areas from landmarks, layers from the published tables."""
    left, right = fsaverage5_hemispheres(subdivisions)
    return Geometry(
        name="fsaverage5",
        hemispheres=(left, right),
        layouts=(layout_from_landmarks(left), layout_from_landmarks(right)),
        measured_boundaries=None,
        licence=FSAVERAGE_LICENCE,
        spheres=(_sphere(left, subdivisions), _sphere(right, subdivisions)),
    )


def _sphere(hemisphere: Hemisphere, subdivisions: int) -> TriangleMesh:
    unit = fsaverage5_sphere(hemisphere.side, subdivisions)
    return TriangleMesh(vertices_mm=SPHERE_MM * unit, faces=hemisphere.pial.faces)


def folder_geometry(folder: Path) -> Geometry:
    """A folder with hemi-{L,R}_{pial,white}.surf.gii, area probabilities and, if there, layer thicknesses.

    Raises:
        InputError: a file is missing or cannot be read, or the probability map lacks one of the thirteen areas.
    """
    left, right = read_hemispheres(folder)
    layouts, boundaries = [], []
    for side in SIDES:
        path = columns_path(folder, side, "probability")
        names, probability = read_columns(path)
        missing = [area for area in AREAS if area not in names]
        if missing:
            raise InputError(
                f"a phantom needs a probability column for each of its {len(AREAS)} areas; {path.name} has none for "
                f"{', '.join(missing)}; name the columns in the file's metadata as {', '.join(AREAS)}"
            )
        layouts.append(layout_from_probabilities(probability, names))
        thickness = columns_path(folder, side, "layer-thickness")
        boundaries.append(_boundaries(read_columns(thickness)[1]) if thickness.exists() else None)
    measured = None if boundaries[0] is None or boundaries[1] is None else (boundaries[0], boundaries[1])
    return Geometry(
        name=folder.resolve().name,
        hemispheres=(left, right),
        layouts=(layouts[0], layouts[1]),
        measured_boundaries=measured,
        licence=_licence(folder),
        spheres=read_spheres(folder),
    )


def _licence(folder: Path) -> str:
    stated = folder / "LICENSE"
    if stated.exists():
        return stated.read_text(encoding="utf-8").strip()
    if "bigbrain" in folder.resolve().name.lower():
        return LICENCE
    return f"as given with {folder.resolve().name}; ask its authors before passing on what is derived from it"


def _boundaries(thickness_mm: Float[np.ndarray, "v 6"]) -> Float[np.ndarray, "v 5"]:
    # measured totals and the pial-white distance agree only loosely: only the fractions are used
    total = thickness_mm.sum(axis=1, keepdims=True)
    known = (thickness_mm > 0).all(axis=1, keepdims=True)
    return np.where(known, np.cumsum(thickness_mm, axis=1)[:, :5] / np.maximum(total, 1e-9), np.nan)
