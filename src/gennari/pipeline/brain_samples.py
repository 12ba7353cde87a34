"""Patches and pairs of several brains in one table: each brain has pairs of its own, distances never lead out of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from gennari.execute import Report, usable_cores
from gennari.pipeline.distances import Measuring, measure_all
from gennari.pipeline.journal import forget
from gennari.pipeline.stages import Run
from gennari.records import Hemisphere, PairTable, PatchTable, Section, TriangleMesh
from gennari.sampling.pairs import draw_pairs
from gennari.sampling.patches import sample_patches
from gennari.sampling.split import Split
from gennari.sources.dataset import Brain
from gennari.surface.correspondence import to_reference
from gennari.surface.mesh import interpolate

Sampled = tuple[PatchTable, PairTable]
Spheres = tuple[TriangleMesh, TriangleMesh] | None


def sample_brain(
    run: Run, brain: Brain, sections: Sequence[Section], count: int, seed: Sequence[int], folder: Path, tick: Report
) -> Sampled:
    """So many patches of some sections of one brain, and pairs with their distances; all are of the training split.

    No annotation is read, only surfaces.

    Args:
        run: whose settings are followed.
        brain: of the sections.
        sections: at least one.
        count: of patches.
        seed: of places and pairs.
        folder: where finished distances are kept while others are measured.
        tick: told how far it is.

    Raises:
        InputError: as `sample_patches` and `draw_pairs`.
    """
    experiment, texture = run.experiment, run.experiment.texture
    settings = experiment.patches.model_copy(update={"count": count})
    rng = np.random.default_rng(list(seed))
    hemispheres = brain.hemispheres()
    split: dict[int, Split] = {section.id: "train" for section in sections}
    patches = sample_patches(
        sections, hemispheres, split, settings, rng,
        patch_um=texture.patch_px * texture.spacing_um, workers=usable_cores(), tick=tick,
    )  # fmt: skip
    drawn = draw_pairs(patches, experiment.pairs, rng)
    how = Measuring(exact=experiment.pairs.exact, seed=experiment.seed, workers=usable_cores())
    found = measure_all(hemispheres, patches, *drawn, how, folder / brain.name, tick).pairs
    forget(folder / brain.name)
    return patches, found


def joined(samples: Sequence[Sampled]) -> Sampled:
    """Several tables as one, in their order, and the pairs as rows of it."""
    names = PatchTable.__dataclass_fields__
    patches = PatchTable(**{name: np.concatenate([getattr(table, name) for table, _ in samples]) for name in names})
    begins = np.cumsum([0, *(len(table) for table, _ in samples)])
    moved = [shifted(pairs, int(begin)) for (_, pairs), begin in zip(samples, begins[:-1], strict=True)]
    columns = ("first", "second", "distance_mm")
    return patches, PairTable(**{name: np.concatenate([getattr(pairs, name) for pairs in moved]) for name in columns})


def shifted(pairs: PairTable, begin: int) -> PairTable:
    """Pairs of a table that has become the part of another one which begins at this row."""
    return replace(pairs, first=pairs.first + np.int32(begin), second=pairs.second + np.int32(begin))


def among(pairs: PairTable, rows: Int[np.ndarray, "m"]) -> PairTable:
    """Pairs as rows of `patches.take(rows)`, where `rows` are sorted and hold all of theirs."""
    first, second = (np.searchsorted(rows, column).astype(np.int32) for column in (pairs.first, pairs.second))
    return replace(pairs, first=first, second=second)


def common_space(
    hemispheres: tuple[Hemisphere, Hemisphere],
    reference: tuple[Hemisphere, Hemisphere],
    spheres: Spheres,
    reference_spheres: Spheres,
) -> Callable[[PatchTable], PatchTable]:
    """What gives a brain's patches the inflated places of the reference's cortex that they correspond to.

    Coordinates are targets, so brains that are learned from together give them in one space; distances stay each
    brain's own.

    Args:
        hemispheres: of the brain.
        reference: of the brain whose inflated surface is the common space.
        spheres: registration spheres of the brain, if it has any.
        reference_spheres: those of the reference.

    Raises:
        InputError: nothing says which places correspond (as `to_reference`).
    """
    found = []
    for side, (ours, theirs) in enumerate(zip(hemispheres, reference, strict=True)):
        both = None if spheres is None or reference_spheres is None else (reference_spheres[side], spheres[side])
        found.append(to_reference(theirs, ours, both))

    def moved(patches: PatchTable) -> PatchTable:
        inflated_mm = patches.inflated_mm.copy()
        for side, (theirs, find) in enumerate(zip(reference, found, strict=True)):
            rows = np.flatnonzero(patches.side == side)
            face, weights = find(patches.face[rows], patches.weights[rows].astype(float))
            inflated_mm[rows] = interpolate(theirs.mirrored_inflated_mm, theirs.pial.faces, face, weights)
        return replace(patches, inflated_mm=inflated_mm)

    return moved
