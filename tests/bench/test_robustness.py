"""What bench/robustness.py does to sections is what it says."""

import numpy as np
import pytest

from gennari.data.prior import Prior
from gennari.frames import coronal
from gennari.nets.sizes import TextureConfig
from gennari.records import Section
from robustness import Scene, blurred, resized, stained, tilted

CONFIG = TextureConfig(spacing_um=64, patch_px=16, stem_channels=4, channels=(4, 4), convs=(1, 1), padding="same")


@pytest.fixture
def scene() -> Scene:
    """240 x 200 px: an area above row 120 on the output grid of 2 px, an atlas that rises along the rows."""
    image = np.full((240, 200), 100, np.uint8)
    image[:120] = 200
    truth = np.zeros((120, 100), np.uint8)
    truth[:60] = 3
    rising = np.broadcast_to(np.linspace(0, 1, 24, dtype=np.float16)[None, :, None], (1, 24, 20)).copy()
    return Scene(
        image=image, truth=truth, by_atlas=truth, prior=Prior(coarse=rising, ratio=0.2, fine_px=(120, 100))
    )  # fmt: skip


def test_a_tilted_plane_turns_about_its_middle():
    section = Section(brain="R", id=1, spacing_um=32.0, shape_px=(1000, 500), to_brain=coronal(-40.0, -8.0, 16.0))
    middle = np.array([[16_000.0, 8_000.0]])
    turned = tilted(section, 20.0)
    np.testing.assert_allclose(turned.brain_mm(middle), section.brain_mm(middle), atol=1e-9)
    assert np.rad2deg(np.arccos(turned.normal @ section.normal)) == pytest.approx(20)
    assert turned.to_brain.matrix[0] == pytest.approx(section.to_brain.matrix[0])  # left and right stay
    np.testing.assert_allclose(tilted(section, 0.0).to_brain.matrix, section.to_brain.matrix)


def test_stain_multiplies_optical_density(scene):
    assert set(np.unique(stained(scene, 2.0).image)) == {round(255 * (g / 255) ** 2) for g in (100, 200)}
    np.testing.assert_array_equal(stained(scene, 1.0).image, scene.image)
    white = Scene(image=np.full((4, 4), 255, np.uint8), truth=scene.truth, by_atlas=scene.truth, prior=scene.prior)
    assert (stained(white, 0.5).image == 255).all()


def test_blur_softens_an_edge_and_keeps_the_mean(scene):
    soft = blurred(scene, 3.0).image.astype(float)
    assert abs(soft.mean() - scene.image.mean()) < 0.5
    assert 140 < soft[119, 50] < 160


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_larger_pixels_show_the_same_tissue_on_fewer_of_them(scene, factor):
    found = resized(scene, factor, CONFIG)
    assert found.image.shape == (round(240 / factor), round(200 / factor))
    edge = np.flatnonzero(found.image[:, 50] > 150).max() + 1
    assert edge == pytest.approx(120 / factor, abs=1)
    assert np.flatnonzero(found.truth[:, 50] == 3).max() + 1 == pytest.approx(60 / factor, abs=1)
    assert found.truth.shape == tuple(-(-side // 2) for side in found.image.shape)
    row = round(60 / factor)
    before, after = scene.prior[..., 60:61, 50:51].item(), found.prior[..., row : row + 1, 50:51].item()
    assert after == pytest.approx(before, abs=0.01)
