"""The stage that writes the sampled patches once, and where training finds their images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gennari.data.pack import SHARD_IMAGES, begin_pack, finish_pack, open_pack, shard_path, write_pack, write_shard
from gennari.data.patch_images import ImagesInMemory, PatchImages, SectionImages
from gennari.execute import Report, usable_cores
from gennari.pipeline.claims import turn
from gennari.pipeline.digests import code_digest
from gennari.pipeline.executors import ExecutorChoice
from gennari.pipeline.sampling import pretext_brain
from gennari.pipeline.section_inputs import SectionInputs, section_inputs
from gennari.pipeline.section_tasks import Spread, run_sections
from gennari.pipeline.stages import Run, open_run, run_stage
from gennari.pipeline.task_records import SectionTask, SectionWork
from gennari.records import PatchTable
from gennari.sources.tables import read_patches

PACK = "patches.zarr"
BYTES_A_WORKER = 2**26
"""Of images; fewer, 20 s of work where patches are of 96 px, are not worth another process."""
IN_MEMORY_BYTES = 2**30
"""Smaller sets of patches are read once and kept."""
_ROOMS = ("data/pack.py", "data/patch_images.py", "pipeline/packing.py", "sources", "frames.py", "records.py")
"""The code that decides what a shard holds."""


def pack_stage(run: Run, tick: Report, spread: Spread | None = None) -> bool:
    """Write the images of all patches to `patches.zarr`, a task a shard; what an interrupted call has written is kept.

    Args:
        run: that was sampled.
        tick: told of every shard.
        spread: over which processes, and which part of the shards; None: as many processes of this machine as are
            worth it.
    """
    return run_stage(run, "pack", ("sample",), partial(_pack, run, spread, tick), tick)


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


def write_images(path: Path, images: SectionImages, tick: Report) -> None:
    """Write images as a pack with as many processes as are worth it; as `write_pack`."""
    write_pack(path, images.parts(SHARD_IMAGES), images.key, _enough(images), tick)


def _enough(images: SectionImages) -> int:
    return min(usable_cores(), 1 + images.side_px**2 * len(images) // BYTES_A_WORKER)


@dataclass(frozen=True, kw_only=True)
class _ShardInputs:
    """What a shard is made from, as a hash: all patches of the run, and the images of the sections that it holds."""

    key: str
    sections: Sequence[Sequence[int]]
    of_section: SectionInputs

    def __call__(self, brain: str, number: int) -> str:
        images = " ".join(self.of_section(brain, section) for section in self.sections[number])
        return hashlib.sha256(f"{self.key} {images}".encode()).hexdigest()


def _pack(run: Run, spread: Spread | None, tick: Report) -> list[Path] | None:
    images, path, root = _images_to_pack(run), run.path(PACK), run.root.absolute()
    parts, enough = images.parts(SHARD_IMAGES), _enough(images)
    left = [str(shard_path(path, number).relative_to(run.root)) for number in range(len(parts))]
    brain = pretext_brain(run).name
    tasks = [SectionTask(brain=brain, section=number, outputs=(output,)) for number, output in enumerate(left)]
    sections = [[section.id for section in part.sections] for part in parts]
    work = SectionWork(
        stage="pack", root=root, function=partial(_pack_shard, root), unit="shard", side_by_side=enough,
        inputs=_ShardInputs(key=images.key, sections=sections, of_section=section_inputs(run)),
        rooms=_ROOMS, code=code_digest(_ROOMS),
    )  # fmt: skip
    with turn(work.folder / "begin.lock"):  # parts may be begun at once
        begin_pack(path, parts, images.key)
    usual = Spread() if enough == 1 else Spread(executor=ExecutorChoice(kind="local", count=enough))
    if not run_sections(work, tasks, spread or usual, tick):
        return None
    with turn(work.folder / "begin.lock"):
        finish_pack(path)
    return [path]


def _pack_shard(run_root: Path, brain: str, number: int, threads: int) -> list[Path]:
    del brain, threads  # there is one brain; reading sections one after the other is the work of one thread
    run = open_run(run_root)
    path = run.path(PACK)
    write_shard(path, SHARD_IMAGES, number, _images_to_pack(run).part(SHARD_IMAGES, number))
    return [shard_path(path, number)]


def _images_to_pack(run: Run) -> SectionImages:
    return _section_images(run, read_patches(run.path("patches.parquet")))


def _section_images(run: Run, patches: PatchTable) -> SectionImages:
    brain, texture = pretext_brain(run), run.experiment.texture
    return SectionImages(
        patches=patches,
        sections=brain.sections,
        open_reader=brain.open_reader,
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
    )
