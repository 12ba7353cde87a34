import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources import fsaverage
from gennari.sources.fsaverage import fsaverage5_hemispheres, fsaverage5_sphere
from gennari.surface.mesh import edge_lengths_mm


def test_one_subdivision_gives_the_demo_geometry() -> None:
    left, right = fsaverage5_hemispheres()
    for hemisphere in (left, right):
        assert len(hemisphere.pial.vertices_mm) == 40_962
        assert np.median(edge_lengths_mm(hemisphere.mid)) == pytest.approx(1.46, abs=0.02)
        assert 0.03 < hemisphere.medial_wall.mean() < 0.12
    assert left.pial.vertices_mm[:, 0].mean() < -20
    assert right.pial.vertices_mm[:, 0].mean() > 20


def test_the_sphere_has_a_unit_vector_for_each_vertex() -> None:
    sphere = fsaverage5_sphere("R", subdivisions=0)
    assert sphere.shape == (10_242, 3)
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 1.0)


def test_without_nilearn_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsaverage, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install nilearn"):
        fsaverage5_hemispheres()
