"""The doctor's look at disks: room for a pack, and whether reading keeps up with training."""

import shutil
import time
from pathlib import Path

import numpy as np

from gennari.execute import usable_cores
from gennari.pipeline.findings import Finding
from gennari.pipeline.packing import IN_MEMORY_BYTES
from gennari.records import Window
from gennari.sources.dataset import Brain, Dataset

CPU_MPX_S, GPU_MPX_S = 7.5, 1040.0
"""What training takes, in megapixels of patches a second: 5-7 patches of 1019 px on a CPU core, about 1000 on a fast
GPU (the design's measurements); smaller patches in proportion."""


def patches_per_second(
    brain: Brain, patch_px: int, spacing_um: float, rng: np.random.Generator, seconds: float = 2.0, most: int = 200
) -> float:
    """How many patches at random places one process reads a second; the first one, which opens the file, not counted.

    Args:
        brain: whose sections.
        patch_px: side.
        spacing_um: of the patches.
        rng: draws sections, places and turns.
        seconds: to read for, about.
        most: patches to read.

    Raises:
        InputError: an image cannot be read.
    """
    chosen = rng.choice(len(brain.sections), min(4, len(brain.sections)), replace=False)
    sections = [brain.sections[int(k)] for k in chosen]
    readers = [brain.open_reader(section) for section in sections]
    done, spent = -len(sections), 0.0
    while done < most and (spent < seconds or done < 1):
        which = done % len(sections)
        section = sections[which]
        centre = rng.uniform(0, 1, 2) * section.size_um
        window = Window(
            brain=brain.name,
            section=section.id,
            centre_um=(float(centre[0]), float(centre[1])),
            size_px=(patch_px, patch_px),
            spacing_um=spacing_um,
            rotation_deg=float(rng.uniform(0, 360)),
        )
        began = time.perf_counter()
        readers[which].read(window)
        if done >= 0:
            spent += time.perf_counter() - began
        done += 1
    return done / max(spent, 1e-9)


def check_speed(
    brain: Brain, patches: int, patch_px: int, spacing_um: float, rate: float, cores: int | None = None
) -> Finding:
    """Whether reading keeps up with training.

    Args:
        brain: that was read.
        patches: of a run; few enough are read once and kept in memory.
        patch_px: their side.
        spacing_um: of the patches.
        rate: patches a second and process.
        cores: that read at once; those of this machine by default.
    """
    cores = cores or usable_cores()
    megapixels = patch_px**2 / 1e6
    cpu, gpu = CPU_MPX_S / megapixels, GPU_MPX_S / megapixels
    needed = int(np.ceil(gpu / rate))
    found = f"{rate:.0f} patches of {patch_px} px at {spacing_um:g} µm a second and process"
    if patches * patch_px**2 < IN_MEMORY_BYTES:
        found += f"; all {patches:,} stay in memory once they are read, in {patches / rate / 60:.1f} min"
        return Finding("reading", "good", found, "", brain.name)
    found += (
        f"; training takes about "
        f"{cpu:.0f} on a CPU core and {gpu:.0f} on a fast GPU, which {needed} processes would feed"
    )
    if rate >= gpu / cores:
        return Finding("reading", "good", found, "", brain.name)
    mend = f"before training on a GPU with {cores} cores run `gennari pack`, or put the images on a faster disk"
    return Finding("reading", "doubtful", found, mend, brain.name)


def check_disk(dataset: Dataset, patches: int, patch_px: int, place: Path | None = None) -> Finding:
    """Whether there is room for a pack of the patches.

    Args:
        dataset: beside which runs are kept.
        patches: of a run.
        patch_px: their side.
        place: where runs are kept; the dataset's disk by default.
    """
    free = shutil.disk_usage(place or dataset.root).free
    wanted = patches * patch_px**2
    found = f"{free / 1e9:.1f} GB free; a pack of {patches:,} patches takes {wanted / 1e9:.1f} GB"
    if free > 1.5 * wanted:
        return Finding("disk", "good", found)
    return Finding("disk", "doubtful", found, "keep runs on another disk, or train without `gennari pack`")
