"""Tiled images are read in parts: memory does not grow with the section. Measured in fresh processes, by difference."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

LARGE, SMALL = (60_000, 50_000), (1_500, 1_250)
TISSUE_PX = 5 * 512
"""Side of the square of tissue, in the middle of the large section: 25 of 11,564 chunks."""
PROGRAM = """
import resource, sys
import numpy as np
from gennari.frames import coronal
from gennari.records import Section, Window
from gennari.sources.sections import open_section
path, rows, cols = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
section = Section(brain="A", id=1, spacing_um=1.0, shape_px=(rows, cols), to_brain=coronal(0.0, 0.0, 0.0))
reader = open_section(path, section)
for down in (0.2, 0.5, 0.5, 0.8):
    window = Window(
        brain="A", section=1, centre_um=(rows * down, cols * 0.5), size_px=(1024, 1024), spacing_um=1.0, rotation_deg=20
    )
    mean = reader.read(window).mean()
    print(mean)
print(reader.whole(256.0).mean())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def tiles(shape: tuple[int, int], pixels: np.ndarray) -> Iterator[np.ndarray | None]:
    """Tiles of 512 px in reading order; None where there is nothing."""
    first = [(side // 2 - TISSUE_PX // 2) // 512 for side in shape]
    for i in range(-(-shape[0] // 512)):
        for j in range(-(-shape[1] // 512)):
            inside = all(0 <= at - begin < TISSUE_PX // 512 for at, begin in zip((i, j), first, strict=True))
            # tifffile looks at the first tile to learn what it is given
            yield pixels if inside or shape == SMALL else np.full_like(pixels, 255) if i == j == 0 else None


def as_tiff(path: Path, shape: tuple[int, int], pixels: np.ndarray) -> None:
    options = {"tile": (512, 512), "compression": "zlib", "photometric": "minisblack", "bigtiff": True}
    tifffile.imwrite(path, tiles(shape, pixels), shape=shape, dtype=np.uint8, metadata=None, **options)


def as_zarr(path: Path, shape: tuple[int, int], pixels: np.ndarray) -> None:
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = {"type": "scale", "scale": [1.0, 1.0]}
    multiscales = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}]
    group = zarr.create_group(path, zarr_format=3, attributes={"ome": {"version": "0.5", "multiscales": multiscales}})
    array = group.create_array("0", shape=shape, dtype="uint8", chunks=(512, 512), fill_value=255)
    across = -(-shape[1] // 512)
    for number, tile in enumerate(tiles(shape, pixels)):
        if tile is not None:
            row, col = 512 * (number // across), 512 * (number % across)
            array[row : row + 512, col : col + 512] = tile[: shape[0] - row, : shape[1] - col]


def peak(path: Path, shape: tuple[int, int]) -> tuple[list[float], float]:
    """Mean grey values of the windows, and the most memory that the process ever held, in MB."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(shape[0]), str(shape[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *means, kilobytes = (float(line) for line in done.stdout.split())
    return means, kilobytes / 1024


@pytest.mark.slow
@pytest.mark.parametrize("write", [as_tiff, as_zarr], ids=["tiff", "zarr"])
def test_memory_does_not_grow_with_the_section(write, rng: np.random.Generator, tmp_path: Path) -> None:
    pixels = rng.integers(0, 200, (512, 512), dtype=np.uint8)
    write(tmp_path / "large.tif" if write is as_tiff else tmp_path / "large.zarr", LARGE, pixels)
    write(tmp_path / "small.tif" if write is as_tiff else tmp_path / "small.zarr", SMALL, pixels)
    large, small = (next(tmp_path.glob(f"{name}.*")) for name in ("large", "small"))
    tissue = sum(file.stat().st_size for file in ([large] if large.is_file() else large.rglob("*")) if file.is_file())
    assert tissue < 0.02 * LARGE[0] * LARGE[1]
    means, most = peak(large, LARGE)
    _, least = peak(small, SMALL)
    assert means[0] == means[3] == 255  # glass
    assert means[1] == means[2] == pytest.approx(99.5, abs=2)  # tissue
    share = TISSUE_PX**2 / (LARGE[0] * LARGE[1])
    assert means[4] == pytest.approx(255 - share * 155.5, abs=0.1)
    assert most - least < 150  # the whole section has 3,000 MB; bands of 34 MB are averaged
