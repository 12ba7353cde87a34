from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon

from gennari.errors import InputError
from gennari.sources import drawings
from gennari.sources.crossings import possible_crossings
from gennari.sources.drawings import check_count, check_size, drawn_area
from gennari.surface.contours import fill_polygons

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)


def test_a_ring_inside_a_ring_is_a_hole() -> None:
    area = drawn_area([SQUARE, SQUARE * 0.5 + 2], "here")
    assert area.area == pytest.approx(100 - 25)
    assert isinstance(area, Polygon)
    assert len(area.interiors) == 1


def test_a_crossing_outline_encloses_both_of_its_loops() -> None:
    area = drawn_area([np.array([[0, 0], [10, 10], [10, 0], [0, 10]], float)], "here")
    assert area.is_valid
    assert area.area == pytest.approx(50)


def test_a_million_points_are_read_to_a_quarter_of_a_pixel() -> None:
    angle = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    circle = 1000 * np.column_stack([np.cos(angle), np.sin(angle)])
    area = drawn_area([circle], "here")
    assert area.area == pytest.approx(np.pi * 1e6, rel=2e-3)
    assert len(area.exterior.coords) < 1000
    assert area.hausdorff_distance(Polygon(circle[::1000])) < 0.5


def test_a_scribble_of_many_crossings_is_read_on_a_grid(rng: np.random.Generator, monkeypatch) -> None:
    monkeypatch.setattr(drawings, "MANY_POINTS", 50)
    monkeypatch.setattr(drawings, "GRID_PX", 40_000)
    scribble = rng.uniform(0, 180, (60, 2))
    area = drawn_area([scribble], "here")
    assert area.is_valid
    inside = fill_polygons([scribble[:, ::-1] * 10], (1800, 1800)).mean() * 180**2
    assert area.area == pytest.approx(inside, rel=0.02)


def test_a_scribble_that_crosses_itself_half_a_billion_times_ends(rng: np.random.Generator, monkeypatch) -> None:
    monkeypatch.setattr(drawings, "GRID_PX", 40_000)
    area = drawn_area([rng.uniform(0, 1000, (30_000, 2))], "here")
    assert area.area == pytest.approx(0.5e6, rel=0.1)


def test_what_encloses_nothing_is_refused() -> None:
    for rings in ([], [SQUARE[:2]], [np.array([[0, 0], [1, 1], [2, 2]], float)]):
        with pytest.raises(InputError, match="here must enclose an area"):
            drawn_area(rings, "here")


def test_coordinates_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        drawn_area([np.array([[0, 0], [1, np.nan], [2, 2]])], "here")


def test_too_many_points_and_too_large_files_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(drawings, "MAX_POINTS", 3)
    with pytest.raises(InputError, match="may have 3 points and 100,000 outlines, but here has 4 and 1"):
        drawn_area([SQUARE], "here")
    (tmp_path / "a.json").write_text("[]")
    monkeypatch.setattr(drawings, "MAX_BYTES", 1)
    with pytest.raises(InputError, match="label image instead"):
        check_size(tmp_path / "a.json")
    with pytest.raises(InputError, match="there is none"):
        check_size(tmp_path / "b.json")


def test_crossings_are_counted_before_geometry_is_asked(rng: np.random.Generator) -> None:
    angle = np.linspace(0, 2 * np.pi, 50_000, endpoint=False)
    circle = 1e4 * np.column_stack([np.cos(angle), np.sin(angle)])
    assert possible_crossings([circle]) < 1e5
    scribble = rng.uniform(0, 1000, (3000, 2))
    boxes = np.sort(np.stack([scribble, np.roll(scribble, -1, axis=0)]), axis=0)
    meets = np.logical_and(*(
        (low[:, None] <= high) & (high[:, None] >= low) for low, high in zip(boxes[0].T, boxes[1].T, strict=True)
    ))  # fmt: skip
    assert possible_crossings([scribble]) == pytest.approx((meets.sum() - 3 * 3000) / 2, rel=0.3)


def test_two_combs_that_cross_everywhere_are_read_on_a_grid(monkeypatch) -> None:
    monkeypatch.setattr(drawings, "GRID_PX", 40_000)
    teeth = np.arange(5_000)
    comb = np.column_stack([np.repeat(teeth, 4) / 5, np.tile([0.0, 900.0, 900.0, 0.0], 5_000)])
    comb[:, 0] += np.tile([0, 0, 0.1, 0.1], 5_000)
    comb = np.concatenate([comb, [[1001.0, 0.0], [1001.0, -1.0], [0.0, -1.0]]])
    assert Polygon(comb).is_valid
    both = drawn_area([comb, comb[:, ::-1]], "here")  # 10,000 x 10,000 crossings
    assert 0 < both.area < 1e6


def test_too_many_drawings_in_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"100,000 drawn areas, but .* holds 100,001; export annotations without"):
        check_count(100_001, tmp_path / "a.geojson")


def test_coordinates_beyond_any_section_are_refused() -> None:
    with pytest.raises(InputError, match=r"within 1e\+08 px"):
        drawn_area([SQUARE * 1e9], "here")


def test_many_pieces_are_joined_whatever_their_order() -> None:
    apart = [SQUARE + 20 * np.array([k % 50, k // 50]) for k in range(2000)]
    area = drawn_area(apart, "here")
    assert area.area == pytest.approx(2000 * 100)
