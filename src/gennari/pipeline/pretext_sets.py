"""The patches and pairs that each pre-training of the table learns from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

from gennari.data.patch_images import PatchImages, SectionImages
from gennari.execute import Report, usable_cores
from gennari.pipeline.distances import Measuring, measure_all
from gennari.pipeline.journal import forget
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.packing import kept_if_small, patch_images
from gennari.pipeline.stages import Run
from gennari.records import PairTable, PatchTable
from gennari.sampling.pairs import by_source, draw_pairs
from gennari.sampling.patches import sample_patches
from gennari.sampling.split import Split
from gennari.sources.tables import read_pairs, read_patches, write_pairs, write_patches

TRANSDUCTIVE = "transductive"


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
    settings = experiment.patches.model_copy(update={"count": max(1, experiment.patches.count // len(brains))})
    texture, tables, pairs, begin = experiment.texture, [], [], 0
    for index, brain in enumerate(brains):
        rng = np.random.default_rng([experiment.seed, 2, index])
        hemispheres = brain.hemispheres()
        split: dict[int, Split] = {section.id: "train" for section in brain.sections}
        patches = sample_patches(
            brain.sections, hemispheres, split, settings, rng,
            patch_um=texture.patch_px * texture.spacing_um, workers=1, tick=tick,
        )  # fmt: skip
        drawn = draw_pairs(patches, experiment.pairs, rng)
        how = Measuring(exact=experiment.pairs.exact, seed=experiment.seed, workers=usable_cores())
        found = measure_all(hemispheres, patches, *drawn, how, folder / brain.name, tick).pairs
        forget(folder / brain.name)
        tables.append(patches)
        pairs.append((found.first + begin, found.second + begin, found.distance_mm))
        begin += len(patches)
    write_patches(folder / "patches.parquet", _joined(tables))
    first, second, distance_mm = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    write_pairs(folder / "pairs.parquet", PairTable(first=first, second=second, distance_mm=distance_mm))


def _joined(tables: list[PatchTable]) -> PatchTable:
    names = PatchTable.__dataclass_fields__
    return PatchTable(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})
