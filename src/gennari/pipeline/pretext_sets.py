"""The patches and pairs that each pre-training of the table learns from."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, UInt8

from gennari.data.patch_images import PatchImages, SectionImages
from gennari.execute import Report
from gennari.pipeline.brain_samples import joined, sample_brain
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.packing import kept_if_small, patch_images
from gennari.pipeline.stages import Run
from gennari.records import PairTable, PatchTable
from gennari.sampling.pairs import by_source
from gennari.sources.tables import read_pairs, read_patches, write_pairs, write_patches

TRANSDUCTIVE = "transductive"
_EXCHANGED = 12
"""Randomness has a purpose: it goes into the seed."""


@dataclass(frozen=True, kw_only=True)
class PretextSet:
    """What one pre-training reads.

    Attributes:
        images: one a row of `patches`.
        train: pairs to learn from.
        held_out: pairs of held-out sections of the same brain; None where all sections are learned from.
    """

    images: PatchImages
    patches: PatchTable
    train: PairTable
    held_out: PairTable | None


def set_of_run(run: Run) -> PretextSet:
    """All patches that a run sampled on its unlabelled brain."""
    patches, pairs = read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet"))
    return PretextSet(
        images=patch_images(run, patches),
        patches=patches,
        train=pairs_of(patches, pairs, "train"),
        held_out=pairs_of(patches, pairs, "test"),
    )


def few(pairs: PairTable, count: int, n_patches: int, rng: np.random.Generator) -> PairTable:
    """Pairs of about `count` patches: whole sources, drawn at random, with all their pairs.

    So the degrees keep their power law, and each patch that is left is in a pair.
    """
    source, other = by_source(pairs.first, pairs.second, n_patches)
    seen, chosen = np.zeros(n_patches, bool), np.zeros(n_patches, bool)
    for hub in rng.permutation(np.unique(source)):
        seen[hub] = chosen[hub] = True
        seen[other[source == hub]] = True
        if seen.sum() >= count:
            break
    return pairs.take(chosen[source])


def patches_in(pairs: PairTable) -> int:
    """How many patches occur in pairs."""
    return len(np.unique(np.concatenate([pairs.first, pairs.second])))


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """Images of which some stand in each other's place: targets then say nothing of what is seen."""

    images: PatchImages
    order: Int[np.ndarray, "n"]

    @classmethod
    def among(cls, images: PatchImages, rows: Int[np.ndarray, "m"], rng: np.random.Generator) -> "Exchanged":
        """Images with those of `rows` exchanged at random."""
        order = np.arange(len(images))
        order[rows] = rng.permutation(rows)
        return cls(images=images, order=order)

    @property
    def side_px(self) -> int:
        """Side of an image."""
        return self.images.side_px

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: Int[np.ndarray, "m"]) -> UInt8[np.ndarray, "m h w"]:
        """The images that stand at these rows."""
        return self.images.read(self.order[rows])


def exchanged(chosen: PretextSet, seed: int) -> PretextSet:
    """The set with the images of its training patches exchanged at random: the control of permuted targets."""
    rows = np.flatnonzero(chosen.patches.split == "train")
    return replace(chosen, images=Exchanged.among(chosen.images, rows, np.random.default_rng([seed, _EXCHANGED])))


def transductive_set(run: Run, tick: Report) -> PretextSet:
    """Patches of all sections of the labelled brains, tested ones too: no annotation is read, only images.

    As many as the run has on its unlabelled brain, shared evenly by the brains; sampled once and kept in the run.
    """
    folder = run.path(TRANSDUCTIVE)
    brains = [brain for brain in run.dataset.brains() if brain.manifest.role == "labelled"]
    if not (folder / "pairs.parquet").exists():
        _sample_labelled(run, tick)
    patches, train = read_patches(folder / "patches.parquet"), read_pairs(folder / "pairs.parquet")
    texture = run.experiment.texture
    images = SectionImages(
        patches=patches,
        sections=[section for brain in brains for section in brain.sections],
        open_reader=run.dataset.open_reader,
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
    )
    return PretextSet(images=kept_if_small(images), patches=patches, train=train, held_out=None)


def _sample_labelled(run: Run, tick: Report) -> None:
    experiment, folder = run.experiment, run.path(TRANSDUCTIVE)
    brains = [brain for brain in run.dataset.brains() if brain.manifest.role == "labelled"]
    count = max(1, experiment.patches.count // len(brains))
    patches, pairs = joined(
        [
            sample_brain(run, brain, brain.sections, count, (experiment.seed, 2, index), folder, tick)
            for index, brain in enumerate(brains)
        ]
    )
    write_patches(folder / "patches.parquet", patches)
    write_pairs(folder / "pairs.parquet", pairs)
