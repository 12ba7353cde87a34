import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gennari.errors import InputError
from gennari.records import Section
from gennari.sources.bigbrain import PM_SHAPE_PX, PM_SPACING_UM, section_y_mm
from gennari.sources.flat_images import write_png
from gennari.sources.minc import write_minc
from gennari.sources.placement import Placement, place_section, read_affine
from gennari.sources.section_files import SectionFile, find_sections
from gennari.sources.sections import write_ome_zarr

FRAME = Placement(y0_mm=-70.02, y_step_mm=0.02, left_mm=-5.0, top_mm=6.0)


def placed(path: Path, placement: Placement | None = None) -> Section:
    (file,) = find_sections(str(path))
    return place_section(file, "A", placement or Placement())


def blank(path: Path, shape: tuple[int, int]) -> Path:
    write_png(path, np.full(shape, 255, np.uint8))
    return path


def small_tiff(path: Path) -> Path:
    tifffile.imwrite(path, np.zeros((40, 50), np.uint8), photometric="minisblack")
    return path


def affine(path: Path, matrix: object) -> Path:
    path.write_text(json.dumps(matrix))
    return path


def test_images_of_the_release_lie_by_its_own_rule(tmp_path: Path) -> None:
    section = placed(blank(tmp_path / "pm3000o.png", PM_SHAPE_PX))
    assert (section.id, section.spacing_um, section.shape_px) == (3000, PM_SPACING_UM, PM_SHAPE_PX)
    for row, col in ((0, 0), (5710, 6571), (1234, 567)):
        centre_um = np.array([[(row + 0.5) * PM_SPACING_UM, (col + 0.5) * PM_SPACING_UM]])
        x = -70.677184 + 0.0211666667 * (col + 0.5)
        z = -58.788284 + 0.0211666667 * (5711 - row - 0.5)
        np.testing.assert_allclose(section.brain_mm(centre_um), [[x, -10.02, z]], atol=1e-6)


def test_one_pixel_of_pad_is_tolerated_and_more_is_not(tmp_path: Path) -> None:
    assert placed(blank(tmp_path / "pm3000o.png", (5712, 6573))).shape_px == PM_SHAPE_PX
    for shape in ((5713, 6572), (5711, 6574), (5710, 6572), (2856, 3286)):
        with pytest.raises(InputError, match=rf"have 5711 rows and 6572 columns .* has {shape[0]} and {shape[1]}"):
            placed(blank(tmp_path / "pm3000o.png", shape))


def test_the_distance_between_sections_is_not_taken_for_a_pixel_size(tmp_path: Path) -> None:
    path = blank(tmp_path / "pm3000o.png", PM_SHAPE_PX)
    with pytest.raises(InputError, match=r"measure 21\.1667 µm, but pm3000o\.png says 20"):
        placed(path, Placement(spacing_um=20.0))


def test_a_minc_section_lies_as_its_png_does(tmp_path: Path) -> None:
    png = placed(blank(tmp_path / "pm3000o.png", PM_SHAPE_PX))
    edge = png.to_brain.matrix[[0, 2], 3]
    minc = tmp_path / "m" / "pm3000o.mnc"
    write_minc(minc, np.full(PM_SHAPE_PX, 255, np.uint8), 1e-3 * PM_SPACING_UM, *edge)
    np.testing.assert_array_equal(placed(minc).to_brain.matrix, png.to_brain.matrix)
    assert placed(minc).spacing_um == pytest.approx(PM_SPACING_UM, rel=1e-9)
    write_minc(minc, np.full(PM_SHAPE_PX, 255, np.uint8), 1e-3 * PM_SPACING_UM, edge[0] + 0.5, edge[1])
    with pytest.warns(UserWarning, match=r"puts it 0\.50 mm off the release's rule; the header is followed"):
        moved = placed(minc)
    assert moved.to_brain.matrix[0, 3] == pytest.approx(edge[0] + 0.5)
    assert moved.to_brain.matrix[1, 3] == section_y_mm(3000)


