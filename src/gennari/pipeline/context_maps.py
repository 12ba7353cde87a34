"""The stage that tells mapped sections what the others say of the same cortex; a second opinion beside their maps."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.errors import InputError
from gennari.execute import Report
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.context import gather
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import MODEL, PROBABILITIES, map_path, mapped_sections, probabilities_path
from gennari.pipeline.references import Reference, true_map
from gennari.pipeline.scoring import SectionResult, area_dice, counts_of, score_section
from gennari.pipeline.stages import Run, is_finished, run_stage
from gennari.records import IGNORE, Section
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Brain
from gennari.sources.documents import read_json
from gennari.sources.probabilities import read_probabilities
from gennari.sources.sections import read_labels, write_labels

STAGE, FILE, ENDING = "context", "context.json", "-context"


class ContextGain(BaseModel):
    """What one network's maps gained on sections that can be measured; pooled Dice over areas, mean err_seg."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dice_before: float
    dice_after: float
    err_seg_before: float
    err_seg_after: float
    sections: int
    reference: Reference


class ContextSummary(BaseModel):
    """context.json; networks without anything to be measured on are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: ContextSettings
    sections: int
    networks: dict[str, ContextGain]


def told(variant: str) -> str:
    """What the maps of sections that were told of each other are filed under."""
    return variant + ENDING


def context_stage(run: Run, settings: ContextSettings, tick: Report) -> bool:
    """Write a second map of each section that has one, changed near the ribbon where its surroundings say otherwise.

    Only sections that have maps speak: in a run that trains, the held-out ones; with a finished model, all. Whole
    sections are read, one at a time. The maps before stay as they are.

    Returns:
        Whether there was anything to do.

    Raises:
        InputError: probabilities were not kept, a brain has no surfaces, or a map is damaged.
    """
    if not is_finished(run, PROBABILITIES):
        raise InputError(
            "surface context listens to how sure sections are, but probabilities are not kept of all of them; add "
            "--probabilities, and wait until all parts are done"
        )
    said = settings.model_dump_json()
    return run_stage(run, STAGE, ("segment", PROBABILITIES), partial(_tell, run, settings, tick), tick, options=said)


def read_context(run: Run) -> ContextSummary | None:
    """What was gained; None where sections were not told of each other. InputError if the file is damaged."""
    return read_json(run.path(FILE), ContextSummary) if is_finished(run, STAGE) else None


def context_words(run: Run) -> str:
    """A line for each network: what its maps gained, or that nobody can say."""
    found = read_context(run)
    if found is None:
        return ""
    lines = [
        f"{variant}, told of each other: Dice {gain.dice_before:.3f} to {gain.dice_after:.3f}, err_seg "
        f"{gain.err_seg_before:.2f} to {gain.err_seg_after:.2f} ({gain.reference} of {gain.sections} sections)\n"
        for variant, gain in found.networks.items()
    ]
    return "".join(lines) or f"{found.sections} maps with context; nothing to measure them against\n"


def _tell(run: Run, settings: ContextSettings, tick: Report) -> list[Path]:
    outputs, gains, count = [], {}, 0
    for variant in (*VARIANTS, MODEL):
        found = mapped_sections(run, variant)
        reference: Reference = "truth" if _all_true(run, found) else "annotations"
        scores: list[tuple[SectionResult, SectionResult]] = []
        for name, sections in found.items():
            brain, spacing_um = run.dataset.brain(name), output_spacing_um(run.experiment.texture)
            gathered = gather(
                brain, sections, partial(_said, run, variant), spacing_um, run.dataset.label_set, settings.reach_mm,
                lambda t, word=variant: tick(t._replace(stage=f"{STAGE}, {word}")),
            )  # fmt: skip
            after = gathered.maps(settings)
            count += len(sections)
            for section in sections:
                outputs.append(map_path(run, told(variant), name, section.id))
                write_labels(outputs[-1], after[section.id], spacing_um, run.dataset.label_set)
                known = _known(brain, section, spacing_um, reference)
                if known is not None:
                    scored = partial(_scored, run, section, known, spacing_um)
                    scores.append((scored(gathered.sections[section.id].labels), scored(after[section.id])))
        if scores:
            gains[variant] = _gain(run, scores, reference)
    write_json(run.path(FILE), ContextSummary(settings=settings, sections=count, networks=gains))
    return [*outputs, run.path(FILE)]


def _said(run: Run, variant: str, section: Section) -> Segmentation:
    """A section's map and probabilities as they stand on disk."""
    labels, _ = read_labels(map_path(run, variant, section.brain, section.id))
    given, _ = read_probabilities(probabilities_path(run, variant, section.brain, section.id))
    return Segmentation(probabilities=given.astype(np.float16), labels=labels, tiles=0)


def _all_true(run: Run, found: Mapping[str, Sequence[Section]]) -> bool:
    return all(run.dataset.brain(name).has_truth(section.id) for name, part in found.items() for section in part)


def _known(brain: Brain, section: Section, spacing_um: float, reference: Reference) -> np.ndarray | None:
    """What a map can be measured against; None where nobody said anything of this section."""
    if reference == "truth":
        return true_map(brain, section.id, spacing_um)
    if brain.annotation(section.id) is None:
        return None
    labels = annotated_labels(brain, section, spacing_um)
    return None if (labels == IGNORE).all() else labels


def _scored(run: Run, section: Section, known: np.ndarray, spacing_um: float, labels: np.ndarray) -> SectionResult:
    return score_section(known, labels, run.dataset.label_set, spacing_um, brain=section.brain, section=section.id)


def _gain(run: Run, scores: Sequence[tuple[SectionResult, SectionResult]], reference: Reference) -> ContextGain:
    """Of (before, after) of each section."""
    before, after = zip(*scores, strict=True)
    dice = [area_dice(counts_of(of).sum(axis=0), run.dataset.label_set) for of in (before, after)]
    error = [float(np.mean([one.error.err_seg for one in of if one.error])) for of in (before, after)]
    return ContextGain(
        dice_before=dice[0], dice_after=dice[1], err_seg_before=error[0], err_seg_after=error[1],
        sections=len(scores), reference=reference,
    )  # fmt: skip
