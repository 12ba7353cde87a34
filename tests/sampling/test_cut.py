import numpy as np
import pytest

from gennari.sampling.cut import at_pixels, cut_section, plane_angles_deg, upright_rotations_deg, whole_faces
from gennari.sampling.slab import cut_slabs
from gennari.surface.ribbon import cut_ribbon


@pytest.fixture(scope="module")
def slabs(spheres):
    return cut_slabs(spheres.hemispheres(), [[spheres.section(6.0)]])[0]


@pytest.fixture(scope="module")
def cut(spheres, slabs):
    return cut_section(spheres.section(6.0), slabs, 250.0)


@pytest.fixture(scope="module")
def pixels(cut):
    return np.nonzero(np.abs(cut.ribbon.depth - 0.5) < 0.1)


def directions(spheres, cut, rows, cols):
    arm = cut.section.brain_mm((np.stack([rows, cols], axis=1) + 0.5) * 250.0)
    arm[:, 0] -= np.array(spheres.centre_x_mm)[cut.ribbon.side[rows, cols]]
    return arm / np.linalg.norm(arm, axis=1, keepdims=True)


def test_angle_and_rotation_are_those_of_the_sphere(spheres, slabs, cut, pixels):
    arm = directions(spheres, cut, *pixels)
    angle = np.degrees(np.arccos(np.abs(arm[:, 1])))
    assert np.abs(plane_angles_deg(cut, slabs, *pixels) - angle).max() < 1.5
    inward = np.degrees(np.arctan2(-arm[:, 0], arm[:, 2]))  # row = -z, col = +x
    turned = upright_rotations_deg(cut, slabs, *pixels, 1500.0)
    assert np.percentile(np.abs((turned - inward + 180) % 360 - 180), 95) < 4


def test_faces_are_numbered_as_in_the_whole_brain(spheres, slabs, cut, pixels):
    whole = cut_ribbon(spheres.hemispheres(), cut.section, 250.0)
    assert np.array_equal(whole_faces(cut, slabs, *pixels), whole.face[pixels])
    nobody = np.zeros(0, int)
    assert whole_faces(cut, slabs, nobody, nobody).dtype == np.int32


def test_values_of_vertices_are_interpolated_on_their_own_side(spheres, slabs, cut, pixels):
    radius = [np.linalg.norm(s.hemisphere.mid.vertices_mm - [x, 0, 0], axis=1) * (k + 1)
              for k, (s, x) in enumerate(zip(slabs, spheres.centre_x_mm, strict=True))]  # fmt: skip
    assert at_pixels(radius, cut, slabs, *pixels) == pytest.approx(20.0 * (cut.ribbon.side[pixels] + 1), rel=1e-3)


def test_tissue_is_cortex_and_what_it_encloses(spheres, cut):
    arm = cut.section.brain_mm((np.argwhere(np.ones(cut.tissue.shape)) + 0.5) * 250.0)
    near = np.min([np.linalg.norm(arm - [x, 0, 0], axis=1) - 20 - half
                   for x, half in zip(spheres.centre_x_mm, (1.5, 0.75), strict=True)], axis=0)  # fmt: skip
    inside = (near < 0).reshape(cut.tissue.shape)
    assert (cut.tissue != inside)[np.abs(near).reshape(inside.shape) > 0.05].sum() == 0
