"""Shapes whose answers are known in closed form."""

from collections.abc import Callable

import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import Hemisphere, Section, TriangleMesh
from gennari.surface.mesh import subdivide

MakeSphere = Callable[..., TriangleMesh]


def _sphere(radius_mm: float, level: int) -> TriangleMesh:
    t = (1 + 5**0.5) / 2
    corners = [(-1, t, 0), (1, t, 0), (-1, -t, 0), (1, -t, 0), (0, -1, t), (0, 1, t)]
    corners += [(0, -1, -t), (0, 1, -t), (t, 0, -1), (t, 0, 1), (-t, 0, -1), (-t, 0, 1)]
    rows = "0,11,5 0,5,1 0,1,7 0,7,10 0,10,11 1,5,9 5,11,4 11,10,2 10,7,6 7,1,8"
    rows += " 3,9,4 3,4,2 3,2,6 3,6,8 3,8,9 4,9,5 2,4,11 6,2,10 8,6,7 9,8,1"
    faces = np.array([row.split(",") for row in rows.split()], np.int32)
    mesh = TriangleMesh(vertices_mm=np.array(corners, float), faces=faces)
    for _ in range(level):
        mesh, _ = subdivide(mesh)
        lengths = np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
        mesh = TriangleMesh(vertices_mm=mesh.vertices_mm / lengths, faces=mesh.faces)
    lengths = np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    return TriangleMesh(vertices_mm=mesh.vertices_mm * radius_mm / lengths, faces=mesh.faces)


@pytest.fixture(scope="session")
def sphere() -> MakeSphere:
    """sphere(radius_mm, level): a subdivided icosahedron, vertices on the sphere, faces oriented outward."""
    return _sphere


@pytest.fixture(scope="session")
def shell() -> Callable[..., Hemisphere]:
    """shell(outer_mm, inner_mm, level): a thick sphere as a hemisphere, without a medial wall."""

    def make(outer_mm: float, inner_mm: float, level: int, side: str = "L") -> Hemisphere:
        pial, white = _sphere(outer_mm, level), _sphere(inner_mm, level)
        wall = np.zeros(len(pial.vertices_mm), bool)
        return Hemisphere(side=side, pial=pial, white=white, inflated=pial, medial_wall=wall)  # pyright: ignore

    return make


@pytest.fixture(scope="session")
def torus() -> Callable[..., TriangleMesh]:
    """torus(core_mm, tube_mm): a tube round a circle in the plane y = 0, vertices on it, faces oriented outward."""

    def make(core_mm: float, tube_mm: float, around: int = 400, across: int = 200) -> TriangleMesh:
        turn, lift = (index * 2 * np.pi / count for index, count in zip(
            np.mgrid[:around, :across], (around, across), strict=True))  # fmt: skip
        out = core_mm + tube_mm * np.cos(lift)
        points = np.stack([out * np.cos(turn), tube_mm * np.sin(lift), -out * np.sin(turn)], axis=-1).reshape(-1, 3)
        number = np.arange(around * across).reshape(around, across)
        right, up = np.roll(number, -1, axis=0), np.roll(number, -1, axis=1)
        both = np.roll(right, -1, axis=1)
        faces = np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in
                                ((number, right, both), (number, both, up))])  # fmt: skip
        return TriangleMesh(vertices_mm=points, faces=faces.astype(np.int32))

    return make


@pytest.fixture(scope="session")
def section() -> Callable[..., Section]:
    """section(y_mm, half_mm): a square coronal section around the origin, 32 µm pixels."""

    def make(y_mm: float, half_mm: float, id: int = 1) -> Section:
        pixels = round(2 * half_mm / 0.032)
        to_brain = coronal(y_mm=y_mm, left_mm=-half_mm, top_mm=half_mm)
        return Section(brain="ball", id=id, spacing_um=32.0, shape_px=(pixels, pixels), to_brain=to_brain)

    return make
