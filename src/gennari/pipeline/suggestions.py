"""Which sections of a run's brains are worth annotating next, and why."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from gennari.apply.context import certainty
from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import MODEL, probabilities_path
from gennari.pipeline.stages import Run
from gennari.records import QUALITIES, LabelSet, Section
from gennari.sampling.split import position_mm
from gennari.sampling.suggest import Candidates, Suggestion, suggest
from gennari.sources.annotations import annotated_classes
from gennari.sources.dataset import Brain
from gennari.sources.probabilities import read_probability_bytes
from gennari.surface.planes import index_planes, parts_met

LOOKED_AT_PX = 512
"""Of a map's probabilities no more rows and columns than so many are looked at."""


class Suggested(BaseModel):
    """One section that is worth annotating.

    Attributes:
        rank: 1 is best; each is chosen as if those before it were annotated.
        score: `nearer` plus the share of missing areas that it shows.
        nearer: share by which all sections come nearer to an annotated one.
        nearest_mm: to the nearest section that is annotated or stands before it; None without any.
        uncertainty: mean entropy of its map on cortex, 0..1; None where there is no map with probabilities.
        new_areas: areas that it shows, by the atlas, and that no section of the brain has annotated.
        reason: all of this as words.
    """

    model_config = ConfigDict(frozen=True)

    brain: str
    section: int
    rank: int
    score: float
    nearer: float
    nearest_mm: float | None
    uncertainty: float | None
    new_areas: tuple[str, ...]
    reason: str


def suggestions(run: Run, count: int, tick: Report, brain: str | None = None) -> list[Suggested]:
    """The next sections to annotate of each labelled brain, or of one; best first.

    Uncertainty is that of `gennari segment --probabilities`, where it has been; areas are the atlas's, since a network
    does not find an area that nobody showed it. Sections rated worse than the recipe's patches may be are passed over.

    Args:
        run: whose data set, maps and recipe.
        count: at most so many a brain.
        tick: told of every section that is looked at.
        brain: only this one.

    Raises:
        InputError: `count` is below 1, there is no such brain or no labelled one, or a file is damaged.
    """
    if count < 1:
        raise InputError(f"at least one section can be suggested, got {count}; give --count a number from 1 up")
    labelled = [one for one in run.dataset.brains() if one.manifest.role == "labelled"]
    brains = labelled if brain is None else [run.dataset.brain(brain)]
    if not brains:
        raise InputError(
            f"sections are suggested of brains whose role is 'labelled', but {run.dataset.manifest.name} has none; "
            "name a brain with --brain"
        )
    return [found for one in brains for found in _of_brain(run, one, count, tick)]


def suggestion_words(found: Sequence[Suggested]) -> str:
    """A line a section, by brain; one sentence where there is nothing to suggest."""
    if not found:
        return "every section that may be suggested is annotated"
    lines = []
    for one in found:
        lines += [f"brain {one.brain}"] if one.rank == 1 else []
        lines.append(f"{one.rank:>3}. section {one.section:<8} {one.score:.2f}  {one.reason}")
    return "\n".join(lines)


def candidates_of(run: Run, brain: Brain, tick: Report) -> Candidates:
    """What is known of a brain's sections, in their order."""
    label_set, sections = brain.label_set, brain.sections
    drawn = [brain.annotation(section.id) for section in sections]
    covered = {index for path in drawn if path is not None for index in annotated_classes(path, label_set)}
    worst = QUALITIES.index(run.experiment.patches.min_quality)
    return Candidates(
        position_mm=np.array([position_mm(section) for section in sections]),
        annotated=np.array([path is not None for path in drawn]),
        open=np.array([QUALITIES.index(section.quality) <= worst for section in sections]),
        uncertainty=np.array(
            [_uncertainty(run, section, len(sections), n, tick) for n, section in enumerate(sections)]
        ),
        shows=shown_areas(brain),
        covered=np.isin(np.arange(label_set.first_area, len(label_set.names)), list(covered)),
    )


def shown_areas(brain: Brain) -> Bool[np.ndarray, "n a"]:
    """Which areas the atlas has on the cortex that each section cuts; none without an atlas."""
    found = np.zeros((len(brain.sections), len(brain.label_set.areas)), bool)
    if not brain.manifest.atlas:
        return found
    hemispheres, regions = brain.hemispheres(), []
    for probability in brain.atlas():
        likeliest = probability.argmax(axis=1)
        regions.append(np.where(probability.max(axis=1) > 1 - probability.sum(axis=1), likeliest, -1))
    index = index_planes(hemispheres, brain.sections[0])
    for n, section in enumerate(brain.sections):
        for part in parts_met(hemispheres, section, index):
            here = np.unique(regions[part.side][hemispheres[part.side].pial.faces[part.face]])
            found[n, here[here >= 0]] = True
    return found


def unsure(probabilities: Float[np.ndarray, "c *s"], label_set: LabelSet) -> float:
    """Mean entropy where the likeliest class is cortex, over that of equal shares; 0 where no pixel is cortex.

    Args:
        probabilities: of a section's pixels, class by class, up to one factor a pixel.
        label_set: their classes.
    """
    shares = probabilities.reshape(len(probabilities), -1).T.astype(np.float64)
    shares = shares[shares.argmax(axis=1) >= max(label_set.first_area - 1, 0)]
    total = shares.sum(axis=1, keepdims=True)
    return float(1 - certainty((shares / total)[total[:, 0] > 0]).mean()) if (total > 0).any() else 0.0


def _of_brain(run: Run, brain: Brain, count: int, tick: Report) -> list[Suggested]:
    candidates = candidates_of(run, brain, tick)
    return [_told(brain, candidates, one, rank) for rank, one in enumerate(suggest(candidates, count), start=1)]


def _uncertainty(run: Run, section: Section, total: int, index: int, tick: Report) -> float:
    tick(Tick("suggest", index + 1, total, f"{section.brain} {section.id}"))
    for variant in (MODEL, *reversed(VARIANTS)):
        path = probabilities_path(run, variant, section.brain, section.id)
        if path.is_dir():
            return unsure(read_probability_bytes(path, LOOKED_AT_PX)[0].astype(np.float32), run.dataset.label_set)
    return float("nan")


def _told(brain: Brain, candidates: Candidates, one: Suggestion, rank: int) -> Suggested:
    unsure = float(candidates.uncertainty[one.index])
    names = tuple(brain.label_set.areas[area] for area in one.new_areas)
    near = None if np.isinf(one.nearest_mm) else round(one.nearest_mm, 3)
    reasons = ["no section is annotated yet" if near is None else f"{near:.1f} mm from the nearest annotated one"]
    if np.isnan(unsure):
        reasons.append("no map with probabilities")
    else:
        reasons.append(f"its map is unsure by {unsure:.2f} (mean {np.nanmean(candidates.uncertainty):.2f})")
    reasons += [f"shows {', '.join(names)}, annotated nowhere yet"] if names else []
    return Suggested(
        brain=brain.name, section=brain.sections[one.index].id, rank=rank, score=round(one.score, 4),
        nearer=round(one.nearer, 4), nearest_mm=near, uncertainty=None if np.isnan(unsure) else round(unsure, 4),
        new_areas=names, reason="; ".join(reasons),
    )  # fmt: skip
