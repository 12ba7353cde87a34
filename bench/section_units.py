"""What one core reads of a section, what it takes on the disk, and what it costs beside its pixels; last line is JSON.

python bench/section_units.py                                        # a minute
python bench/section_units.py --image FILE --surfaces DIR            # of real tissue at 2 µm, on other surfaces
python bench/section_units.py --quick                                # its figures only say that it runs

These are the unit costs of docs/costs/ that no other bench measures. Without an image, smoothed noise as grainy as
stained tissue stands in; maps are patches of classes some 0.8 mm wide, their probabilities those of soft borders.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from gennari.frames import coronal
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.labelled import section_prior
from gennari.recipes.paper import PAPER_2018
from gennari.records import Section
from gennari.sources.dataset import (
    brain_folder,
    fingerprint,
    open_dataset,
    write_brain_manifest,
    write_dataset_manifest,
)
from gennari.sources.flat_images import png_pyramid
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry, SectionEntry
from gennari.sources.probabilities import as_bytes, write_probability_bytes
from gennari.sources.sections import open_section, write_labels, write_ome_zarr
from gennari.sources.surfaces import read_hemispheres, write_hemispheres
from gennari.sources.tiff import tiff_pyramid

ROUNDS = 5
WINDOW_PX = 2043
SERIES = 7404
BLOB_PX = 200
"""Output pixels (4 µm) that a patch of one class is about wide."""


def tissue(side_px: int, image: Path | None) -> np.ndarray:
    """Grey values: of a file, laid side by side, or noise."""
    if image is None:
        noise = gaussian_filter(np.random.default_rng(0).normal(size=(side_px, side_px)), 1)
        return np.clip(150 + 50 * noise / noise.std(), 0, 254).astype(np.uint8)
    pyramid = png_pyramid(str(image)) if image.suffix == ".png" else tiff_pyramid(str(image))
    rows, cols = pyramid.levels[0].shape_px
    tile = pyramid.levels[0].fetch(0, rows, 0, cols)
    times = (-(-side_px // rows), -(-side_px // cols))
    return np.tile(np.minimum(tile, 254), times)[:side_px, :side_px].astype(np.uint8)


def reading(folder: Path, side_px: int, image: Path | None) -> dict[str, float]:
    """Windows of the paper's U-Net, read one after the other by one core, and bytes a pixel."""
    section = Section(
        brain="S", id=1, spacing_um=2.0, shape_px=(side_px, side_px), to_brain=coronal(0.0, 0.0, 0.0)
    )  # fmt: skip
    path = folder / "1.ome.zarr"
    write_ome_zarr(path, tissue(side_px, image), 2.0, levels=1)
    reader, rng, seconds = open_section(path, section), np.random.default_rng(1), []
    for _ in range(ROUNDS):
        first = rng.integers(0, side_px - WINDOW_PX, size=2)
        rows, cols = (slice(int(start), int(start) + WINDOW_PX) for start in first)
        began = time.process_time()
        reader.part(2.0, rows, cols)
        seconds.append(time.process_time() - began)
    return {
        "read_mpx_per_s": WINDOW_PX**2 / 1e6 / statistics.median(seconds),
        "image_bytes_per_px": stored(path) / side_px**2,
    }


def maps(folder: Path, side_px: int) -> dict[str, float]:
    """Bytes an output pixel of a map and of its probabilities."""
    rng = np.random.default_rng(2)
    scores = np.array([gaussian_filter(rng.normal(size=(side_px, side_px)), BLOB_PX / 4) for _ in LABEL_SET.names])
    scores /= scores.std()
    write_labels(folder / "labels.ome.zarr", scores.argmax(axis=0).astype(np.uint8), 4.0, LABEL_SET)
    shares = np.exp(8 * scores + 0.3 * rng.normal(size=scores.shape))
    shares = as_bytes((shares / shares.sum(axis=0)).astype(np.float32))
    write_probability_bytes(folder / "shares.ome.zarr", shares, 4.0, LABEL_SET, 1)
    return {
        "map_bytes_per_px": stored(folder / "labels.ome.zarr") / side_px**2,
        "share_bytes_per_px": stored(folder / "shares.ome.zarr") / side_px**2,
    }


def beside_pixels(root: Path, surfaces: Path | None, config: TextureConfig, sections: int) -> dict[str, float]:
    """Seconds that each section of a series costs beside its pixels: index, surfaces, prior."""
    hemispheres = fsaverage5_hemispheres(1) if surfaces is None else read_hemispheres(surfaces)
    # as a data set has them, the inflated ones too
    write_hemispheres(brain_folder(root, "S") / "surfaces", hemispheres)
    vertices = np.concatenate([h.pial.vertices_mm for h in hemispheres])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    shape = (int((high[2] - low[2]) * 500), int((high[0] - low[0]) * 500))
    planes = [coronal(y_mm=y, left_mm=low[0], top_mm=high[2]) for y in np.linspace(low[1], high[1], sections + 2)[1:-1]]
    entries = tuple(
        SectionEntry.of(Section(brain="S", id=n, spacing_um=2.0, shape_px=shape, to_brain=plane), f"{n}.ome.zarr")
        for n, plane in enumerate(planes)
    )
    manifest = BrainManifest(name="S", role="labelled", sections=entries, geometry="any", atlas=True)
    write_brain_manifest(root, manifest)
    classes = LabelSetEntry.of(LABEL_SET)
    write_dataset_manifest(root, DatasetManifest(name="series", licence="none", label_set=classes, brains=("S",)))
    rng = np.random.default_rng(3)
    left, right = (
        rng.dirichlet(np.ones(len(LABEL_SET.areas)), len(h.medial_wall)).astype(np.float32) for h in hemispheres
    )

    def once() -> float:
        began = time.process_time()
        dataset = open_dataset(root)
        fingerprint(dataset)
        brain = dataset.brain("S")
        section_prior(brain.hemispheres(), (left, right), brain.section(sections // 4), config)
        return time.process_time() - began

    once()  # what is compiled once is nobody's cost
    return {"section_s": once()}


def stored(path: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, help="a grey TIFF or PNG of tissue at 2 µm a pixel")
    parser.add_argument("--surfaces", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    paper = PAPER_2018.texture
    if output_spacing_um(paper) != 4.0:
        raise SystemExit("maps are measured at 4 µm, but the paper's network gives another spacing")
    with tempfile.TemporaryDirectory() as name:
        found = reading(Path(name), 2560 if arguments.quick else 8192, arguments.image)
        found |= maps(Path(name), 512 if arguments.quick else 2048)
        found |= beside_pixels(Path(name), arguments.surfaces, paper, 20 if arguments.quick else SERIES)
    print(json.dumps({key: round(value, 4) for key, value in found.items()}))
