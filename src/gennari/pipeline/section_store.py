"""Labelled sections as plain arrays on disk, made once and mapped into memory by every process that trains on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gennari.data.area_batches import LabelledSection
from gennari.data.prior import Prior
from gennari.execute import Report, run_tasks, silent
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.pipeline.labelled import labelled_sections
from gennari.pipeline.references import true_map
from gennari.sources.atomic import atomic_path
from gennari.sources.dataset import Brain, Dataset, open_dataset

Place = tuple[str, int]
"""Brain and number of a section."""
KINDS = ("image", "labels", "prior", "truth")


@dataclass(frozen=True, kw_only=True)
class SectionStore:
    """A folder of arrays: grey values, partial labels, prior and truth of each labelled section.

    They are mapped into memory: two trainings side by side share them, and a window costs what it shows.
    """

    folder: Path

    def labelled(self, brain: str, section: int) -> LabelledSection:
        """The section as a training sees it, mapped read-only."""
        image, labels = (self._map(brain, section, kind) for kind in KINDS[:2])
        with np.load(self.path(brain, section, "prior")) as stored:
            rows, cols = stored["fine_px"].tolist()
            prior = Prior(coarse=stored["coarse"], ratio=float(stored["ratio"]), fine_px=(rows, cols))
        return LabelledSection(image=image, labels=labels, prior=prior, name=f"{brain} {section}")

    def truth(self, brain: str, section: int) -> UInt8[np.ndarray, "h w"]:
        """The truth at the network's output spacing; for metrics alone."""
        return self._map(brain, section, "truth")

    def path(self, brain: str, section: int, kind: str) -> Path:
        """Where one of them stands."""
        return self.folder / brain / f"{section:04d}_{kind}.{'npz' if kind == 'prior' else 'npy'}"

    def _map(self, brain: str, section: int, kind: str) -> np.ndarray:
        return np.load(self.path(brain, section, kind), mmap_mode="r")


def fill_store(
    store: SectionStore,
    dataset: Dataset,
    sections: Sequence[Place],
    config: TextureConfig,
    workers: int,
    tick: Report,
) -> None:
    """Write what the store lacks; an interrupted call is repeated to go on.

    Args:
        store: where.
        dataset: whose sections.
        sections: brain and number of each.
        config: of the network, whose spacings decide the grids.
        workers: processes.
        tick: told of each section.
    """
    lacking = [(name, number) for name, number in sections if not store.path(name, number, KINDS[-1]).exists()]
    write = partial(_write, store, dataset.root, config)
    run_tasks(write, lacking, workers=min(workers, len(lacking) or 1), tick=tick, stage="sections", name=_name)


def _write(store: SectionStore, root: Path, config: TextureConfig, which: Place) -> None:
    name, number = which
    brain = _brain(root, name)
    (section,) = (section for section in brain.sections if section.id == number)
    (found,) = labelled_sections([(brain, [section])], config, silent)
    assert isinstance(found.prior, Prior), "labelled_sections gives each section its prior"
    truth = true_map(brain, number, output_spacing_um(config))
    writers = (
        partial(np.save, arr=found.image),
        partial(np.save, arr=found.labels),
        partial(np.savez, coarse=found.prior.coarse, ratio=found.prior.ratio, fine_px=found.prior.fine_px),
        partial(np.save, arr=truth),
    )
    for kind, write in zip(KINDS, writers, strict=True):  # the truth last: it stands for the section
        with atomic_path(store.path(name, number, kind)) as temporary:
            write(temporary)


def _brain(root: Path, name: str) -> Brain:
    return open_dataset(root).brain(name)


def _name(which: Place) -> str:
    return f"{which[0]} {which[1]}"
