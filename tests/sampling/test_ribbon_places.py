"""On spheres: each piece of ribbon is a circle whose radius is known."""

from dataclasses import fields

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import PatchTable
from gennari.sampling.ribbon_places import RibbonPlaces, read_places, ribbon_places, write_places

HEIGHTS_MM = (6.0, -10.0, 3.0)


@pytest.fixture(scope="module")
def split(spheres):
    return {spheres.section(y).id: "train" if y > 0 else "test" for y in HEIGHTS_MM}


@pytest.fixture(scope="module")
def draw(spheres, split):
    sections = [spheres.section(y) for y in HEIGHTS_MM]

    def drawn(**changes):
        options = {"patch_um": 2000.0, "ribbon_spacing_um": 250.0} | changes
        return ribbon_places(sections, spheres.hemispheres(), split, **options)

    return drawn


@pytest.fixture(scope="module")
def places(draw):
    return draw()


def arms(places, spheres):
    return places.patches.brain_mm - np.array([[x, 0, 0] for x in spheres.centre_x_mm])[places.patches.side]


def test_each_circle_of_mid_cortex_is_a_closed_piece_with_places_at_even_steps(places, spheres):
    assert places.closed.all()
    order = [(section, side) for section in sorted(1000 + round(10 * y) for y in HEIGHTS_MM) for side in (0, 1)]
    found = []
    for piece in range(6):
        rows = np.flatnonzero(places.piece == piece)
        assert (np.diff(rows) == 1).all()
        (section,), (side,) = np.unique(places.patches.section[rows]), np.unique(places.patches.side[rows])
        found.append((int(section), int(side)))
        circle_mm = 2 * np.pi * np.sqrt(20**2 - ((section - 1000) / 10) ** 2)
        assert places.length_mm[rows] == pytest.approx(circle_mm, rel=0.01)
        assert np.diff(places.arc_mm[rows]) == pytest.approx(0.2, rel=0.01)
        assert places.arc_mm[rows[0]] == 0
        assert places.length_mm[rows[0]] - places.arc_mm[rows[-1]] == pytest.approx(0.2, rel=0.01)
    assert sorted(found) == order
    assert np.abs(np.linalg.norm(arms(places, spheres), axis=1) - 20).max() < 0.1  # on mid cortex
    assert (np.diff(places.patches.section) >= 0).all()


def test_upright_angle_curvature_and_thickness_are_those_of_the_sphere(places, spheres):
    arm, patches = arms(places, spheres), places.patches
    direction = arm / np.linalg.norm(arm, axis=1, keepdims=True)
    assert np.abs(patches.plane_angle_deg - np.degrees(np.arccos(np.abs(direction[:, 1])))).max() < 1.5
    inward = np.degrees(np.arctan2(-direction[:, 0], direction[:, 2]))  # row = -z, col = +x
    off = np.abs((patches.rotation_deg - inward + 180) % 360 - 180)
    assert np.percentile(off, 95) < 4
    assert patches.curvature_per_mm == pytest.approx(1 / 20, rel=0.05)
    assert places.thickness_mm == pytest.approx(np.array(spheres.thickness_mm)[patches.side], rel=0.01)
    assert set(zip(patches.section.tolist(), patches.split.tolist(), strict=True)) == {
        (1060, "train"), (1030, "train"), (900, "test")
    }  # fmt: skip


def test_step_and_shortest_piece_are_as_asked(draw, places):
    wide = draw(step_um=500.0, shortest_mm=115.0)
    assert np.diff(wide.arc_mm)[np.diff(wide.piece) == 0] == pytest.approx(0.5, rel=0.01)
    assert set(wide.patches.section.tolist()) == {1060, 1030}  # the circle at 10 mm is 109 mm long
    small = draw(patch_um=250.0)
    assert small.patches.tissue_share == pytest.approx(1)  # the middle pixel is cortex
    thin = places.patches.side == 1
    assert 0.8 < places.patches.tissue_share[thin].mean() < 0.95  # 0.25 mm of 2 mm lie outside the pia


def test_places_do_not_depend_on_workers_or_batches(draw, places, monkeypatch):
    monkeypatch.setattr("gennari.sampling.ribbon_places.BATCH", 100)
    monkeypatch.setattr("gennari.sampling.ribbon_places.RUN_LENGTH", 1)
    assert same(draw(), places)


@pytest.mark.slow
def test_two_processes_find_the_same_places(draw, places, monkeypatch):
    monkeypatch.setattr("gennari.sampling.ribbon_places.RUN_LENGTH", 2)
    ticks = []
    assert same(draw(workers=2, tick=ticks.append), places)
    assert [tick.total for tick in ticks] == [2, 2]


def test_places_are_read_as_they_were_written(places, tmp_path):
    write_places(tmp_path / "places.parquet", places)
    assert same(read_places(tmp_path / "places.parquet"), places)
    with pytest.raises(InputError, match="must be a table, but there is none"):
        read_places(tmp_path / "none.parquet")


def test_rows_are_taken_from_all_columns(places):
    some = places.take(places.piece == 2)
    assert len(some) == (places.piece == 2).sum() == len(some.patches)
    assert same(some.take(np.array([0])), places.take(np.flatnonzero(places.piece == 2)[:1]))


def test_sections_without_a_split_or_without_cortex_are_refused(spheres, split):
    far = spheres.section(60.0)
    options = {"patch_um": 2000.0, "ribbon_spacing_um": 250.0}
    for sections in ([], [far]):
        with pytest.raises(ValueError, match="need sections with a split each"):
            ribbon_places(sections, spheres.hemispheres(), split, **options)
    with pytest.raises(ValueError, match="need cortex, but none of 1 sections has a piece of it"):
        ribbon_places([far], spheres.hemispheres(), {far.id: "train"}, **options)


def same(one: RibbonPlaces, other: RibbonPlaces) -> bool:
    patches = (f.name for f in fields(PatchTable))
    others = (f.name for f in fields(RibbonPlaces) if f.name != "patches")
    return all(np.array_equal(getattr(one.patches, n), getattr(other.patches, n)) for n in patches) and all(
        np.array_equal(getattr(one, n), getattr(other, n)) for n in others
    )