def test_an_affine_beside_the_image_places_it(tmp_path: Path) -> None:
    small_tiff(tmp_path / "B20_0102.tif")
    affine(
        tmp_path / "B20_0102_affine.json",
        [[0.001, 0, 0, -30.0], [0, 0, 0.02, section_y_mm(102)], [0, -0.001, 0, 20.0], [0, 0, 0, 1]],
    )
    section = placed(tmp_path / "B20_0102.tif")
    assert section.spacing_um == pytest.approx(1.0)
    got = section.brain_mm(np.array([[2000.0, 5000.0]]))
    np.testing.assert_allclose(got, [[-25.0, section_y_mm(102), 18.0]], atol=1e-9)
    np.testing.assert_allclose(section.normal, [0, 1, 0], atol=1e-12)


def test_an_affine_with_the_section_second_means_the_same(tmp_path: Path) -> None:
    first = [[0.002, 0, 0, -30.0], [0, 0, 0.02, 1.0], [0, -0.002, 0, 20.0], [0, 0, 0, 1]]
    second = [[0.002, 0, 0, -30.0], [0, 0.02, 0, 1.0], [0, 0, -0.002, 20.0], [0, 0, 0, 1]]
    flat = [[0.002, 0, 0, -30.0], [0, 0, 0, 1.0], [0, -0.002, 0, 20.0], [0, 0, 0, 1]]
    found = [read_affine(affine(tmp_path / "a.json", matrix)) for matrix in (first, second, flat)]
    for to_brain, spacing_um in found:
        assert spacing_um == pytest.approx(2.0)
        np.testing.assert_allclose(to_brain.matrix, found[0][0].matrix, atol=1e-15)


def test_a_turned_affine_keeps_its_turn(tmp_path: Path) -> None:
    c, s = 0.002 * np.cos(0.3), 0.002 * np.sin(0.3)
    to_brain, spacing_um = read_affine(
        affine(tmp_path / "a.json", [[c, s, 0, 1], [0, 0, 1, 2], [s, -c, 0, 3], [0, 0, 0, 1]])
    )
    assert spacing_um == pytest.approx(2.0)
    got = to_brain.apply(np.array([[500.0, 1000.0, 0.0]]))  # 250 px down, 500 to the right
    np.testing.assert_allclose(got, [[1 + 500 * c + 250 * s, 2, 3 + 500 * s - 250 * c]], atol=1e-12)


def test_the_plane_of_a_bigbrain_section_is_that_of_its_number(tmp_path: Path) -> None:
    small_tiff(tmp_path / "B20_0102.tif")
    matrix = [[0.001, 0, 0, -30.0], [0, 0, 0.02, section_y_mm(102) - 0.01], [0, -0.001, 0, 20.0], [0, 0, 0, 1]]
    affine(tmp_path / "B20_0102_affine.json", matrix)
    with pytest.warns(UserWarning, match=r"section 102, whose plane lies 10\.0 µm away"):
        section = placed(tmp_path / "B20_0102.tif")
    assert section.to_brain.matrix[1, 3] == section_y_mm(102)
    affine(tmp_path / "B20_0102_affine.json", [*matrix[:1], [0, 0, 0.02, section_y_mm(150)], *matrix[2:]])
    with pytest.raises(InputError, match="must give the plane of the section in its name"):
        placed(tmp_path / "B20_0102.tif")


