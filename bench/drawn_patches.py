"""Patches of a phantom drawn from its cells at the networks' own spacing, on all cores, into one file.

A data set of the phantom holds sections at 32 µm; its cells can be drawn at any spacing. Workers draw until a deadline,
hubs first, so that what is drawn by then holds as many pairs as it can.
"""

import pickle
import time
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from gennari.data.patch_images import SectionImages, check_rows
from gennari.execute import Report, run_tasks
from gennari.phantom.build import PhantomRecord
from gennari.phantom.draw import PhantomSectionReader
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Individual, make_individual
from gennari.phantom.settings import PhantomSettings
from gennari.phantom.tiles import Sheet, sheet_of
from gennari.records import PairTable, PatchTable, Section
from gennari.sources.dataset import Brain, Dataset


@dataclass(frozen=True, kw_only=True)
class Painter:
    """Opens sections of one individual at any spacing."""

    individual: Individual
    sheet: Sheet
    settings: PhantomSettings

    @classmethod
    def of(cls, dataset: Dataset, brain: str) -> "Painter":
        """The individual that a brain of a phantom was drawn from, made again from the phantom's record.

        Raises:
            ValueError: the data set is no phantom, or not on the surfaces that come with the package.
        """
        record = PhantomRecord.model_validate_json(dataset.manifest.origin or "null")
        if record.geometries[brain] != "fsaverage5":
            raise ValueError(f"brain {brain} must stand on the bundled fsaverage5, got {record.geometries[brain]}")
        settings = record.settings
        # the first child is the population's: as build_phantom spawns them
        seeds = np.random.SeedSequence(settings.seed).spawn(1 + len(settings.brains))[1:]
        place = [plan.name for plan in settings.brains].index(brain)
        individual = make_individual(brain, fsaverage_geometry(settings.subdivisions), settings, seeds[place])
        return cls(individual=individual, sheet=sheet_of(individual), settings=settings)

    def __call__(self, section: Section) -> PhantomSectionReader:
        """A reader of a section."""
        return PhantomSectionReader(
            individual=self.individual, sheet=self.sheet, section=section, settings=self.settings
        )


@dataclass(frozen=True, kw_only=True)
class FileImages:
    """Images in one .npy file that every process maps; a `PatchImages`, picklable.

    Attributes:
        slots: the image of each row in the file.
    """

    path: Path
    slots: np.ndarray

    @property
    def side_px(self) -> int:
        """Side of an image."""
        return self._images.shape[1]

    def __len__(self) -> int:
        return len(self.slots)

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images of these rows, in that order."""
        check_rows(rows, len(self))
        return self._images[self.slots[rows]]

    @cached_property
    def _images(self) -> np.ndarray:
        return np.load(self.path, mmap_mode="r")

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "slots": self.slots}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn by the deadline: a table of its own, the pairs whose ends are both there, and how long it took."""

    images: FileImages
    patches: PatchTable
    pairs: PairTable
    seconds: float


def draw_patches(
    painter: Painter,
    brain: Brain,
    patches: PatchTable,
    pairs: PairTable,
    path: Path,
    *,
    side_px: int,
    spacing_um: float,
    seconds: float,
    workers: int,
    tick: Report,
) -> Drawn:
    """Draw as many patches as the time allows.

    Args:
        painter: of the brain.
        brain: whose sections they lie in.
        patches: all that may be drawn.
        pairs: rows of `patches`; what stands first in a pair (a hub) is drawn first.
        path: of the .npy file.
        side_px: of the images.
        spacing_um: of their pixels.
        seconds: no patch is begun later than this.
        workers: processes.
        tick: hears of each section.
    """
    began = time.time()
    path.parent.mkdir(parents=True, exist_ok=True)
    made_by = path.with_suffix(".painter")
    made_by.write_bytes(pickle.dumps(painter))
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(patches), side_px, side_px)).flush()
    source = SectionImages(
        patches=patches, sections=brain.sections, open_reader=_nobody, side_px=side_px, spacing_um=spacing_um
    )
    hubs = np.isin(np.arange(len(patches)), pairs.first)
    rng = np.random.default_rng(0)
    tasks = [task for wave in (hubs, ~hubs) for task in _tasks(source, np.flatnonzero(wave), rng)]
    work = partial(_draw, made_by, path, began + seconds)
    done = run_tasks(work, tasks, workers=workers, tick=tick, stage="patches", name=lambda task: f"{len(task.rows)}")
    slots = np.sort(np.concatenate(done))
    row_of = np.full(len(patches), -1)
    row_of[slots] = np.arange(len(slots))
    there = pairs.take((row_of[pairs.first] >= 0) & (row_of[pairs.second] >= 0))
    return Drawn(
        images=FileImages(path=path, slots=slots),
        patches=patches.take(slots),
        pairs=PairTable(
            first=row_of[there.first].astype(np.int32),
            second=row_of[there.second].astype(np.int32),
            distance_mm=there.distance_mm,
        ),
        seconds=time.time() - began,
    )


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Patches of one section; `images` holds them alone, in the order of `rows`."""

    rows: np.ndarray
    images: SectionImages


def _tasks(source: SectionImages, rows: np.ndarray, rng: np.random.Generator) -> list[_Task]:
    section = source.patches.section[rows]
    parts = [rows[section == number] for number in rng.permutation(np.unique(section))]
    return [
        _Task(
            rows=part,
            images=replace(
                source,
                patches=source.patches.take(part),
                sections=[one for one in source.sections if one.id == source.patches.section[part[0]]],
            ),
        )
        for part in parts
    ]


def _draw(made_by: Path, path: Path, until: float, task: _Task) -> np.ndarray:
    """In a worker: the rows that were drawn."""
    out = np.load(path, mmap_mode="r+")
    images = replace(task.images, open_reader=_painter(made_by))
    done = 0
    while done < len(task.rows) and time.time() < until:
        out[task.rows[done]] = images.read(np.array([done]))[0]
        done += 1
    return task.rows[:done]


@cache
def _painter(path: Path) -> Painter:
    return pickle.loads(path.read_bytes())  # our own file, written by draw_patches


def _nobody(section: Section) -> PhantomSectionReader:
    raise NotImplementedError(f"section {section.id} is drawn in workers alone")
