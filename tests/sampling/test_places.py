"""One section at a time, on ribbons in closed form: no ribbon kernel stands between the sphere and what is found."""

from dataclasses import fields, replace

import numpy as np
import pytest

from gennari.sampling import places as module
from gennari.sampling.cut import Cut
from gennari.sampling.places import Wanted, places_of_section
from gennari.sampling.settings import PatchSettings
from gennari.sampling.slab import cut_slabs
from gennari.surface.ribbon import cut_ribbon

SETTINGS = PatchSettings(ribbon_spacing_um=250.0, mid_tolerance=0.15, upright_window_um=1500.0, min_tissue=0.0)


@pytest.fixture(scope="module")
def cut(spheres):
    section = spheres.section(6.0)
    ribbon = spheres.ribbon(section)
    return Cut(section=section, ribbon=ribbon, tissue=np.ones(ribbon.depth.shape, bool))


@pytest.fixture(scope="module")
def slabs(spheres, cut):
    # a section whose image is turned out of its plane reaches everything: faces keep their numbers
    return cut_slabs(spheres.hemispheres(), [[spheres.section(float(y)) for y in (-22, 22)]])[0]


def places(cut, slabs, most=10**6, seed=0, **changes):
    wanted = Wanted(section=cut.section, seed=np.random.SeedSequence(seed), most=most)
    return places_of_section(cut, wanted, slabs, SETTINGS.model_copy(update=changes), 2000.0)


def test_all_places_are_the_pixels_of_mid_cortex_on_the_closed_form(cut, slabs, spheres):
    found = places(cut, slabs)
    band = np.abs(cut.ribbon.depth - 0.5) <= 0.15
    assert len(found) == band.sum()  # |y| = 6 mm on a sphere of 20 mm is cut at more than 45 degrees
    assert band[found.rows, found.cols].all()
    centre = (np.column_stack([found.rows, found.cols]) + 0.5) * 250.0
    arm = cut.section.brain_mm(centre) - np.array([[x, 0, 0] for x in spheres.centre_x_mm])[found.side]
    direction = arm / np.linalg.norm(arm, axis=1, keepdims=True)
    rebuilt = np.einsum("nc,ncx->nx", found.weights, spheres.unit.vertices_mm[spheres.unit.faces[found.face]])
    assert np.abs(rebuilt / np.linalg.norm(rebuilt, axis=1, keepdims=True) - direction).max() < 1e-5
    assert np.abs(found.plane_angle_deg - np.degrees(np.arccos(np.abs(direction[:, 1])))).max() < 1
    # row = -z, col = +x: inward is (+z, -x) of the arm
    expected = np.degrees(np.arctan2(-arm[:, 0], arm[:, 2]))
    assert np.abs((found.rotation_deg - expected + 180) % 360 - 180).max() < 10


def test_keys_come_smallest_first_and_fewer_are_the_first_of_more(cut, slabs):
    every, few = places(cut, slabs), places(cut, slabs, most=50)
    assert (np.diff(every.key) >= 0).all()
    assert len(few) == 50
    for name in ("rows", "cols", "key", "rotation_deg"):
        assert np.array_equal(getattr(few, name), getattr(every, name)[:50])
    turned = [places(cut, slabs, most=most, orientation="random").rotation_deg for most in (50, 700)]
    assert np.array_equal(turned[0], turned[1][:50])


def test_how_many_are_looked_at_together_changes_nothing(cut, slabs, monkeypatch):
    half = np.zeros_like(cut.tissue)
    half[: half.shape[0] // 2] = True
    some = replace(cut, tissue=half)
    whole = places(some, slabs, most=300, min_tissue=0.7)
    monkeypatch.setattr(module, "BATCH", 7)
    pieces = places(some, slabs, most=300, min_tissue=0.7)
    assert len(whole) == 300
    assert all(np.array_equal(getattr(whole, f.name), getattr(pieces, f.name)) for f in fields(whole))


def test_keys_are_exponential_with_the_weight_as_their_rate(cut, slabs, spheres):
    found = places(cut, slabs)
    for side, thickness_mm in enumerate(spheres.thickness_mm):
        key = found.key[found.side == side]
        assert np.mean(key) == pytest.approx(thickness_mm, abs=4 * thickness_mm / np.sqrt(len(key)))
    plain = places(cut, slabs, uniform_over="pixels").key
    assert np.mean(plain) == pytest.approx(1.0, abs=4 / np.sqrt(len(plain)))


def test_oblique_and_bare_places_are_refused_however_many_are_asked_for(cut, slabs):
    section = cut.section
    steep = places(cut, slabs, min_plane_angle_deg=72.6)
    assert steep.plane_angle_deg.min() >= 72.6
    assert 0 < len(steep) < len(places(cut, slabs))
    bare = replace(cut, tissue=np.zeros_like(cut.tissue))
    assert len(places(bare, slabs, most=10, min_tissue=0.01)) == 0
    half = np.zeros_like(cut.tissue)
    half[: section.shape_px[0] // 2] = True
    upper = places(replace(cut, tissue=half), slabs, min_tissue=0.99)
    assert len(upper) > 0
    assert upper.rows.max() < section.shape_px[0] // 2


@pytest.mark.parametrize("y_mm", [-17.0, 0.0, 6.0])
def test_a_slab_gives_the_ribbon_of_the_whole_brain(spheres, y_mm):
    section, hemispheres = spheres.section(y_mm), spheres.hemispheres()
    slabs = cut_slabs(hemispheres, [[section]])[0]
    whole, piece = cut_ribbon(hemispheres, section, 250.0), cut_ribbon([s.hemisphere for s in slabs], section, 250.0)
    assert np.array_equal(piece.depth, whole.depth, equal_nan=True)
    assert np.array_equal(piece.side, whole.side)
    assert np.array_equal(piece.weights, whole.weights)
    for side, slab in enumerate(slabs):
        here = whole.side == side
        assert np.array_equal(slab.face[piece.face[here]], whole.face[here])
        assert len(slab.face) < 0.25 * len(hemispheres[side].pial.faces)


def test_a_slab_beside_the_brain_is_empty(spheres):
    for slab in cut_slabs(spheres.hemispheres(), [[spheres.section(60.0)]])[0]:
        assert len(slab.face) == 0
        assert len(slab.thickness_mm) == 0
    assert cut_slabs(spheres.hemispheres(), []) == []


def test_a_slab_knows_normal_and_thickness_of_the_whole_surface(spheres):
    for slab, thickness_mm in zip(
        cut_slabs(spheres.hemispheres(), [[spheres.section(0.0)]])[0], spheres.thickness_mm, strict=True
    ):
        assert slab.thickness_mm == pytest.approx(thickness_mm, rel=0.002)
        inward = slab.inward_mm / np.linalg.norm(slab.inward_mm, axis=1, keepdims=True)
        assert np.abs(slab.normal + inward).max() < 0.03
