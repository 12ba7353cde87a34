import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import Hemisphere, LabelSet, Section, Side, TriangleMesh
from gennari.surface.mesh import subdivide


def ball(radius_mm: float, centre_mm: tuple[float, float, float]) -> TriangleMesh:
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32)
    mesh = TriangleMesh(vertices_mm=corners, faces=faces)
    for _ in range(3):
        mesh, _ = subdivide(mesh)
    unit = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    return TriangleMesh(vertices_mm=unit * radius_mm + np.array(centre_mm), faces=mesh.faces)


def shell(side: Side) -> Hemisphere:
    centre = (-12.0 if side == "L" else 12.0, 0.0, 0.0)
    pial = ball(10.0, centre)
    return Hemisphere(
        side=side,
        pial=pial,
        white=ball(7.5, centre),
        inflated=ball(12.0, (0.0, 0.0, 0.0)),
        medial_wall=np.abs(pial.vertices_mm[:, 0]) < 4.0,
    )


@pytest.fixture(scope="session")
def hemispheres() -> tuple[Hemisphere, Hemisphere]:
    """Two spherical shells of radius 10 and thickness 2.5 mm, left and right of x = 0."""
    return shell("L"), shell("R")


@pytest.fixture(scope="session")
def surface(hemispheres: tuple[Hemisphere, Hemisphere]) -> TriangleMesh:
    """One closed surface: 258 vertices, 512 faces."""
    return hemispheres[0].pial


@pytest.fixture(scope="session")
def section() -> Section:
    """A coronal section through the shells at y = 1 mm: 48 x 24 mm at 100 µm."""
    return Section(
        brain="A",
        id=3551,
        spacing_um=100.0,
        shape_px=(240, 480),
        to_brain=coronal(y_mm=1.0, left_mm=-24.0, top_mm=12.0),
    )


@pytest.fixture(scope="session")
def label_set() -> LabelSet:
    return LabelSet(
        names=("background", "other cortex", "hOc1", "hOc2"),
        colours=("#000000", "#808080", "#ff0000", "#0000ff"),
        first_area=2,
    )
