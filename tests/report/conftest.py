import numpy as np
import pytest

from gennari.records import Hemisphere, LabelSet, Side, TriangleMesh
from gennari.surface.mesh import subdivide


def sphere(radius_mm: float, subdivisions: int = 3) -> TriangleMesh:
    """An octahedron, refined and pushed out to a sphere."""
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array(faces, np.int32))
    for _ in range(subdivisions):
        mesh, _parents = subdivide(mesh)
        length = np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
        mesh = TriangleMesh(vertices_mm=mesh.vertices_mm / length, faces=mesh.faces)
    return TriangleMesh(vertices_mm=radius_mm * mesh.vertices_mm, faces=mesh.faces)


@pytest.fixture
def ball() -> TriangleMesh:
    return sphere(10.0)


@pytest.fixture
def hemispheres() -> tuple[Hemisphere, Hemisphere]:
    def one(side: Side) -> Hemisphere:
        pial = sphere(20.0)
        wall = np.zeros(len(pial.vertices_mm), bool)
        return Hemisphere(side=side, pial=pial, white=sphere(17.0), inflated=sphere(24.0), medial_wall=wall)

    return one("L"), one("R")


@pytest.fixture
def label_set() -> LabelSet:
    return LabelSet(
        names=("background", "white matter", "other cortex", "hOc1", "hOc2"),
        colours=("#ffffff", "#dddddd", "#bbbbbb", "#ff0000", "#0000ff"),
        first_area=3,
    )
