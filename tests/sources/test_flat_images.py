import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.flat_images import png_header, png_pyramid, write_png


def fetched(path: Path) -> np.ndarray:
    level = png_pyramid(str(path)).levels[0]
    return level.fetch(0, level.shape_px[0], 0, level.shape_px[1])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def head_of(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def test_the_head_is_read_without_the_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(head_of(6573, 5712))
    assert png_header(tmp_path / "a.png").shape_px == (5712, 6573)


def test_over_100_megapixels_are_refused_by_the_head_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(head_of(10_000, 10_000))
    assert png_header(tmp_path / "a.png").shape_px == (10_000, 10_000)
    for width, height in ((10_000, 10_001), (2**31 - 1, 2**31 - 1)):
        (tmp_path / "a.png").write_bytes(head_of(width, height))
        with pytest.raises(InputError, match=rf"at most 100 Mpx.*{height} x {width} px; write it as a tiled"):
            png_pyramid(str(tmp_path / "a.png"))


def test_colour_and_opacity_are_read(rng: np.random.Generator, tmp_path: Path) -> None:
    colour = rng.integers(0, 256, (8, 9, 4), dtype=np.uint8)
    colour[..., 3] = 255
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(colour))
    expected = np.floor(colour[..., :3] @ [0.299, 0.587, 0.114] + 0.5 + 1e-9)
    np.testing.assert_array_equal(fetched(tmp_path / "a.png"), expected)


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.zeros((4, 4), np.uint16)))
    with pytest.raises(InputError, match="must have 8 bits a value, but it has 16"):
        fetched(tmp_path / "a.png")


def test_the_file_is_decoded_once(rng: np.random.Generator, tmp_path: Path) -> None:
    image = rng.integers(0, 256, (8, 9), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    level = png_pyramid(str(tmp_path / "a.png")).levels[0]
    np.testing.assert_array_equal(level.fetch(1, 3, 2, 5), image[1:3, 2:5])
    (tmp_path / "a.png").unlink()
    np.testing.assert_array_equal(level.fetch(0, 8, 0, 9), image)
