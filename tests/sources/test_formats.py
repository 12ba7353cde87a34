"""The same section in every format: one set of pixels, whatever holds them."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
import tifffile
import zarr

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section, Window
from gennari.sources.flat_images import write_png
from gennari.sources.minc import write_minc
from gennari.sources.resample import area_mean
from gennari.sources.sections import open_pyramid, open_section, write_ome_zarr
from gennari.sources.tiff import write_tiff

SPACING_UM = 2.0
FACTORS = (1, 4, 16)


def as_png(folder: Path, image: np.ndarray) -> Path:
    write_png(folder / "7.png", image)
    return folder / "7.png"


def as_minc(folder: Path, image: np.ndarray) -> Path:
    write_minc(folder / "7.mnc", image, 1e-3 * SPACING_UM, -3.0, 4.0)
    return folder / "7.mnc"


def as_tiff(folder: Path, image: np.ndarray) -> Path:
    write_tiff(folder / "7.tif", image, FACTORS)
    return folder / "7.tif"


def as_striped_tiff(folder: Path, image: np.ndarray) -> Path:
    tifffile.imwrite(folder / "7.tiff", image, rowsperstrip=7, photometric="minisblack")
    return folder / "7.tiff"


def as_tiff_with_subimages(folder: Path, image: np.ndarray) -> Path:
    with tifffile.TiffWriter(folder / "7.tif") as writer:
        for factor in FACTORS:
            more = {"subifds": len(FACTORS) - 1} if factor == 1 else {"subfiletype": 1}
            writer.write(area_mean(image, factor), tile=(128, 128), photometric="minisblack", **more)
    return folder / "7.tif"


def as_zarr_05(folder: Path, image: np.ndarray) -> Path:
    write_ome_zarr(folder / "7.ome.zarr", image, SPACING_UM, levels=3)
    return folder / "7.ome.zarr"


def as_zarr_04(folder: Path, image: np.ndarray) -> Path:
    """As bioformats2raw writes: five axes, a wrapping group, millimetres."""
    root = zarr.create_group(folder / "7.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    datasets = []
    group = root.create_group("0")
    for level, factor in enumerate(FACTORS):
        pixels = area_mean(image, factor)[None, None, None]
        array = group.create_array(str(level), shape=pixels.shape, dtype="uint8", chunks=(1, 1, 1, 100, 90))
        array[:] = pixels
        scale = {"type": "scale", "scale": [1, 1, 1, factor, factor]}
        datasets.append({"path": str(level), "coordinateTransformations": [scale]})
    common = {"type": "scale", "scale": [1, 1, 1, 1e-3 * SPACING_UM, 1e-3 * SPACING_UM]}
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": datasets, "coordinateTransformations": [common]}
    ]
    return folder / "7.zarr"


def as_precomputed(folder: Path, image: np.ndarray, sparse: bool = False) -> Path:
    for level, factor in enumerate(FACTORS):
        pixels = area_mean(image, factor)
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": {"driver": "file", "path": f"{folder / '7'}/"},
            "multiscale_metadata": {"type": "image", "data_type": "uint8", "num_channels": 1},
            "scale_metadata": {
                "resolution": [1e3 * SPACING_UM * factor, 1e3 * SPACING_UM * factor, 20000],
                "encoding": "raw",
                "chunk_size": [64, 80, 1],
                "size": [pixels.shape[1], pixels.shape[0], 1],
                "voxel_offset": [5, 3, 1000],
            },
        }
        if level == 0:
            spec |= {"delete_existing": True}
        array = ts.open(spec, create=True, open=level > 0).result()
        array[:, :, 1000, 0] = pixels.T
    return folder / "7"


Writer = Callable[[Path, np.ndarray], Path]
WRITERS = [
    as_png, as_minc, as_tiff, as_striped_tiff, as_tiff_with_subimages, as_zarr_05, as_zarr_04, as_precomputed,
]  # fmt: skip
PYRAMIDS = [as_tiff, as_tiff_with_subimages, as_zarr_04, as_precomputed]
formats = pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (330, 451), dtype=np.uint8)


@pytest.fixture
def shown(image: np.ndarray) -> Section:
    return Section(brain="A", id=7, spacing_um=SPACING_UM, shape_px=image.shape, to_brain=coronal(0.0, 0.0, 0.0))


def window(**changes: object) -> Window:
    """The pixels of rows 20 to 260 and columns 8 to 408."""
    base = {"centre_um": (140 * SPACING_UM, 208 * SPACING_UM), "size_px": (240, 400), "spacing_um": SPACING_UM}
    return Window(**{"brain": "A", "section": 7} | base | changes)


@formats
def test_every_pixel_comes_back(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    reader = open_section(write(tmp_path, image), shown)
    np.testing.assert_array_equal(reader.read(window()), image[20:260, 8:408])
    np.testing.assert_array_equal(reader.whole(SPACING_UM), image)


@formats
def test_coarser_windows_are_area_means(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    got = open_section(write(tmp_path, image), shown).read(window(size_px=(30, 50), spacing_um=8 * SPACING_UM))
    expected = image[20:260, 8:408].reshape(30, 8, 50, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(got, expected, atol=0.5)  # stored levels are rounded


@formats
def test_a_turned_window_is_the_same_from_every_format(
    write: Writer, image: np.ndarray, shown: Section, tmp_path: Path
) -> None:
    turned = window(size_px=(40, 40), rotation_deg=33.0)
    oracle = open_section(as_png(tmp_path / "other", image), shown).read(turned)
    np.testing.assert_array_equal(open_section(write(tmp_path, image), shown).read(turned), oracle)


@formats
def test_a_window_that_leaves_the_section_is_padded_with_glass(
    write: Writer, image: np.ndarray, shown: Section, tmp_path: Path
) -> None:
    corner = window(centre_um=(330 * SPACING_UM, 451 * SPACING_UM), size_px=(20, 20))
    expected = np.full((20, 20), 255)
    expected[:10, :10] = image[320:, 441:]
    np.testing.assert_array_equal(open_section(write(tmp_path, image), shown).read(corner), expected)


@formats
def test_readers_travel_without_pixels_and_handles(
    write: Writer, image: np.ndarray, shown: Section, tmp_path: Path
) -> None:
    reader = open_section(write(tmp_path, image), shown)
    before = reader.read(window())
    travelled = pickle.dumps(reader)
    assert len(travelled) < 3000
    np.testing.assert_array_equal(pickle.loads(travelled).read(window()), before)


@formats
def test_an_image_of_another_shape_is_refused(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    path = write(tmp_path, image)
    for rows, cols in ((331, 451), (330, 449), (328, 451)):
        with pytest.raises(InputError, match=r"the brain's index gives section 7.*got \(330, 451\)"):
            open_section(path, replace(shown, shape_px=(rows, cols)))


@formats
def test_a_pad_of_one_pixel_is_not_looked_at(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    reader = open_section(write(tmp_path, image), replace(shown, shape_px=(329, 450)))
    np.testing.assert_array_equal(reader.whole(SPACING_UM), image[:329, :450])
    corner = reader.read(window(centre_um=(329 * SPACING_UM, 450 * SPACING_UM), size_px=(2, 2)))
    np.testing.assert_array_equal(corner, [[image[328, 449], 255], [255, 255]])


@pytest.mark.parametrize("write", PYRAMIDS, ids=lambda write: write.__name__)
def test_levels_are_found(write: Writer, image: np.ndarray, tmp_path: Path) -> None:
    pyramid = open_pyramid(str(write(tmp_path, image)))
    assert [level.factor for level in pyramid.levels] == pytest.approx(FACTORS)
    for level, factor in zip(pyramid.levels, FACTORS, strict=True):
        expected = area_mean(image, factor)
        assert level.shape_px == expected.shape
        np.testing.assert_array_equal(level.fetch(0, level.shape_px[0], 0, level.shape_px[1]), expected)
        np.testing.assert_array_equal(level.fetch(3, 11, 2, 17), expected[3:11, 2:17])


@pytest.mark.parametrize("write", [as_minc, as_zarr_05, as_zarr_04, as_precomputed], ids=lambda write: write.__name__)
def test_headers_with_a_pixel_size_are_believed(
    write: Writer, image: np.ndarray, shown: Section, tmp_path: Path
) -> None:
    path = write(tmp_path, image)
    assert open_pyramid(str(path)).spacing_um == pytest.approx(SPACING_UM)
    with pytest.raises(InputError, match="2 µm; was the image replaced"):
        open_section(path, replace(shown, spacing_um=1.9))


@pytest.mark.parametrize("write", [as_png, as_tiff], ids=lambda write: write.__name__)
def test_files_without_a_pixel_size_take_that_of_the_index(
    write: Writer, image: np.ndarray, shown: Section, tmp_path: Path
) -> None:
    path = write(tmp_path, image)
    assert open_pyramid(str(path)).spacing_um is None
    wider = window(spacing_um=10.0, centre_um=(1400.0, 2080.0))
    np.testing.assert_array_equal(open_section(path, replace(shown, spacing_um=10.0)).read(wider), image[20:260, 8:408])


@pytest.mark.parametrize("write", [as_png, as_minc], ids=lambda write: write.__name__)
def test_what_is_decoded_whole_says_how_much_it_holds(write: Writer, image: np.ndarray, tmp_path: Path) -> None:
    assert open_pyramid(str(write(tmp_path, image))).held_bytes == image.size


@pytest.mark.parametrize("write", PYRAMIDS, ids=lambda write: write.__name__)
def test_what_is_read_in_parts_holds_nothing(write: Writer, image: np.ndarray, tmp_path: Path) -> None:
    assert open_pyramid(str(write(tmp_path, image))).held_bytes == 0


@pytest.mark.parametrize("name", ["7.png", "7.mnc", "7.tif", "7.zarr", "7"])
def test_a_missing_image_is_named(name: str, shown: Section, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{name}.*but there is none"):
        open_section(tmp_path / name, shown)


@pytest.mark.parametrize("name", ["7.png", "7.mnc", "7.tif"])
def test_a_file_of_something_else_is_refused(name: str, shown: Section, tmp_path: Path) -> None:
    (tmp_path / name).write_text("years of a thesis, in plain words")
    with pytest.raises(InputError, match=rf"{name} must be"):
        open_section(tmp_path / name, shown)


@pytest.mark.parametrize("write", [as_png, as_minc, as_tiff, as_striped_tiff], ids=lambda write: write.__name__)
def test_a_file_cut_short_is_refused(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    path = write(tmp_path, image)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"{path.name} must"):
        open_section(path, shown).read(window())


@pytest.mark.parametrize("write", [as_zarr_04, as_precomputed], ids=lambda write: write.__name__)
def test_a_damaged_chunk_is_refused(write: Writer, image: np.ndarray, shown: Section, tmp_path: Path) -> None:
    path = write(tmp_path, image)
    chunks = [file for file in path.rglob("*") if file.is_file() and file.name[0].isdigit()]
    for chunk in chunks:
        chunk.write_bytes(b"no pixels")
    with pytest.raises(InputError, match="must hold whole chunks, but one is damaged"):
        open_section(path, shown).read(window())
