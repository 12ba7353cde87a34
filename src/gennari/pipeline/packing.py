"""The stage that writes the sampled patches once, and where training finds their images."""

from functools import partial
from pathlib import Path

from gennari.data.pack import SHARD_IMAGES, open_pack, write_pack
from gennari.data.patch_images import ImagesInMemory, PatchImages, SectionImages
from gennari.errors import InputError
from gennari.execute import Report, usable_cores
from gennari.pipeline.sampling import pretext_brain
from gennari.pipeline.stages import Run, run_stage
from gennari.records import PatchTable
from gennari.sources.tables import read_patches

PACK = "patches.zarr"
BYTES_A_WORKER = 2**26
"""Of images; fewer, 20 s of work where patches are of 96 px, are not worth another process."""
IN_MEMORY_BYTES = 2**30
"""Smaller sets of patches are read once and kept."""


def pack_stage(run: Run, tick: Report, workers: int | None = None) -> bool:
    """Write the images of all patches to `patches.zarr`; what an interrupted call has written is kept."""
    return run_stage(run, "pack", ("sample",), partial(_pack, run, workers, tick), tick)


def patch_source(run: Run, patches: PatchTable) -> PatchImages:
    """The images of a run's patches: from its pack if there is one, else from the sections themselves.

    Raises:
        InputError: the pack is damaged or of other patches.
    """
    sections, packed = _section_images(run, patches), run.path(PACK)
    return open_pack(packed, sections.key) if packed.exists() else sections


def patch_images(run: Run, patches: PatchTable, loaders: int = 0) -> PatchImages:
    """What training reads: `patch_source`, or, if that is small and there are no loaders to read it, memory.

    Raises:
        InputError: as `patch_source`, or a section's image is missing or damaged.
    """
    source = patch_source(run, patches)
    return source if loaders else kept_if_small(source)


def kept_if_small(source: PatchImages) -> PatchImages:
    """The same images, read once and kept in memory where they take little of it."""
    small = len(source) * source.side_px**2 <= IN_MEMORY_BYTES
    return ImagesInMemory.of(source) if small else source


def write_images(path: Path, images: SectionImages, workers: int | None, tick: Report) -> None:
    """Write images as a pack, by default with as many processes as are worth it; as `write_pack`."""
    enough = min(usable_cores(), 1 + images.side_px**2 * len(images) // BYTES_A_WORKER)
    write_pack(path, images.parts(SHARD_IMAGES), images.key, enough if workers is None else workers, tick)


def _pack(run: Run, workers: int | None, tick: Report) -> list[Path]:
    images = _section_images(run, read_patches(run.path("patches.parquet")))
    if workers is not None and workers < 1:
        raise InputError(f"packing needs at least one worker, got {workers}; correct --workers")
    write_images(run.path(PACK), images, workers, tick)
    return [run.path(PACK)]


def _section_images(run: Run, patches: PatchTable) -> SectionImages:
    brain, texture = pretext_brain(run), run.experiment.texture
    return SectionImages(
        patches=patches,
        sections=brain.sections,
        open_reader=brain.open_reader,
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
    )
