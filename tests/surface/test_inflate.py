import numpy as np
import pytest
from scipy.stats import spearmanr

from gennari.records import TriangleMesh
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.surface.curvature import mean_curvature_per_mm
from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.inflate import inflate
from gennari.surface.mesh import face_areas_mm2


def folded(sphere) -> TriangleMesh:
    ball = sphere(30.0, 4)
    x, y, z = (ball.vertices_mm / 30).T
    bumps = 1 + 0.15 * np.sin(9 * x) * np.sin(9 * y) * np.sin(9 * z + 1)
    return TriangleMesh(vertices_mm=ball.vertices_mm * bumps[:, None] + np.array([5, -3, 8]), faces=ball.faces)


def test_inflating_opens_folds_and_keeps_area_centroid_and_faces(sphere):
    brain = folded(sphere)
    smooth = inflate(brain)
    assert (mean_curvature_per_mm(brain) < 0).mean() > 0.2
    assert (mean_curvature_per_mm(smooth) > 0).all()
    assert face_areas_mm2(smooth).sum() == pytest.approx(face_areas_mm2(brain).sum())
    assert np.allclose(smooth.vertices_mm.mean(axis=0), brain.vertices_mm.mean(axis=0))
    assert smooth.faces is brain.faces


def test_one_step_goes_half_way_to_the_mean_of_the_neighbours():
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 1]], float)
    sheet = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    moved = 0.5 * corners + 0.5 * np.array([corners[[1, 2, 3]].mean(0), corners[[0, 2]].mean(0)] * 2)
    moved[2], moved[3] = (
        0.5 * corners[2] + 0.5 * corners[[0, 1, 3]].mean(0),
        0.5 * corners[3] + 0.5 * corners[[0, 2]].mean(0),
    )
    found = inflate(sheet, steps=1).vertices_mm
    found, moved = found - found.mean(axis=0), moved - moved.mean(axis=0)
    scale = np.linalg.norm(found) / np.linalg.norm(moved)
    assert scale > 1
    assert np.allclose(found, moved * scale)


def test_no_steps_change_nothing_and_negative_ones_are_refused(sphere):
    ball = folded(sphere)
    assert np.allclose(inflate(ball, steps=0).vertices_mm, ball.vertices_mm)
    with pytest.raises(ValueError, match="steps >= 0"):
        inflate(ball, steps=-1)


def test_a_vertex_of_no_face_stays(sphere):
    ball = sphere(30.0, 2)
    stray = TriangleMesh(vertices_mm=np.concatenate([ball.vertices_mm, [[0, 0, 0]]]), faces=ball.faces)
    assert np.allclose(inflate(stray, steps=3).vertices_mm[-1], 0, atol=1e-9)


@pytest.mark.parametrize("side", [0, 1])
def test_on_fsaverage5_it_is_the_bundled_inflated_surface_but_for_size(side, rng):
    """Distances between vertices correlate, and straight lines rank places as the way along the cortex does."""
    cortex = fsaverage5_hemispheres(0)[side]
    made, bundled = inflate(cortex.mid), cortex.inflated
    one, other = rng.integers(0, len(made.vertices_mm), (2, 20_000))
    far = [np.linalg.norm(mesh.vertices_mm[one] - mesh.vertices_mm[other], axis=1) for mesh in (made, bundled)]
    assert np.corrcoef(*far)[0, 1] > 0.999
    assert made.faces is cortex.mid.faces
    assert face_areas_mm2(made).sum() == pytest.approx(face_areas_mm2(cortex.mid).sum())
    source = 1234
    along = GeodesicSolver(cortex.mid).from_vertex(source)
    ranks = {
        name: spearmanr(np.linalg.norm(mesh.vertices_mm - mesh.vertices_mm[source], axis=1), along)[0]
        for name, mesh in (("made", made), ("pial", cortex.pial))
    }
    assert ranks["made"] > ranks["pial"] + 0.01
