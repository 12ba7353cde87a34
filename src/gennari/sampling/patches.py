"""Where patches are taken from: non-oblique mid cortex, uniformly over the surface, upright."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter

import numpy as np
from scipy.spatial import KDTree

from gennari.errors import InputError
from gennari.execute import Report, run_tasks
from gennari.records import QUALITIES, Hemisphere, PatchTable, Section
from gennari.sampling.places import Places, RunTask, Wanted, concatenated, places_of_run
from gennari.sampling.settings import PatchSettings
from gennari.sampling.slab import cut_slabs
from gennari.sampling.split import Split, position_mm
from gennari.sampling.table import Located, centres_mm, patch_table

SPARE = 4
"""With a minimal distance, this many times the wanted patches are drawn and thinned."""
ASKED = 3
"""A section is asked for this many times its even share of the places; one that holds more is asked again."""
LONGEST_RUN = 48
"""Sections a worker does at a time: few enough to show progress, many enough to be worth sending a piece of cortex."""


def sample_patches(
    sections: Sequence[Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    split: Mapping[int, Split],
    settings: PatchSettings,
    rng: np.random.Generator,
    *,
    patch_um: float,
    workers: int = 1,
    tick: Report | None = None,
) -> PatchTable:
    """Draw patches from the sections of one brain, uniformly over the surface that lies in them.

    Weighted sampling without replacement (each place gets an exponential key over its weight, the smallest keys win;
    Efraimidis and Spirakis 2006). Sections draw from seeds of their own and hand over their smallest keys only, so
    the outcome does not depend on the number of workers, and memory holds little more than what is drawn. Taking a
    large share of all places evens their weights out: keep the count well below the number of places.

    Args:
        sections: of one brain; those of split "guard", or rated worse than `settings.min_quality`, give no patches.
        hemispheres: left and right, in BRAIN_MM.
        split: of the sections, by id.
        settings: how patches are placed.
        rng: its seed sequence is spawned from, once a section.
        patch_um: side of a patch's window, in which `settings.min_tissue` is measured.
        workers: local processes; 1 works in this one.
        tick: told after each run of sections.

    Returns:
        Rows ordered by section, row and column.

    Raises:
        InputError: the sections hold fewer places than `settings.count`, or none of them is rated well enough.
        ValueError: a section is in no split.
    """
    used = _usable(sections, split, settings)
    by_id = {section.id: section for section in used}
    want = settings.count * (SPARE if settings.min_distance_mm else 1)
    found = _smallest_keys(used, hemispheres, settings, rng, want, patch_um, workers, tick)
    places = concatenated(found) if found else None
    kept = np.zeros(0, int) if places is None else _kept(places, by_id, want, settings)
    if places is None or len(kept) < settings.count:
        raise InputError(
            f"{settings.count} patches were asked for, but only {len(kept)} places of non-oblique mid cortex at least "
            f"{settings.min_distance_mm} mm apart were found on {len(used)} sections; lower the count, the distance "
            "or patches.min_tissue, or add sections"
        )
    places = places.take(kept)
    places = places.take(np.lexsort((places.cols, places.rows, places.section)))
    located = Located(
        section=places.section,
        centre_um=_centre_um(places, settings),
        side=places.side,
        face=places.face,
        weights=places.weights,
        plane_angle_deg=places.plane_angle_deg,
        rotation_deg=places.rotation_deg,
        tissue_share=places.tissue_share,
    )
    return patch_table(located, by_id, hemispheres, split)


def _usable(sections: Sequence[Section], split: Mapping[int, Split], settings: PatchSettings) -> list[Section]:
    """Sections that may give patches, along their normal."""
    for section in sections:
        if section.id not in split:
            raise ValueError(f"every section needs a split, section {section.id} of {section.brain} has none")
    good = [s for s in sections if QUALITIES.index(s.quality) <= QUALITIES.index(settings.min_quality)]
    if sections and not good:
        best = min((section.quality for section in sections), key=QUALITIES.index)
        raise InputError(
            f"patches are taken from sections rated '{settings.min_quality}' or better, but the best of "
            f"{len(sections)} is '{best}'; lower patches.min_quality (--min-quality)"
        )
    return sorted((section for section in good if split[section.id] != "guard"), key=position_mm)


def _smallest_keys(
    sections: Sequence[Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
    settings: PatchSettings,
    rng: np.random.Generator,
    want: int,
    patch_um: float,
    workers: int,
    tick: Report | None,
) -> list[Places]:
    """For each section its places, among which are all of the `want` with the smallest keys, if there are as many.

    A section that held places back although the last it gave is among the winners is asked for more.
    """
    seeds = rng.bit_generator.seed_seq.spawn(len(sections))  # pyright: ignore[reportAttributeAccessIssue]
    most = min(want, ASKED * want // max(len(sections), 1) + 64)
    asked = [Wanted(section=s, seed=seed, most=most) for s, seed in zip(sections, seeds, strict=True)]
    found: dict[int, Places] = {}
    while asked:
        length = min(LONGEST_RUN, -(-len(asked) // (4 * workers)))
        runs = [asked[i : i + length] for i in range(0, len(asked), length)]
        slabs = cut_slabs(hemispheres, [[wanted.section for wanted in run] for run in runs])
        tasks = [
            RunTask(sections=tuple(run), slabs=pair, settings=settings, patch_um=patch_um)
            for run, pair in zip(runs, slabs, strict=True)
        ]
        done = run_tasks(
            places_of_run, tasks, workers=min(workers, len(tasks)), tick=tick, stage="places", name=attrgetter("name")
        )
        found |= {w.section.id: p for w, p in zip(asked, chain.from_iterable(done), strict=True)}
        keys = np.concatenate([places.key for places in found.values()])
        bound = np.partition(keys, want - 1)[want - 1] if len(keys) > want else np.inf
        asked = [
            replace(wanted, most=min(want, 4 * wanted.most))
            for wanted in asked
            if len(found[wanted.section.id]) == wanted.most < want and found[wanted.section.id].key[-1] <= bound
        ]
    return list(found.values())


def _kept(places: Places, sections: Mapping[int, Section], want: int, settings: PatchSettings) -> np.ndarray:
    """Rows that become patches."""
    order = np.argsort(places.key, kind="stable")[:want]
    if settings.min_distance_mm:
        order = order[_thinned(_brain_mm(places.take(order), sections, settings), settings)]
    return order[: settings.count]


def _thinned(points: np.ndarray, settings: PatchSettings) -> np.ndarray:
    """Rows to keep, in order, none nearer to an earlier one than the minimal distance."""
    tree, free = KDTree(points), np.ones(len(points), bool)
    kept: list[int] = []
    for i in range(len(points)):
        if free[i] and len(kept) < settings.count:
            kept.append(i)
            free[tree.query_ball_point(points[i], settings.min_distance_mm)] = False
    return np.array(kept, int)


def _centre_um(places: Places, settings: PatchSettings) -> np.ndarray:
    return (np.column_stack([places.rows, places.cols]) + 0.5) * settings.ribbon_spacing_um


def _brain_mm(places: Places, sections: Mapping[int, Section], settings: PatchSettings) -> np.ndarray:
    return centres_mm(places.section, _centre_um(places, settings), sections)
