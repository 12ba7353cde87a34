"""What OME-Zarr images of others hold; tests/sources/test_sections.py has our own, test_formats.py the pixels."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from gennari.errors import InputError
from gennari.sources.ome_zarr import zarr_pyramid


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (60, 70), dtype=np.uint8)


def written(
    folder: Path,
    pixels: np.ndarray,
    names: str,
    scale: list[float],
    unit: str | None = "micrometer",
    version: int = 2,
    **options: object,
) -> str:
    """One level, its axes named by letters."""
    axes = [{"name": name, "type": "space"} | ({"unit": unit} if unit and name in "yx" else {}) for name in names]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    said: dict = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.create_group(
        folder / "a.zarr", zarr_format=version, attributes=said if version == 2 else {"ome": said}
    )
    stored = group.create_array("0", shape=pixels.shape, dtype=pixels.dtype, **{"chunks": pixels.shape, **options})
    stored[:] = pixels
    return str(folder / "a.zarr")


def fetched(location: str) -> np.ndarray:
    level = zarr_pyramid(location).levels[0]
    return level.fetch(0, level.shape_px[0], 0, level.shape_px[1])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("unit", "expected"), [("nanometer", 0.5e-3), ("micrometer", 0.5), ("millimeter", 500.0), (None, None)]
)
def test_the_unit_of_the_axes_is_read(
    version: int, unit: str | None, expected: float | None, image: np.ndarray, tmp_path: Path
) -> None:
    location = written(tmp_path, image, "yx", [0.5, 0.5], unit, version)
    assert zarr_pyramid(location).spacing_um == (None if expected is None else pytest.approx(expected))
    np.testing.assert_array_equal(fetched(location), image)


def test_channels_are_colours_wherever_they_stand(rng: np.random.Generator, tmp_path: Path) -> None:
    colour = rng.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    expected = np.floor(np.moveaxis(colour, 0, 2) @ [0.299, 0.587, 0.114] + 0.5 + 1e-9)
    location = written(tmp_path, colour[None, :, None], "tczyx", [1, 1, 9, 0.5, 0.5])
    np.testing.assert_array_equal(fetched(location), expected)


def test_x_may_come_before_y(image: np.ndarray, tmp_path: Path) -> None:
    location = written(tmp_path, image.T.copy(), "xy", [0.5, 0.5])
    np.testing.assert_array_equal(fetched(location), image)


def test_what_is_not_stored_has_the_value_that_the_array_names(tmp_path: Path) -> None:
    location = written(tmp_path, np.full((60, 70), 9, np.uint8), "yx", [0.5, 0.5], fill_value=9)
    assert not (tmp_path / "a.zarr" / "0" / "0.0").exists()
    np.testing.assert_array_equal(fetched(location), 9)


@pytest.mark.parametrize(
    ("shape", "names", "scale", "message"),
    [
        ((4, 60, 70), "zyx", [9, 1, 1], r"one plane, one time, grey or RGB\), but its shape is \(4, 60, 70\)"),
        ((2, 60, 70), "tyx", [9, 1, 1], r"but its shape is \(2, 60, 70\)"),
        ((7, 60, 70), "cyx", [1, 1, 1], r"but its shape is \(7, 60, 70\)"),
        ((60, 70, 3), "yxc", [1, 1, 1], "the last two axes of .* must be y and x, got y, x, c"),
        ((60, 70), "yx", [1.0, 1.1], r"square pixels, but its scale is 1 and 1\.1"),
        ((60, 70), "yx", [1.0, 1.0, 1.0], "must have a number for each of its axes"),
    ],
)
def test_what_is_no_section_is_refused(
    shape: tuple[int, ...], names: str, scale: list[float], message: str, tmp_path: Path
) -> None:
    location = written(tmp_path, np.zeros(shape, np.uint8), names, scale)
    with pytest.raises(InputError, match=message):
        zarr_pyramid(location)


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    location = written(tmp_path, np.zeros((60, 70), np.uint16), "yx", [1, 1])
    with pytest.raises(InputError, match="values of 8 bits, but it holds uint16; scale it"):
        zarr_pyramid(location)


def test_a_chunk_of_over_100_megapixels_is_refused_by_the_head(tmp_path: Path) -> None:
    location = written(tmp_path, np.zeros((4, 4), np.uint8), "yx", [1, 1])
    document = Path(location) / "0" / ".zarray"
    text = document.read_text().replace("4,", "2000000,").replace("4\n", "2000000\n")
    document.write_text(text)
    with pytest.raises(InputError, match=r"a chunk of .* has 2000000 x 2000000 px; write the image anew in chunks"):
        zarr_pyramid(location)
