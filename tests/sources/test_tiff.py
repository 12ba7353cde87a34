import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from gennari.errors import InputError
from gennari.sources import tiff
from gennari.sources.resample import area_mean
from gennari.sources.tiff import tiff_pyramid, write_tiff


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (330, 451), dtype=np.uint8)


def fetched(path: Path, level: int = 0) -> np.ndarray:
    stored = tiff_pyramid(str(path)).levels[level]
    return stored.fetch(0, stored.shape_px[0], 0, stored.shape_px[1])


def test_pages_of_1_4_16_and_64_are_levels_of_a_bigtiff(image: np.ndarray, tmp_path: Path) -> None:
    write_tiff(tmp_path / "B20_0102.tif", image, (1, 4, 16, 64))
    assert (tmp_path / "B20_0102.tif").read_bytes()[:4] == b"II\x2b\x00"
    pyramid = tiff_pyramid(str(tmp_path / "B20_0102.tif"))
    assert [level.factor for level in pyramid.levels] == [1, 4, 16, 64]
    for level, factor in enumerate((1, 4, 16, 64)):
        np.testing.assert_array_equal(fetched(tmp_path / "B20_0102.tif", level), area_mean(image, factor))


def test_pages_rounded_down_are_levels_and_thumbnails_are_not(image: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for pixels in (image, image[:328:4, :448:4], image[:200, :200], image[:160:16, :448:16][:20]):
            writer.write(pixels, photometric="minisblack", metadata=None)
    assert [level.factor for level in tiff_pyramid(str(tmp_path / "a.tif")).levels] == [1, 4]


def test_tiles_that_are_not_stored_are_glass_or_what_the_file_says(image: np.ndarray, tmp_path: Path) -> None:
    def tiles():
        yield from (image[:64, :64], None, None, image[64:128, 64:128])

    for extra, fill in (((), 255), ([(42113, "s", 0, "7", True)], 7), ([(42113, "s", 0, "-9", True)], 255)):
        options = {"tile": (64, 64), "compression": "zlib", "photometric": "minisblack", "extratags": extra}
        tifffile.imwrite(tmp_path / "a.tif", tiles(), shape=(128, 128), dtype=np.uint8, **options)
        expected = np.full((128, 128), fill)
        expected[:64, :64], expected[64:, 64:] = image[:64, :64], image[64:128, 64:128]
        np.testing.assert_array_equal(fetched(tmp_path / "a.tif"), expected)


def test_the_factor_of_a_level_is_told_by_its_shape() -> None:
    for finest in ((140_003, 120_001), (5711, 6572), (330, 451)):
        for factor in (1, 2, 4, 16, 64, 256):
            down = tuple(side // factor for side in finest)
            up = tuple(-(-side // factor) for side in finest)
            assert tiff._factor(finest, down) == tiff._factor(finest, up) == factor
    assert tiff._factor((9000, 12_000), (3000, 4000)) == 3
    assert tiff._factor((9000, 12_000), (3000, 4010)) == 0
    assert tiff._factor((9000, 12_000), (12_000, 16_000)) == 0


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
def test_compressions_of_colour_images(compression: str | None, rng: np.random.Generator, tmp_path: Path) -> None:
    colour = rng.integers(0, 256, (100, 130, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, tile=(64, 64), photometric="rgb", compression=compression)
    expected = np.floor(colour @ [0.299, 0.587, 0.114] + 0.5 + 1e-9)
    np.testing.assert_array_equal(fetched(tmp_path / "a.tif"), expected)


def test_jpeg_tiles_come_near(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(0, 250, 2, dtype=np.uint8)[:, None], (125, 130)).copy()
    tifffile.imwrite(tmp_path / "a.tif", ramp, tile=(64, 64), photometric="minisblack", compression="jpeg")
    assert np.abs(fetched(tmp_path / "a.tif").astype(int) - ramp).max() < 8


def test_white_as_zero_is_turned_round(image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(fetched(tmp_path / "a.tif"), 255 - image)


@pytest.mark.parametrize(
    ("pixels", "options", "kind"),
    [
        (np.zeros((20, 20), np.uint16), {"photometric": "minisblack"}, "16 bits"),
        (np.zeros((3, 20, 20), np.uint8), {"photometric": "rgb", "planarconfig": "separate"}, "in separate planes"),
        (
            np.zeros((20, 20), np.uint8),
            {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "PALETTE",
        ),
    ],
)
def test_other_values_are_refused(pixels: np.ndarray, options: dict, kind: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    with pytest.raises(InputError, match=rf"must hold grey or RGB values of 8 bits.*{kind}"):
        tiff_pyramid(str(tmp_path / "a.tif"))


def test_a_stack_of_sections_is_refused(image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([image, image]), photometric="minisblack")
    with pytest.raises(InputError, match=r"two of its pages have the full size \(330 x 451 px\); give one"):
        tiff_pyramid(str(tmp_path / "a.tif"))


def test_a_strip_or_tile_of_over_100_megapixels_is_refused_by_the_head(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 20), np.uint8), photometric="minisblack")
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    for tag in (256, 257, 278):  # ImageWidth, ImageLength, RowsPerStrip
        at = raw.index(struct.pack("<H", tag), 8)
        raw[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 3_000_000)
    (tmp_path / "a.tif").write_bytes(raw)
    with pytest.raises(InputError, match=r"a strip of .*3000000 x 3000000 px; write the image anew in tiles"):
        tiff_pyramid(str(tmp_path / "a.tif"))


def test_a_damaged_tile_is_refused_and_the_others_are_read(image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        at, count = file.pages.first.dataoffsets[0], file.pages.first.databytecounts[0]
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    raw[at : at + count] = bytes(count)
    (tmp_path / "a.tif").write_bytes(raw)
    level = tiff_pyramid(str(tmp_path / "a.tif")).levels[0]
    np.testing.assert_array_equal(level.fetch(64, 128, 64, 128), image[64:128, 64:128])
    with pytest.raises(InputError, match="must hold whole tiles, but one is damaged"):
        level.fetch(0, 10, 0, 10)
