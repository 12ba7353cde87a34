import numpy as np
import pytest
from PIL import Image

from gennari.classical.gli import cell_index, cell_mask, grey_level_index
from gennari.errors import InputError


def test_cells_are_darker_than_the_mean_around_them(rng):
    image = rng.uniform(0, 255, (20, 23))
    got = cell_mask(image, 2.0, window_um=10.0, offset_grey=30.0)
    mirrored = np.pad(image, 2, mode="symmetric")
    for i in range(20):
        for j in range(23):
            assert got[i, j] == (image[i, j] < mirrored[i : i + 5, j : j + 5].mean() - 30)


def test_slow_changes_of_the_stain_do_not_make_cells():
    slope = np.linspace(100, 250, 400)[None].repeat(50, 0)
    dotted = slope.copy()
    dotted[25, ::40] -= 60
    assert not cell_mask(slope, 1.0, 50.0).any()
    assert cell_mask(dotted, 1.0, 50.0).sum() == 10


def test_index_is_the_percentage_of_each_field(rng):
    cells = rng.random((35, 50)) < 0.3
    got = grey_level_index(cells, 2.0, 16.0)
    assert got.shape == (4, 6)
    for i in range(4):
        for j in range(6):
            assert got[i, j] == pytest.approx(100 * cells[8 * i : 8 * i + 8, 8 * j : 8 * j + 8].mean())


@pytest.mark.parametrize("spacing", [3.0, 16.0, 32.0])
def test_fields_that_are_no_whole_number_of_pixels_are_refused(spacing):
    with pytest.raises(InputError, match="whole number of pixels, at least two"):
        grey_level_index(np.zeros((9, 9), bool), spacing)


def dotted(rng, spacing_um, cell_um=12.0, side_um=900.0):
    """Pale tissue with round dark cells."""
    at = (np.arange(round(side_um / spacing_um)) + 0.5) * spacing_um
    image = np.full((len(at), len(at)), 200.0)
    for row, col in rng.uniform(0, side_um, (500, 2)):
        image[np.hypot(at[:, None] - row, at[None] - col) < cell_um / 2] = 90
    return image


@pytest.mark.parametrize(("spacing", "field"), [(2.0, 16.0), (3.0, 15.0), (4.0, 16.0)])
def test_cells_that_are_seen_are_indexed(rng, spacing, field):
    image = dotted(rng, spacing)
    got = cell_index(image, spacing)
    assert (got.kind, got.spacing_um) == ("gli", field)
    assert np.array_equal(got.values, grey_level_index(cell_mask(image, spacing), spacing, field))
    assert got.values.mean() == pytest.approx(100 * (image < 100).mean(), rel=0.05)


@pytest.mark.parametrize(("spacing", "field"), [(5.0, 15.0), (16.0, 16.0), (32.0, 32.0)])
def test_staining_stands_in_where_pixels_are_too_wide(rng, spacing, field):
    image = dotted(rng, spacing)
    got = cell_index(image, spacing)
    assert (got.kind, got.spacing_um) == ("staining", field)
    side = round(field / spacing)
    assert got.values[2, 5] == pytest.approx(255 - image[2 * side : 3 * side, 5 * side : 6 * side].mean(), rel=1e-6)


def test_an_image_that_was_made_finer_than_it_was_taken_shows_no_cells(rng):
    image = dotted(rng, 2.0)[:448, :448]
    averaged = image.reshape(28, 16, 28, 16).mean(axis=(1, 3))
    assert cell_index(image, 2.0).kind == "gli"
    assert cell_index(np.kron(averaged, np.ones((16, 16))), 2.0).kind == "staining"
    assert cell_index(averaged.mean() + 8 * rng.normal(size=(448, 448)), 2.0).kind == "staining"


def test_the_contrast_that_cells_need_is_that_within_fields_of_tissue(rng):
    image = np.full((64, 96), 255.0)
    image[:, :48] = 150 + 40 * rng.choice([-1.0, 1.0], size=(64, 48))
    tissue = image[:, :48].reshape(8, 8, 6, 8)
    contrast = np.sqrt(tissue.var(axis=(1, 3)).mean()) / (255 - tissue.mean())
    assert cell_index(image, 2.0, least_contrast=1.01 * contrast).kind == "staining"
    assert cell_index(image, 2.0, least_contrast=0.99 * contrast).kind == "gli"


def test_empty_glass_has_no_cells():
    got = cell_index(np.full((40, 40), 255.0), 2.0)
    assert got.kind == "staining"
    assert (got.values == 0).all()


@pytest.mark.parametrize("field", [8.0, 32.0])
def test_fields_may_be_of_another_size(rng, field):
    assert cell_index(dotted(rng, 2.0), 2.0, field_um=field).spacing_um == field


@pytest.mark.real
def test_cells_of_real_cortex_are_seen_at_1_um_and_not_at_32(real_data):
    image = np.asarray(Image.open(real_data / "images" / "cell-body-stained-cortex.tif").convert("L"), float)
    fine = cell_index(image, 1.0)
    assert fine.kind == "gli"
    assert 5 < fine.values.mean() < 40
    h, w = (size // 32 * 32 for size in image.shape)
    averaged = image[:h, :w].reshape(h // 32, 32, w // 32, 32).mean(axis=(1, 3))
    assert cell_index(averaged, 32.0).kind == "staining"
    assert cell_index(np.kron(averaged, np.ones((32, 32))), 1.0).kind == "staining"
