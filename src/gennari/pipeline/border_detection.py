"""Borders along the ribbon of a run's sections, without any truth: features, scores, what is accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from gennari.apply.borders import border_scores
from gennari.apply.confounds import Confounds, confounds_of, fit_confounds
from gennari.apply.tracking import RECURRING, BorderCurve, curve_numbers, sections_found_on, track_borders
from gennari.classical.components import fit_components
from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.metrics.border_places import Gaps, gaps_of, peaks
from gennari.pipeline.border_features import features_stage, read_features
from gennari.pipeline.border_places import (
    PLACES_STAGE,
    RIBBON_UM,
    Ask,
    borders_path,
    places_stage,
    read_asked_places,
    sections_asked,
)
from gennari.pipeline.border_profiles import (
    SCORE_BLOCK,
    Series,
    component_series,
    d2_at_gaps,
    found_gaps,
    section_series,
)
from gennari.pipeline.border_tables import ACCEPTED, GAPS, OURS, AcceptedTable, GapTable, write_table
from gennari.pipeline.section_tasks import ALONE, Spread
from gennari.pipeline.stages import Run, run_stage
from gennari.records import Hemisphere, Section
from gennari.sampling.gaps import gap_arc_mm, gap_brain_mm, next_rows
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sampling.split import position_mm
from gennari.sources.atomic import write_text
from gennari.sources.dataset import Brain

FEATURES_STAGE, DETECT_STAGE = "borders-features", "borders-detect"
COMPONENT_BLOCK = 10
"""Places in a block of components: 2 mm, the smallest that the method takes."""
TOP_SHARE = 0.1
"""Peaks of the learned score are accepted in the top decile of gaps of training sections."""
PROFILE_PX_UM = 4.0
"""Finest spacing that profiles are read at: four pixels a field of 16 µm."""
COMPONENTS, PROFILES = "components", "profiles"
"""The observer-independent method, on learned features and on profiles; beside them OURS."""
_SURROGATES = 33


def detect_stage(run: Run, ask: Ask, tick: Report, spread: Spread = ALONE) -> bool:
    """Places, features, scores and accepted borders of the sections asked for; features are spread over processes."""
    places_stage(run, ask, tick)
    features_stage(run, ask, FEATURES_STAGE, ("pretrain", PLACES_STAGE), {OURS: weights_of(run)}, tick, spread)
    return run_stage(run, DETECT_STAGE, (FEATURES_STAGE,), partial(_detect, run, ask, tick), tick)


def weights_of(run: Run) -> Path:
    """The run's pre-trained weights; InputError if there are none."""
    path = run.path("pretrain", "weights.safetensors")
    if not path.exists():
        raise InputError(f"borders are read from a pre-trained network, but {path} is missing; run `gennari pretrain`")
    return path


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one method accepts: rows of gaps, its score of all gaps, and the curves that the rows are joined to."""

    rows: Int[np.ndarray, "k"]
    values: Float[np.ndarray, "n"]
    curves: Sequence[BorderCurve]


def _detect(run: Run, ask: Ask, tick: Report) -> list[Path]:
    places, brain, features = read_asked_places(run, ask), ask.chosen(run), read_features(run)
    split = places.patches.split
    train, wanted = split == "train", np.unique(places.patches.section[split == ask.split]).tolist()
    score = border_scores(features, places)
    components = fit_components(features[train])(features)
    learned = component_series(components, places, np.unique(places.patches.section).tolist())
    profiles, measure = _profiles(brain, places, tick)
    table = _gap_table(
        places, score, d2_at_gaps(profiles, places, SCORE_BLOCK), d2_at_gaps(learned, places, COMPONENT_BLOCK)
    )
    rng = np.random.default_rng([run.experiment.seed, _SURROGATES])
    accepted = {OURS: (accepted_peaks(score, places, train, split == ask.split), score)}
    for name, series, d2 in ((COMPONENTS, learned, table.components_d2), (PROFILES, profiles, table.profiles_d2)):
        own = [piece for piece in series if int(places.patches.section[piece.begin]) in wanted]
        accepted[name] = found_gaps(own, places, rng, tick, f"borders in {name}"), d2
    sections, hemispheres = sections_asked(run, ask)[ask.split], brain.hemispheres()
    found = {
        name: Found(rows=rows, values=values, curves=curves_of(rows, places, sections, hemispheres))
        for name, (rows, values) in accepted.items()
    }
    paths = [borders_path(run, name) for name in (GAPS, ACCEPTED, "measure.txt")]
    write_table(paths[0], table)
    write_table(paths[1], accepted_table(table, found))
    write_text(paths[2], measure + "\n")
    return paths


def accepted_peaks(
    score: Float[np.ndarray, "n"], places: RibbonPlaces, train: Bool[np.ndarray, "n"], wanted: Bool[np.ndarray, "n"]
) -> Int[np.ndarray, "k"]:
    """Peaks of the score on the rows `wanted` that lie in the top decile of the gaps of training sections."""
    known = score[train & np.isfinite(score)]
    threshold = np.quantile(known, 1 - TOP_SHARE) if len(known) else np.inf
    rows = peaks(np.where(wanted, score, np.nan), place_gaps(places))
    return np.sort(rows[score[rows] >= threshold])


def place_gaps(places: RibbonPlaces) -> Gaps:
    """The gaps of places, as metrics know them."""
    return gaps_of(places.piece, places.arc_mm, places.length_mm, places.closed)


def _profiles(brain: Brain, places: RibbonPlaces, tick: Report) -> tuple[list[Series], str]:
    hemispheres, found, measures = brain.hemispheres(), [], {}
    numbers = np.unique(places.patches.section).tolist()
    for done, number in enumerate(numbers, start=1):
        section = brain.section(number)
        series, measure = section_series(brain, hemispheres, section, places, RIBBON_UM, PROFILE_PX_UM)
        found += series
        measures[measure] = None
        tick(Tick("profiles", done, len(numbers), measure))
    return found, " and ".join(measures)


def _gap_table(
    places: RibbonPlaces,
    score: Float[np.ndarray, "n"],
    profiles_d2: Float[np.ndarray, "n"],
    components_d2: Float[np.ndarray, "n"],
) -> GapTable:
    following, patches = next_rows(places), places.patches

    def between(values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return np.where(following < 0, np.nan, 0.5 * (values + values[following]))

    return GapTable(
        brain=patches.brain,
        section=patches.section,
        side=np.asarray(patches.side, np.int8),
        split=patches.split,
        piece=places.piece,
        arc_mm=gap_arc_mm(places),
        brain_mm=gap_brain_mm(places),
        curvature_per_mm=between(patches.curvature_per_mm),
        obliqueness_deg=between(90 - patches.plane_angle_deg),
        thickness_mm=between(places.thickness_mm),
        tissue_share=between(patches.tissue_share),
        score=score,
        partial=without_confounds(score, confounds_of(places), patches.split == "train"),
        profiles_d2=profiles_d2,
        components_d2=components_d2,
    )


def without_confounds(
    score: Float[np.ndarray, "n"], confounds: Confounds, train: Bool[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """The score with the confounds out, fitted on all gaps of training sections: no truth is asked."""
    return fit_confounds(score, confounds, train).without(score, confounds)


def curves_of(
    rows: Int[np.ndarray, "k"],
    places: RibbonPlaces,
    sections: Sequence[Section],
    hemispheres: tuple[Hemisphere, Hemisphere],
) -> list[BorderCurve]:
    """Accepted gaps joined over neighbouring sections, which may lie twice their usual distance apart along cortex."""
    ordered = sorted(sections, key=position_mm)
    apart = np.diff([position_mm(section) for section in ordered])
    accepted = np.zeros(len(places), bool)
    accepted[rows] = True
    reach_mm = 2 * float(np.median(apart)) if len(apart) else 0.0
    return track_borders(places, accepted, [section.id for section in ordered], hemispheres, reach_mm=reach_mm)


def accepted_table(gaps: GapTable, found: Mapping[str, Found]) -> AcceptedTable:
    """Accepted gaps of each method with their scores, and the curves they are joined to, numbered through the table."""
    rows = np.concatenate([each.rows for each in found.values()]).astype(np.int32)
    begin = np.cumsum([0, *(len(each.curves) for each in found.values())])
    curve, length = [], []
    for first, each in zip(begin, found.values(), strict=False):
        curve.append(first + curve_numbers(each.curves, len(gaps))[each.rows])
        length.append(sections_found_on(each.curves, len(gaps))[each.rows])
    return AcceptedTable(
        method=np.array([name for name, each in found.items() for _ in each.rows], dtype=np.str_),
        gap=rows,
        section=gaps.section[rows],
        side=gaps.side[rows],
        piece=gaps.piece[rows],
        arc_mm=gaps.arc_mm[rows],
        brain_mm=gaps.brain_mm[rows],
        value=np.concatenate([each.values[each.rows] for each in found.values()]),
        curve=np.concatenate(curve).astype(np.int32),
        recurrent=np.concatenate(length) >= RECURRING,
    )
