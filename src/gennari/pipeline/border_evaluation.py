"""Borders against the truth: what the learned score, its controls and the classical method find."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from gennari.apply.borders import border_scores
from gennari.apply.confounds import Confounds, confounds_of, shares_of_peaks
from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.metrics.border_places import UNKNOWN, rotated
from gennari.metrics.border_scores import BorderTruth, border_truth
from gennari.metrics.resampling import nested_draws
from gennari.pipeline.border_controls import (
    CLASSICAL,
    COMPONENTS,
    NETWORKS,
    SHIFTED,
    Controls,
    control_features,
    control_features_stage,
    control_networks,
    plain_scores,
)
from gennari.pipeline.border_detection import DETECT_STAGE, place_gaps, without_confounds
from gennari.pipeline.border_features import read_features
from gennari.pipeline.border_places import Ask, borders_path, read_asked_places
from gennari.pipeline.border_tables import (
    EVALUATION,
    GAPS,
    SCORES,
    TRUTH,
    GapTable,
    TruthTable,
    read_table,
    write_table,
)
from gennari.pipeline.border_verdicts import DRAWS, Question, Verdict, judge
from gennari.pipeline.section_tasks import ALONE, Spread
from gennari.pipeline.stages import Run, run_stage
from gennari.records import LabelSet
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain
from gennari.sources.documents import read_json
from gennari.sources.tables import write_arrays

EVALUATE_STAGE = "borders-evaluate"
NEAR_MM = 1.0
_DRAWN, _SHIFTED = 31, 32
"""Randomness has a purpose: it goes into the seed."""


class Evaluation(Verdict):
    """evaluation.json: the learned score's figures, and the same for each control.

    Attributes:
        sections: held-out ones.
        train_sections: those that thresholds, confounds and components were fitted on.
        borders: true ones on the held-out sections.
        interior_mm: of interior ribbon there.
        measure: what the classical method's profiles are of: grey level index or staining intensity.
        explained: for each cause of large values that the paper names, the share of the score's top-decile peaks where
            it holds, and of all gaps where it does (chance); "none": no cause does.
    """

    brain: str
    sections: int
    train_sections: int
    borders: int
    interior_mm: float
    measure: str
    explained: dict[str, tuple[float, float]]
    controls: dict[str, Verdict]


def evaluate_borders_stage(run: Run, ask: Ask, which: Controls, tick: Report, spread: Spread = ALONE) -> Evaluation:
    """Measure borders against the truth; controls are made first, and their features are spread over processes.

    Raises:
        InputError: the brain has no truth, or as the stages before.
    """
    check_truth(ask.chosen(run))
    weights = control_networks(run, which, tick)
    control_features_stage(run, ask, which, weights, tick, spread)
    after = (DETECT_STAGE, *([control_features(which)] if NETWORKS[which] else []))
    run_stage(run, f"{EVALUATE_STAGE}-{which}", after, partial(_evaluate, run, ask, which, tick), tick)
    return read_evaluation(run)


def read_evaluation(run: Run) -> Evaluation:
    """The figures of a run whose borders were evaluated; InputError if the file is missing or damaged."""
    return read_json(borders_path(run, EVALUATION), Evaluation)


def check_truth(brain: Brain) -> None:
    """Refuse a brain whose truth nobody knows.

    Raises:
        InputError: there is none.
    """
    if not (brain.folder / "truth").is_dir():
        raise InputError(
            f"--evaluate compares borders with the truth, but brain {brain.name} has none; leave it out, name a brain "
            "that has (--brain), or make the data set anew with `gennari phantom`"
        )


def labels_at(brain: Brain, places: RibbonPlaces, label_set: LabelSet) -> Int32[np.ndarray, "n"]:
    """The true class of each place; UNKNOWN where the tissue's cortex does not lie under it.

    Places lie on the surfaces, the truth in the tissue, which is displaced by the registration error.
    """
    cortex = label_set.first_area - 1
    out = np.full(len(places), UNKNOWN, np.int32)
    for section in np.unique(places.patches.section):
        rows, truth = np.flatnonzero(places.patches.section == section), brain.truth(int(section))
        at = np.floor(places.patches.centre_um[rows] / truth.spacing_um).astype(int)
        inside = ((at >= 0) & (at < truth.labels.shape)).all(axis=1)
        found = truth.labels[at[inside, 0], at[inside, 1]].astype(np.int32)
        out[rows[inside]] = np.where(found >= cortex, found, UNKNOWN)
    return out


def question_of(
    run: Run, places: RibbonPlaces, label: Int32[np.ndarray, "n"], split: np.ndarray, wanted: str
) -> Question:
    """What all methods are asked on these labels; the same draws of sections for all."""
    label_set = run.dataset.label_set
    ids, section = np.unique(places.patches.section, return_inverse=True)
    truth = border_truth(label, place_gaps(places), section, label_set.first_area)
    return Question(
        truth=truth, train=split == "train", test=split == wanted, names=label_set.names,
        drawn=_draws(section, split == wanted, len(ids), np.random.default_rng([run.experiment.seed, _DRAWN])),
    )  # fmt: skip


def truth_table(label: Int32[np.ndarray, "n"], truth: BorderTruth) -> TruthTable:
    """The truth as it is saved."""
    known, border = truth.nearest >= 0, np.zeros(len(label), bool)
    border[truth.borders.gap] = True
    pairs = [
        np.where(known, side[truth.nearest] if len(side) else UNKNOWN, UNKNOWN).astype(np.int32)
        for side in (truth.borders.first, truth.borders.second)
    ]
    return TruthTable(
        label=label, border=border, first=pairs[0], second=pairs[1],
        border_mm=np.where(known, truth.border_mm, np.nan), interior=truth.interior,
    )  # fmt: skip


def _draws(
    section: Int[np.ndarray, "n"], test: Bool[np.ndarray, "n"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, "d s"]:
    """The tested sections as they are, then DRAWS draws of as many."""
    tested = np.unique(section[test])
    drawn = np.zeros((DRAWS + 1, count), int)
    drawn[0, tested] = 1
    drawn[1:, tested] = nested_draws(np.zeros(len(tested), int), DRAWS, rng)
    return drawn


def _evaluate(run: Run, ask: Ask, which: Controls, tick: Report) -> list[Path]:
    places, gaps, brain = read_asked_places(run, ask), read_table(borders_path(run, GAPS), GapTable), ask.chosen(run)
    tick(Tick("truth", 0, 1))
    label = labels_at(brain, places, run.dataset.label_set)
    question = question_of(run, places, label, gaps.split, ask.split)
    paths = [borders_path(run, name) for name in (TRUTH, SCORES, EVALUATION)]
    write_table(paths[0], truth_table(label, question.truth))
    scores = _scores(run, brain, places, gaps, which)
    confounds = confounds_of(places)
    partial_of = {name: without_confounds(score, confounds, gaps.split == "train") for name, score in scores.items()}
    write_arrays(paths[1], {**scores, **{f"partial {name}": values for name, values in partial_of.items()}})
    tick(Tick("verdicts", 0, len(scores) + 2))
    ours, drawn = judge(question, gaps.score, gaps.partial)
    verdicts = {}
    for done, name in enumerate(scores, start=1):
        verdicts[name], _ = judge(question, scores[name], partial_of[name], ours=drawn)
        tick(Tick("verdicts", done, len(scores) + 2, name))
    turned = rotated(label, places.piece, np.random.default_rng([run.experiment.seed, _SHIFTED]))
    elsewhere = question_of(run, places, turned, gaps.split, ask.split)
    verdicts[SHIFTED], _ = judge(elsewhere, gaps.score, gaps.partial, ours=drawn)
    write_json(paths[2], _evaluation(ours, verdicts, question, gaps, confounds, brain.name, run))
    tick(Tick("verdicts", len(scores) + 2, len(scores) + 2))
    return paths


def _scores(
    run: Run, brain: Brain, places: RibbonPlaces, gaps: GapTable, which: Controls
) -> dict[str, Float[np.ndarray, "n"]]:
    """The score of each control at each gap."""
    networks = {name: border_scores(read_features(run, name), places) for name in NETWORKS[which]}
    method = {CLASSICAL: gaps.profiles_d2, COMPONENTS: gaps.components_d2}
    return networks | ({} if which == "none" else plain_scores(run, brain, places)) | method


def explained(
    question: Question, score: Float[np.ndarray, "n"], confounds: Confounds
) -> dict[str, tuple[float, float]]:
    """Shares of the top decile of the score, and of all gaps, that each cause explains, on held-out sections.

    A border explains gaps within NEAR_MM. Other cortex is left out: it has borders that no label tells.
    """
    truth = question.truth
    known = question.test & (truth.in_area | (truth.border_mm <= NEAR_MM))
    if not np.isfinite(score[known]).any():
        return {}
    return shares_of_peaks(np.where(known, score, np.nan), confounds, truth.border_mm <= NEAR_MM)


def _evaluation(
    ours: Verdict,
    controls: Mapping[str, Verdict],
    question: Question,
    gaps: GapTable,
    confounds: Confounds,
    brain: str,
    run: Run,
) -> Evaluation:
    truth, test = question.truth, question.test
    measure = borders_path(run, "measure.txt").read_text(encoding="utf-8").strip()
    return Evaluation(
        **ours.model_dump(),
        brain=brain,
        sections=len(np.unique(gaps.section[test])),
        train_sections=len(np.unique(gaps.section[question.train])),
        borders=int(test[truth.borders.gap].sum()),
        interior_mm=float(truth.gaps.width_mm[truth.interior & test].sum()),
        measure=measure,
        explained=explained(question, gaps.score, confounds),
        controls=dict(controls),
    )
