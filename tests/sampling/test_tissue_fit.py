import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sampling.tissue_fit import fit_tissue, outer_edge, tissue_mask

SPACING_UM = 200.0
SHAPE = (200, 300)


def disk(row: float, col: float, radius: float, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (rows + 0.5 - row) ** 2 + (cols + 0.5 - col) ** 2 < radius**2


def ring(row: float, col: float, radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    return SPACING_UM * (np.array([row, col]) + radius * np.column_stack([np.cos(angle), np.sin(angle)]))


def test_concentric_circles_lie_the_difference_of_their_radii_apart() -> None:
    image = np.where(disk(100, 150, 60), 120.0, 255.0)
    for radius in (60, 55, 50):
        fit = fit_tissue(image, [[ring(100, 150, radius)]], SPACING_UM)
        assert fit.median_mm == pytest.approx((60 - radius) * SPACING_UM / 1000, abs=0.1)
        assert fit.far_mm == pytest.approx(fit.median_mm, abs=0.15)


def test_an_image_upside_down_is_told() -> None:
    image = np.where(disk(80, 150, 50), 120.0, 255.0)
    contours = [[ring(80, 150, 50)]]
    assert fit_tissue(image, contours, SPACING_UM).better is None
    turned = fit_tissue(image[::-1], contours, SPACING_UM)
    assert turned.better == "turned upside down"
    assert turned.otherwise_mm["turned upside down"] < 0.2
    mirrored = fit_tissue(image[:, ::-1], [[ring(80, 120, 50)]], SPACING_UM)
    assert mirrored.median_mm > 2


def test_twenty_for_twenty_one_micrometres_is_told() -> None:
    image = np.where(disk(100, 150, 60), 120.0, 255.0)
    scale = 21.1667 / 20
    contours = [[ring(100 * scale, 150 * scale, 60 * scale)]]
    assert fit_tissue(image, contours, SPACING_UM).better == "with pixels of 21.1667 µm instead of 20"
    contours = [[ring(100 / scale, 150 / scale, 60 / scale)]]
    assert fit_tissue(image, contours, SPACING_UM).better == "with pixels of 20 µm instead of 21.1667"


def test_inlets_and_holes_are_no_outlines() -> None:
    mask = disk(100, 150, 60)
    notched = mask.copy()
    notched[98:103, 150:] = False
    notched[80:84, 120:124] = False
    near = np.argwhere(outer_edge(notched, 10.0)) + 0.5
    radius = np.linalg.norm(near - [100, 150], axis=1)
    assert radius.min() > 55
    assert radius.max() < 61


def test_dirt_is_no_tissue_and_pale_white_matter_is() -> None:
    image = np.full(SHAPE, 250.0)
    image[disk(100, 150, 60)] = 120
    image[disk(100, 150, 30)] = 170
    image[5:9, 5:9] = 100
    np.testing.assert_array_equal(tissue_mask(image), disk(100, 150, 60))


def test_an_empty_image_and_a_plane_beside_the_brain_are_refused() -> None:
    with pytest.raises(InputError, match="next to nothing"):
        fit_tissue(np.full(SHAPE, 250.0), [[ring(100, 150, 60)]], SPACING_UM)
    with pytest.raises(InputError, match="must meet the cortex"):
        fit_tissue(np.full(SHAPE, 120.0), [[], []], SPACING_UM)
