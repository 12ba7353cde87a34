"""Two spheres as a brain: everything that is sampled on them has a closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial import KDTree

from gennari.frames import coronal
from gennari.records import SIDES, Hemisphere, Ribbon, Section, Side, TriangleMesh
from gennari.surface.mesh import subdivide

SPACING_UM = 250.0


def icosphere(subdivisions):
    golden = (1 + 5**0.5) / 2
    corners = [(s * 1.0, t * golden, 0.0) for s in (-1, 1) for t in (-1, 1)]
    vertices = np.array([np.roll(c, k) for k in range(3) for c in corners])
    near = np.linalg.norm(vertices[:, None] - vertices[None], axis=2) < 2.1
    faces = [
        (i, j, k) if np.linalg.det(vertices[[i, j, k]]) > 0 else (i, k, j)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array(faces, np.int32))
    for _ in range(subdivisions):
        mesh, _ = subdivide(mesh)
    unit = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    return TriangleMesh(vertices_mm=unit, faces=mesh.faces)


@dataclass(frozen=True)
class Spheres:
    """Mid radius 20 mm around x = -25 and +25; the left cortex is 3 mm thick, the right 1.5 mm."""

    unit: TriangleMesh
    radius_mm: float = 20.0
    thickness_mm: tuple[float, float] = (3.0, 1.5)
    centre_x_mm: tuple[float, float] = (-25.0, 25.0)

    def hemispheres(self) -> tuple[Hemisphere, Hemisphere]:
        return self._hemisphere("L"), self._hemisphere("R")

    def _hemisphere(self, side: Side) -> Hemisphere:
        s = SIDES.index(side)

        def at(radius):
            vertices = self.unit.vertices_mm * radius + [self.centre_x_mm[s], 0, 0]
            return TriangleMesh(vertices_mm=vertices, faces=self.unit.faces)

        half = self.thickness_mm[s] / 2
        return Hemisphere(
            side=side,
            pial=at(self.radius_mm + half),
            white=at(self.radius_mm - half),
            inflated=at(2 * self.radius_mm),
            medial_wall=np.zeros(len(self.unit.vertices_mm), bool),
        )

    def section(self, y_mm: float) -> Section:
        return Section(
            brain="P",
            id=round(10 * y_mm) + 1000,
            spacing_um=SPACING_UM,
            shape_px=(200, 400),
            to_brain=coronal(y_mm, -50.0, 25.0),
        )

    def ribbon(self, section: Section) -> Ribbon:
        """By brute force: the ray from the centre says the face, the radius the depth."""
        h, w = section.shape_px
        centre = (
            np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), -1).reshape(-1, 2) + 0.5
        ) * SPACING_UM
        points = section.brain_mm(centre)
        side = (points[:, 0] > 0).astype(np.int8)
        arm = points - np.column_stack([np.array(self.centre_x_mm)[side], np.zeros((len(points), 2))])
        radius = np.linalg.norm(arm, axis=1)
        thickness = np.array(self.thickness_mm)[side]
        depth = (self.radius_mm + thickness / 2 - radius) / thickness
        cortex = (depth >= 0) & (depth <= 1)
        face, weights = self._under(arm[cortex] / radius[cortex, None])
        out = {"depth": np.full(h * w, np.nan, np.float32), "face": np.full(h * w, -1, np.int32)}
        out |= {"weights": np.zeros((h * w, 3), np.float32), "side": np.full(h * w, -1, np.int8)}
        out["depth"][cortex], out["face"][cortex], out["weights"][cortex] = depth[cortex], face, weights
        out["side"][cortex] = side[cortex]
        shaped = {name: column.reshape(h, w, *column.shape[1:]) for name, column in out.items()}
        return Ribbon(section=section.id, spacing_um=SPACING_UM, **shaped)

    def _under(self, direction):
        corners = self.unit.vertices_mm[self.unit.faces]
        _, near = KDTree(corners.mean(axis=1)).query(direction, k=6)
        weights = np.linalg.solve(corners[near].transpose(0, 1, 3, 2), direction[:, None, :, None])[..., 0]
        best = weights.min(axis=2).argmax(axis=1)
        rows = np.arange(len(direction))
        chosen = np.clip(weights[rows, best], 0, None)
        return near[rows, best].astype(np.int32), chosen / chosen.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def spheres() -> Spheres:
    return Spheres(icosphere(4))
