"""Whole sections: exact tiling beside MONAI's sliding window, and the memory of a large section; the last line is JSON.

python bench/inference.py            # about five minutes
python bench/inference.py --quick    # its figures only say that it runs

Speed: dense tissue, the same network, threads, output window and batch (one window). MONAI's windows are reflected at
their sides by the halo, since its predictor has to give back what it is given; it blends windows that overlap by a
quarter or a half; ours read the halo and compute each output pixel once. Both are compared with one pass.

Memory: a section of 60,000 x 50,000 px with tissue in 2 % of its chunks, segmented by a process of its own into labels
and probabilities of 16 classes.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import zarr
from monai.inferers import sliding_window_inference
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import pad
from zarr.codecs import ZstdCodec

from gennari.apply.segment import segment
from gennari.apply.tissue import find_tissue
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.frames import coronal
from gennari.nets.area_unet import AreaUNet
from gennari.nets.field_of_view import halo_px
from gennari.nets.sizes import PRESETS, TextureConfig
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.section_maps import WholeSection, write_map
from gennari.records import Section
from gennari.sources.sections import CHUNK_PX, SHARD_PX, open_section, write_ome_zarr
from memory import own_peak_gb

GREY = Normalisation(mean=0.6, std=0.2)
WINDOW_PX = 512
LARGE_PX = (60_000, 50_000)
TISSUE_CHUNKS = 15
"""A square of so many chunks a side: 225 of 11,564."""


def network(config: TextureConfig) -> AreaUNet:
    """Random weights; batch norm has seen something."""
    net = AreaUNet(config, len(LABEL_SET.names), 0, (), torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.train()(torch.randn(2, 1, 4 * config.period_px, 4 * config.period_px))
    return net.eval().to(memory_format=torch.channels_last)


def tissue(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise as dark and as grainy as stained cortex."""
    noise = gaussian_filter(rng.normal(size=(side_px, side_px)), 2)
    return np.clip(150 + 50 * noise / noise.std(), 0, 254).astype(np.uint8)


@torch.inference_mode()
def by_monai(net: AreaUNet, image: np.ndarray, overlap: float) -> np.ndarray:
    """Probabilities by MONAI's sliding window."""
    before, behind = rounded_halo(net.config)
    stride = net.config.output_stride_px

    def predictor(windows: Tensor) -> Tensor:
        side = windows.shape[-1] // stride
        shares = net(pad(windows, (before, behind, before, behind), mode="reflect")).softmax(dim=1)
        first = before // stride
        return shares[:, :, first : first + side, first : first + side]

    x = torch.from_numpy(normalise(image, GREY)[None, None]).to(memory_format=torch.channels_last)
    return np.asarray(sliding_window_inference(x, WINDOW_PX, 1, predictor, overlap=overlap)[0])


def rounded_halo(config: TextureConfig) -> tuple[int, int]:
    """The halo, rounded up to the pooling grid, as tiles have it."""
    before, behind = (-(-px // config.period_px) * config.period_px for px in halo_px(config))
    return before, behind


@torch.inference_mode()
def in_one_pass(net: AreaUNet, image: np.ndarray) -> np.ndarray:
    """Probabilities by one pass over the whole image."""
    return np.asarray(net(torch.from_numpy(normalise(image, GREY)[None, None]))[0].softmax(dim=0))


def compare_speed(config: TextureConfig, side_px: int, rounds: int) -> dict[str, float]:
    """Seconds of each, interleaved; medians."""
    net, image = network(config), tissue(side_px, np.random.default_rng(1))
    tile_px = WINDOW_PX + sum(rounded_halo(config))
    ways: dict[str, Callable[[], np.ndarray]] = {
        "ours": lambda: segment(net, image, None, GREY, tile_px=tile_px).probabilities.astype(np.float32),
        "monai_025": partial(by_monai, net, image, 0.25),
        "monai_05": partial(by_monai, net, image, 0.5),
    }
    whole = in_one_pass(net, image)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            shares = way()
            seconds[name].append(time.perf_counter() - began)
            found[f"max_difference_{name}"] = float(np.abs(shares - whole).max())
            found[f"mean_difference_{name}"] = float(np.abs(shares - whole).mean())
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "speed_ratio_monai_025": medians["monai_025"] / medians["ours"],
        "speed_ratio_monai_05": medians["monai_05"] / medians["ours"],
        "max_abs_difference": found["max_difference_ours"],
        "seconds_ours": medians["ours"],
        "mpx_a_second": side_px**2 / medians["ours"] / 1e6,
        **found,
    }


def write_large(path: Path, shape_px: tuple[int, int], chunks: int, spacing_um: float) -> None:
    """A section with a square of tissue in its middle; all other chunks are not stored."""
    write_ome_zarr(path, np.full((1, 1), 255, np.uint8), spacing_um, levels=1)
    group = zarr.open_group(path)
    array = group.create_array(
        "0", shape=shape_px, dtype="uint8", chunks=(CHUNK_PX, CHUNK_PX), shards=(SHARD_PX, SHARD_PX), fill_value=255,
        compressors=ZstdCodec(level=1), dimension_names=("y", "x"), overwrite=True,
    )  # fmt: skip
    tile = tissue(SHARD_PX, np.random.default_rng(2))
    top, left = ((side // 2) // CHUNK_PX * CHUNK_PX for side in shape_px)
    side = chunks * CHUNK_PX
    for r0 in range(top, top + side, SHARD_PX):
        for c0 in range(left, left + side, SHARD_PX):
            r1, c1 = min(r0 + SHARD_PX, top + side), min(c0 + SHARD_PX, left + side)
            array[r0:r1, c0:c1] = tile[: r1 - r0, : c1 - c0]


def segment_large(path: Path, section: Section, config: TextureConfig, out: Path) -> float:
    """Segment it in this process, which does nothing else; returns its peak memory in GB."""
    torch.set_num_threads(torch.get_num_threads())
    read = partial(open_section(path, section).part, config.spacing_um)
    near = find_tissue(read, section.shape_px, config.output_stride_px, config.spacing_um)
    whole = WholeSection(read=read, shape_px=section.shape_px, tissue=near)
    write_map(network(config), whole, None, GREY, LABEL_SET, out / "map.ome.zarr", out / "shares.ome.zarr")
    return own_peak_gb()


def measure_memory(config: TextureConfig, shape_px: tuple[int, int], chunks: int) -> dict[str, float]:
    """Peak memory of a fresh process, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.ome.zarr"
        write_large(path, shape_px, chunks, config.spacing_um)
        section = Section(
            brain="A", id=1, spacing_um=config.spacing_um, shape_px=shape_px, to_brain=coronal(0.0, 0.0, 0.0)
        )
        began = time.perf_counter()
        with get_context("spawn").Pool(1) as pool:
            peak = pool.apply(segment_large, (path, section, config, Path(folder)))
        return {"peak_rss_gb": peak, "seconds_large": time.perf_counter() - began}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--preset", default="demo32-narrow", choices=[n for n, c in PRESETS.items() if c.padding == "same"]
    )
    arguments = parser.parse_args()
    texture = PRESETS[arguments.preset]
    side, rounds, large, chunks = (
        (1024, 1, (6_000, 5_000), 3) if arguments.quick else (3072, 3, LARGE_PX, TISSUE_CHUNKS)
    )
    result = compare_speed(texture, side, rounds)
    print(json.dumps(result, indent=1))
    result |= measure_memory(texture.model_copy(update={"spacing_um": 2.0}), large, chunks)
    print(json.dumps({"preset": arguments.preset, "threads": torch.get_num_threads(), "side_px": side, **result}))