def test_an_aligned_section_elsewhere_takes_the_plane_of_its_number_too(tmp_path: Path) -> None:
    # as the URL of a precomputed image ends, whose affine is kept here
    matrix = [[0.001, 0, 0, -30.0], [0, 0, 0.02, section_y_mm(102) + 0.005], [0, -0.001, 0, 20.0], [0, 0, 0, 1]]
    given = affine(tmp_path / "mine.json", matrix)
    folder = tmp_path / "B20_0102"
    write_ome_zarr(folder / "precomputed", np.zeros((40, 50), np.uint8), 1.0)
    file = SectionFile(102, str(folder / "precomputed"))
    section = place_section(file, "A", Placement(affine=str(given)))
    assert section.to_brain.matrix[1, 3] == section_y_mm(102)
    affine(given, [*matrix[:1], [0, 0, 0.02, section_y_mm(150)], *matrix[2:]])
    with pytest.raises(
        InputError, match=r"must give the plane of section 102, y = -67\.98 mm, but it gives y = -67\.02"
    ):
        place_section(file, "A", Placement(affine=str(given)))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (
            [[0.001, 0, 0, 0], [0, 0, 1, 0], [0, -0.002, 0, 0], [0, 0, 0, 1]],
            r"square pixels, but they have 0\.002 x 0\.001",
        ),
        ([[0.001, 0, 0, 0], [0, 0.001, 1, 0], [0, -0.001, 0, 0], [0, 0, 0, 1]], "coronal section.* columns 1, 2 do"),
        ([[0, 0, 0.001, 0], [1, 0, 0, 0], [0, -0.001, 0, 0], [0, 0, 0, 1]], "coronal section.* columns 0 do"),
        ([[0, 0, 0, 0]] * 3 + [[0, 0, 0, 1]], "square pixels, but they have 0 x 0"),
        ([[0, 0, 0, 0]] * 4, "whose last row is 0 0 0 1, got"),
        ([[1e-3, 1e-3, 0, 0], [0, 0, 0, 1], [0, 1.4e-3, 0, 0], [0, 0, 0, 1]], "square pixels"),
        ([[1e-3, 6e-4, 0, 0], [0, 0, 0, 1], [0, 8e-4, 0, 0], [0, 0, 0, 1]], r"perpendicular, but the cosine .* 0\.600"),
        ([[float("nan"), 0, 0, 0]] * 4, "'0.0' does not fit"),
        ([[1, 0], [0, 1]], "the key '0.2' is required"),
    ],
)
def test_affines_of_something_else_are_refused(matrix: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_affine(affine(tmp_path / "a.json", matrix))


def test_others_lie_where_the_user_says(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "50.ome.zarr", np.zeros((40, 50), np.uint8), 32.0)
    section = placed(tmp_path / "50.ome.zarr", FRAME)
    assert section.spacing_um == 32.0
    np.testing.assert_allclose(section.brain_mm(np.array([[1000.0, 2000.0]])), [[-3.0, -69.02, 5.0]], atol=1e-9)
    given = affine(tmp_path / "mine_0050.json", [[0.032, 0, 0, 1], [0, 0, 1, 2], [0, -0.032, 0, 3], [0, 0, 0, 1]])
    for name in (str(given), str(tmp_path / "mine_{id:04d}.json")):
        section = placed(tmp_path / "50.ome.zarr", Placement(affine=name))
        np.testing.assert_allclose(section.brain_mm(np.array([[1000.0, 2000.0]])), [[3.0, 2.0, 2.0]], atol=1e-9)


def test_a_section_without_a_place_or_a_pixel_size_is_refused(tmp_path: Path) -> None:
    path = small_tiff(tmp_path / "slice_50.tif")
    with pytest.raises(InputError, match=r"there is no slice_50_affine\.json; give --affine FILE, or --y0-mm"):
        placed(path, Placement(spacing_um=2.0))
    with pytest.raises(InputError, match=r"the pixel size of slice_50.tif must be known.*give --spacing-um"):
        placed(path, FRAME)


def test_pixel_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "50.ome.zarr", np.zeros((40, 50), np.uint8), 32.0)
    given = affine(tmp_path / "a.json", [[0.021, 0, 0, 1], [0, 0, 1, 2], [0, -0.021, 0, 3], [0, 0, 0, 1]])
    with pytest.raises(InputError, match="must be one, but it is 32 µm by its header, 21 µm by its affine; correct"):
        placed(tmp_path / "50.ome.zarr", Placement(affine=str(given)))


def test_a_section_wider_than_any_brain_is_refused(tmp_path: Path) -> None:
    path = small_tiff(tmp_path / "slice_50.tif")
    frame = Placement(spacing_um=9000.0, y0_mm=0.0, y_step_mm=1.0, left_mm=0.0, top_mm=0.0)
    assert placed(path, frame).size_um == (360_000.0, 450_000.0)
    given = affine(tmp_path / "a.json", [[21.0, 0, 0, 1], [0, 0, 1, 2], [0, -21.0, 0, 3], [0, 0, 0, 1]])
    with pytest.raises(InputError, match=r"at most 1000 mm wide, but slice_50\.tif .* would have 1050; correct"):
        placed(path, Placement(affine=str(given)))


def test_half_a_place_two_places_and_absurd_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="the place of a section is said once, got --affine and numbers"):
        Placement(affine="a.json", y0_mm=1.0)
    with pytest.raises(InputError, match="all of --y0-mm, --y-step-mm, --left-mm and --top-mm, got 2 of them"):
        Placement(y0_mm=1.0, top_mm=2.0)
    for spacing_um in (0.0, -1.0, 1e5):
        with pytest.raises(InputError, match="a pixel size lies between 0 and 10000 µm"):
            Placement(spacing_um=spacing_um)
