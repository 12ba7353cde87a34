"""Pre-training on several unlabelled brains at once: the unlabelled one and images of the labelled ones."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gennari.data.pack import open_pack
from gennari.data.patch_images import ImagesOfParts, PatchImages, SectionImages
from gennari.errors import InputError
from gennari.execute import Report
from gennari.pipeline.brain_samples import among, common_space, joined, sample_brain
from gennari.pipeline.learning import pairs_of
from gennari.pipeline.packing import PACK, kept_if_small, patch_source, write_images
from gennari.pipeline.pretext_sets import PretextSet, few
from gennari.pipeline.sampling import pretext_brain
from gennari.pipeline.section_store import Place
from gennari.pipeline.stages import Run
from gennari.records import PatchTable, Section
from gennari.sources.surfaces import read_spheres
from gennari.sources.tables import read_pairs, read_patches, write_pairs, write_patches

INDIVIDUALS = "individuals"
_PURPOSE, _FEW = 3, 4
"""Randomness has a purpose: it goes into the seed."""


def individuals_set(run: Run, train: Sequence[Place], tick: Report, without: str | None = None) -> PretextSet:
    """Patches of the unlabelled brain's training sections and of sections of labelled brains, whose images alone count.

    All brains together have the pairs, and so the training steps, that the unlabelled one has alone, shared evenly.
    Distances are each brain's own; coordinates are places on the unlabelled brain's inflated surface. Patches of
    labelled brains are sampled and packed once and kept in the run; call this before several processes do.

    Args:
        run: after its stage "sample".
        train: brain and number of labelled brains' sections that may be seen.
        tick: told how far it is.
        without: a labelled brain to leave out: what is learned is then tested on a brain that was never seen.

    Returns:
        The set; `held_out` are the pairs of the unlabelled brain's held-out sections.

    Raises:
        InputError: `without` is no labelled brain; no section is left; nothing says which places of two brains
            correspond; or as `sample_patches`.
    """
    chosen = _chosen(run, train, without)
    own, all_pairs = read_patches(run.path("patches.parquet")), read_pairs(run.path("pairs.parquet"))
    alone, held_out = (pairs_of(own, all_pairs, part) for part in ("train", "test"))
    share = len(alone) // (1 + len(chosen))
    folder = run.path(INDIVIDUALS, _key(chosen))
    if not (folder / "pairs.parquet").exists():
        _sample(run, chosen, share, folder, tick)
    others, other_pairs = read_patches(folder / "patches.parquet"), read_pairs(folder / "pairs.parquet")
    seen = _packed(run, others, chosen, folder / PACK, tick)
    rng = np.random.default_rng([run.experiment.seed, _FEW])
    part = few(alone, share, len(own), rng)
    room = len(alone) - len(other_pairs)
    part = part.take(np.sort(rng.permutation(len(part))[:room]))
    rows = np.unique(np.concatenate([part.first, part.second, held_out.first, held_out.second]))
    patches, pairs = joined([(own.take(rows), among(part, rows)), (others, other_pairs)])
    return PretextSet(
        images=kept_if_small(ImagesOfParts(parts=((patch_source(run, own), rows), (seen, np.arange(len(others)))))),
        patches=patches,
        train=pairs,
        held_out=among(held_out, rows),
    )


def _chosen(run: Run, train: Sequence[Place], without: str | None) -> Mapping[str, Sequence[Section]]:
    """Sections of labelled brains by brain, in the order of the data set."""
    labelled = [brain for brain in run.dataset.brains() if brain.manifest.role == "labelled"]
    if without is not None and without not in [brain.name for brain in labelled]:
        raise InputError(
            f"pre-training leaves one of the labelled brains out ({', '.join(brain.name for brain in labelled)}), got "
            f"'{without}'; correct it"
        )
    wanted = {place for place in train if place[0] != without}
    found = {brain.name: [s for s in brain.sections if (brain.name, s.id) in wanted] for brain in labelled}
    chosen = {name: sections for name, sections in found.items() if sections}
    if not chosen:
        raise InputError(
            "pre-training on several individuals needs sections of labelled brains beside the unlabelled one, got "
            f"none{f' but those of {without}' if without else ''}; give some, or pre-train on the unlabelled one alone"
        )
    return chosen


def _key(chosen: Mapping[str, Sequence[Section]]) -> str:
    """Of the folder that keeps a set: which sections give patches decides it, in a run that has its settings."""
    places = sorted((name, section.id) for name, sections in chosen.items() for section in sections)
    return hashlib.sha256(repr(places).encode()).hexdigest()[:16]


def _sample(run: Run, chosen: Mapping[str, Sequence[Section]], share: int, folder: Path, tick: Report) -> None:
    first = pretext_brain(run)
    reference, its_spheres = first.hemispheres(), read_spheres(first.surfaces_folder)
    labelled = [brain for brain in run.dataset.brains() if brain.manifest.role == "labelled"]
    samples = []
    for index, brain in enumerate(labelled):
        if brain.name not in chosen:
            continue
        hemispheres = brain.hemispheres()
        to_common = common_space(hemispheres, reference, read_spheres(brain.surfaces_folder), its_spheres)
        seed = (run.experiment.seed, _PURPOSE, index)
        patches, pairs = sample_brain(run, brain, chosen[brain.name], share, seed, folder, tick)
        samples.append((to_common(patches), pairs))
    patches, pairs = joined(samples)
    write_patches(folder / "patches.parquet", patches)
    write_pairs(folder / "pairs.parquet", pairs)


def _packed(
    run: Run, others: PatchTable, chosen: Mapping[str, Sequence[Section]], path: Path, tick: Report
) -> PatchImages:
    """Images of the labelled brains' patches."""
    texture = run.experiment.texture
    images = SectionImages(
        patches=others,
        sections=[section for sections in chosen.values() for section in sections],
        open_reader=run.dataset.open_reader,
        side_px=texture.patch_px,
        spacing_um=texture.spacing_um,
    )
    if not path.exists():
        write_images(path, images, tick)
    return open_pack(path, images.key)
