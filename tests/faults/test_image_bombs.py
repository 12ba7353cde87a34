"""Images that ask for far more memory than they are: refused by their heads, before any memory is taken."""

import json
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from zarr.codecs import ZstdCodec

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sources import tiff
from gennari.sources.embedded import stream_shape
from gennari.sources.label_images import read_label_image
from gennari.sources.pyramids import Level, Pyramid, PyramidReader
from gennari.sources.sections import open_pyramid

SECTION = Section(brain="A", id=1, spacing_um=1.0, shape_px=(100, 100), to_brain=coronal(0.0, 0.0, 0.0))
MUCH = 64 * 2**20
"""Bytes that no refusal may take; each of these files asks for hundreds of megabytes at least."""
Maker = Callable[[Path], None]


def png(path: Path) -> None:
    """200,000 x 200,000 px, said in 33 bytes."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 200_000, 200_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)))


def tiff_of_one_tile(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), tile=(16, 16))
    change(path, {256: 400_000, 257: 400_000, 322: 400_000, 323: 400_000})


def tiff_of_tiny_tiles(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), tile=(16, 16))
    change(path, {256: 4_000_000, 257: 4_000_000})


def tiff_of_a_large_jpeg(path: Path) -> None:
    """A tile of 16 x 16 px whose JPEG stream is one of 65,000 x 65,000."""
    stream = bytearray(imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint8)))
    place = stream.index(b"\xff\xc0")
    stream[place + 5 : place + 9] = struct.pack(">HH", 65_000, 65_000)
    with tifffile.TiffWriter(path) as writer:
        writer.write(iter([bytes(stream)]), shape=(16, 16), dtype=np.uint8, tile=(16, 16), compression="jpeg")


def minc(path: Path, shape: tuple[int, int] = (64, 64), **how: object) -> None:
    with h5py.File(path, "w") as file:
        for name, length in (("xspace", shape[1]), ("zspace", shape[0])):
            axis = file.create_dataset(f"minc-2.0/dimensions/{name}", data=np.int32(0))
            axis.attrs.update({"start": 0.0, "step": 0.02, "length": np.int32(length)})
        image = file.create_dataset("minc-2.0/image/0/image", shape, "u1", **how)
        image.attrs.update({"dimorder": np.bytes_("zspace,xspace"), "valid_range": np.array([0.0, 255.0])})
        file["minc-2.0/image/0/image-min"], file["minc-2.0/image/0/image-max"] = 0.0, 255.0


def minc_of_a_large_head(path: Path) -> None:
    minc(path, (200_000, 200_000), chunks=(64, 64))


def minc_of_a_swelling_chunk(path: Path) -> None:
    """A chunk of 4096 x 4096 px whose stored bytes unpack to 2 GB."""
    minc(path, (4096, 4096), chunks=(4096, 4096), compression="gzip")
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**24)) for _ in range(40)) + packer.flush()
    with h5py.File(path, "r+") as file:
        file["minc-2.0/image/0/image"].id.write_direct_chunk((0, 0), packed)


def zarr_image(path: Path) -> None:
    described(path, [{"path": "0"}])
    array(path / "0", (2**40, 2**40), (512, 512))


def zarr_of_one_chunk(path: Path) -> None:
    described(path, [{"path": "0"}])
    array(path / "0", (100_000, 100_000), (100_000, 100_000))


def precomputed_of_one_chunk(path: Path) -> None:
    scale = {"key": "0", "size": [9**6, 9**6, 1], "resolution": [1e3, 1e3, 1e3], "encoding": "raw"}
    info = {"type": "image", "data_type": "uint8", "num_channels": 1}
    path.mkdir()
    (path / "info").write_text(json.dumps({**info, "scales": [{**scale, "chunk_sizes": [[9**6, 9**6, 1]]}]}))


def described(path: Path, datasets: list[dict[str, object]]) -> None:
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scaled = [{**one, "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}]} for one in datasets]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": scaled}]}
    zarr.create_group(path, zarr_format=3, attributes={"ome": ome})


def array(path: Path, shape: tuple[int, int], chunk: tuple[int, int]) -> None:
    kept = {"configuration": {"chunk_shape": chunk}, "name": "regular"}
    head = {"zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8", "chunk_grid": kept}
    head |= {
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
        "attributes": {},
    }
    path.mkdir(parents=True)
    (path / "zarr.json").write_text(json.dumps(head))


def change(path: Path, tags: dict[int, int]) -> None:
    """Overwrite tags of the first page by numbers."""
    with tifffile.TiffFile(path, mode="r+b") as file:
        for code, value in tags.items():
            file.pages.first.tags[code].overwrite(value, dtype="I")


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("1.png", png, "at most 100 Mpx are decoded at once"),
        ("1.tif", tiff_of_one_tile, "at most 100 Mpx are decoded at once"),
        ("1.tif", tiff_of_tiny_tiles, "from 1 to 20,000,000 tiles or strips"),
        ("1.tif", tiff_of_a_large_jpeg, "at most 100 Mpx are decoded at once, but a tile of"),
        ("1.mnc", minc_of_a_large_head, "at most 100 Mpx are decoded at once"),
        ("1.mnc", minc_of_a_swelling_chunk, "a chunk of 16777216 bytes unpacks to more"),
        ("1.ome.zarr", zarr_image, "levels of 1 to 10,000,000 px a side"),
        ("1.ome.zarr", zarr_of_one_chunk, "at most 100 Mpx are decoded at once"),
        ("1", precomputed_of_one_chunk, "at most 100 Mpx are decoded at once"),
    ],
)
def test_an_image_that_would_fill_the_memory_is_refused(name: str, make: Maker, said: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=said):
            open_pyramid(str(tmp_path / name)).levels[0].fetch(0, 8, 0, 8)
        assert tracemalloc.get_traced_memory()[1] < MUCH
    finally:
        tracemalloc.stop()


def test_the_head_of_a_stream_says_what_decoding_it_would_fill() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    assert stream_shape(imagecodecs.jpeg8_encode(image)) == (20, 30, 3)
    for kind in ("j2k", "jp2"):
        assert stream_shape(imagecodecs.jpeg2k_encode(image, codecformat=kind)) == (20, 30, 3)
    hidden = imagecodecs.jpeg2k_encode(image, codecformat="jp2")
    box = struct.pack(">I4s", 60, b"xml ") + imagecodecs.jpeg2k_encode(image[:4, :4], codecformat="j2k")[:52]
    assert stream_shape(hidden[:12] + box + hidden[12:]) == (20, 30, 3)  # not what another box holds
    late = b"\xff\xd8\0" + imagecodecs.jpeg8_encode(image)[2:]  # a decoder would find the head behind the junk
    beginnings = (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 30, b"\xff\x4f\xff\x51", bytes(100))
    for junk in (late, *beginnings):
        assert stream_shape(junk) is None


def test_a_compression_whose_size_nobody_bounds_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", np.zeros((64, 64), np.uint8), tile=(64, 64), compression="png")
    with pytest.raises(InputError, match=r"must be stored plain, or by deflate, .*, but it is stored by PNG; convert"):
        open_pyramid(str(tmp_path / "1.tif"))


def test_a_page_of_one_pixel_is_no_level_of_a_large_image() -> None:
    assert tiff._factor((10_000_000, 8_000_000), (1, 1)) == 0  # ten million factors fit it
    assert tiff._factor((10_000_000, 8_000_000), (78_125, 62_500)) == 128


def test_a_whole_section_has_a_largest_size() -> None:
    large = Section(brain="A", id=1, spacing_um=0.1, shape_px=(10**7, 10**7), to_brain=coronal(0.0, 0.0, 0.0))
    level = Level(factor=1.0, shape_px=large.shape_px, fetch=lambda *place: np.zeros((1, 1), np.uint8))
    reader = PyramidReader(
        location="x", section=large, open_pyramid=lambda where: Pyramid(levels=(level,), spacing_um=0.1)
    )
    with pytest.raises(InputError, match=r"at most 17 Gpx, but x at 0\.1 µm has 10000000 x 10000000"):
        reader.whole(0.1)


@pytest.mark.parametrize("kind", ["L", "I"])
def test_a_label_image_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: str) -> None:
    png(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"1\.png"):
        read_label_image(tmp_path / "1.png", SECTION, {1: "a"})
    Image.new(kind, (8, 8)).save(tmp_path / "1.tif")
    change(tmp_path / "1.tif", {256: 100_000, 257: 100_000, 278: 100_000})
    with pytest.raises(InputError, match="read whole and may have 400 Mpx"):
        read_label_image(tmp_path / "1.tif", SECTION, {1: "a"})


SWELLING = """
import resource, sys
from gennari.errors import InputError
from gennari.sources.sections import open_pyramid
level = open_pyramid(sys.argv[1]).levels[0]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    level.fetch(0, 64, 0, 64)
except InputError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


def test_a_chunk_that_swells_is_read_no_further_than_its_shape(tmp_path: Path) -> None:
    """What we rely on tensorstore for: it decodes as many bytes as a chunk has pixels."""
    described(tmp_path / "1.ome.zarr", [{"path": "0"}])
    group = zarr.open_group(tmp_path / "1.ome.zarr")
    group.create_array("0", shape=(64, 64), dtype="uint8", chunks=(64, 64), compressors=ZstdCodec(level=1))[:] = 7
    (chunk,) = (path for path in (tmp_path / "1.ome.zarr" / "0" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(imagecodecs.zstd_encode(bytes(2**28), level=1))
    assert chunk.stat().st_size < 2**16
    command = [sys.executable, "-c", SWELLING, str(tmp_path / "1.ome.zarr")]
    done = subprocess.run(command, capture_output=True, text=True)
    taken_kb, said = done.stdout.split(maxsplit=1)
    assert "must hold whole chunks, but one is damaged" in said
    assert int(taken_kb) < MUCH // 1024
