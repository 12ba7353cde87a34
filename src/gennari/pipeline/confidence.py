"""The stage that asks whether probabilities of held-out sections may be trusted, and what setting doubt aside gains."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.metrics.calibration import Reliability, pooled, reliability
from gennari.metrics.rejection import graded_confusions
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.labelled import annotated_labels
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import PROBABILITIES, confidence_path, map_path, probabilities_path
from gennari.pipeline.references import Reference, measured_sections, reference_map, reference_of
from gennari.pipeline.stages import Run, is_finished, receipts, run_stage
from gennari.pipeline.temperatures import read_temperatures
from gennari.records import IGNORE, QUALITIES, Section
from gennari.sampling.cut import cut_section, plane_angles_deg
from gennari.sampling.slab import cut_slabs
from gennari.sources.arrays import read_npz
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.dataset import Brain
from gennari.sources.documents import read_json
from gennari.sources.probabilities import FULL, read_confidence_bytes
from gennari.sources.sections import read_labels

STAGE = "evaluate-confidence"
FILE, COUNTS = "confidence.json", "rejection.npz"


class Bins(BaseModel):
    """A reliability diagram: pixels by the probability of their likeliest class; null where a bin is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    counts: tuple[int, ...]
    error: float

    @classmethod
    def of(cls, parts: Sequence[Reliability]) -> "Bins":
        """That of all sections together."""
        found = pooled(parts)
        confidence, accuracy = (
            tuple(None if np.isnan(value) else float(value) for value in values)
            for values in (found.confidence, found.accuracy)
        )
        return cls(confidence=confidence, accuracy=accuracy, counts=tuple(found.counts.tolist()), error=found.error)


class NetworkConfidence(BaseModel):
    """One network's.

    Attributes:
        before: as it says by itself.
        after: at its temperature; None where probabilities were not calibrated.
        temperature: that one.
        annotated_before: expected calibration error over pixels alone that experts annotated, as those that a
            temperature is fitted on; None where no others are measured.
        annotated_after: likewise at its temperature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Bins
    after: Bins | None = None
    temperature: float = 1.0
    annotated_before: float | None = None
    annotated_after: float | None = None


class ConfidenceSummary(BaseModel):
    """confidence.json.

    Attributes:
        sections: held-out ones with cortex that can be measured.
        reference: what pixels were compared with.
        note: why temperatures stay at 1, if they were fitted and do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: dict[str, NetworkConfidence]
    sections: int
    reference: Reference
    note: str = ""


class _Cortex(NamedTuple):
    """What one section is measured on: pixels of its ribbon whose class is known, and which of them were annotated."""

    brain: Brain
    section: Section
    here: Bool[np.ndarray, "h w"]
    true: UInt8[np.ndarray, "n"]
    annotated: Bool[np.ndarray, "n"]
    plane_angle_deg: Float[np.ndarray, "n"]


_Found = Mapping[str, Mapping[str, list[Reliability]]]
"""By network, then "before", "after", "annotated before", "annotated after": one a section."""


def confidence_stage(run: Run, tick: Report) -> bool:
    """Measure probabilities of held-out sections, if they were kept (`gennari segment --probabilities`).

    All is asked of the ribbon alone, as the surfaces say without looking at any truth: glass and white matter are easy
    and many, and would make every figure look good.
    """
    if not is_finished(run, PROBABILITIES):
        return False
    return run_stage(run, STAGE, ("evaluate", PROBABILITIES), partial(_measured, run, tick), tick)


def read_confidence(run: Run) -> ConfidenceSummary | None:
    """What was found; None where nothing was measured. InputError if the file is damaged."""
    return read_json(run.path(FILE), ConfidenceSummary) if is_finished(run, STAGE) else None


def read_graded(run: Run) -> Mapping[str, Int[np.ndarray, "k a r c c"]]:
    """Confusions of the ribbon's pixels by confidence, plane angle and rating, for each network.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = run.path(COUNTS)
    try:
        stored = read_npz(path)
        return {variant: stored[variant] for variant in VARIANTS}
    except (InputError, KeyError, OSError) as error:
        raise InputError(
            f"{path} must be a whole file of confusion matrices, but reading it fails ({error}); delete "
            f"{run.path('receipts', f'{STAGE}.json')} and run `gennari evaluate` again"
        ) from error


def _measured(run: Run, tick: Report) -> list[Path]:
    kept_before = {output for receipt in receipts(run) if receipt.stage == PROBABILITIES for output in receipt.outputs}
    found: _Found = {variant: defaultdict(list) for variant in VARIANTS}
    graded: dict[str, np.ndarray] = {}
    total = sum(len(sections) for sections in measured_sections(run).values())
    classes = len(run.dataset.label_set.names)
    for done, cortex in enumerate(_cortex(run), start=1):
        tick(Tick(STAGE, done, total, f"{cortex.brain.name} {cortex.section.id}"))
        if not len(cortex.true):
            continue
        rating = len(QUALITIES) - 1 - QUALITIES.index(cortex.section.quality)
        for variant in VARIANTS:
            place = (run, variant, cortex.brain.name, cortex.section.id)
            predicted = read_labels(map_path(*place))[0][cortex.here]
            said, right = _confidence(probabilities_path(*place), cortex.here), predicted == cortex.true
            counts = graded_confusions(cortex.true, predicted, said, cortex.plane_angle_deg, rating, classes)
            graded[variant] = graded.get(variant, 0) + counts
            looks = {"before": said}
            if str(confidence_path(*place).relative_to(run.root)) in kept_before:
                looks = {"before": _confidence(confidence_path(*place), cortex.here), "after": said}
            for name, values in looks.items():
                found[variant][name].append(reliability(values, right))
                if cortex.annotated.any() and not cortex.annotated.all():
                    chosen = reliability(values[cortex.annotated], right[cortex.annotated])
                    found[variant][f"annotated {name}"].append(chosen)
    if not graded:
        raise InputError(
            "confidence is measured on pixels of cortex whose class is known, but held-out sections have none; "
            "annotate cortex on one of them, or segment without --probabilities"
        )
    with atomic_path(run.path(COUNTS)) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **graded)
    write_json(run.path(FILE), _summary(run, found))
    return [run.path(FILE), run.path(COUNTS)]


def _summary(run: Run, found: _Found) -> ConfidenceSummary:
    fitted = read_temperatures(run) if all(parts["after"] for parts in found.values()) else None
    networks = {}
    for variant, parts in found.items():
        annotated = [
            pooled(parts[name]).error if parts[name] else None for name in ("annotated before", "annotated after")
        ]
        networks[variant] = NetworkConfidence(
            before=Bins.of(parts["before"]), after=Bins.of(parts["after"]) if fitted else None,
            temperature=fitted.networks[variant].value if fitted else 1.0,
            annotated_before=annotated[0], annotated_after=annotated[1],
        )  # fmt: skip
    return ConfidenceSummary(
        networks=networks, sections=len(found[VARIANTS[0]]["before"]), reference=reference_of(run),
        note=fitted.note if fitted else "",
    )  # fmt: skip


def _cortex(run: Run) -> Iterator[_Cortex]:
    spacing_um, reference = output_spacing_um(run.experiment.texture), reference_of(run)
    for name, sections in measured_sections(run).items():
        brain = run.dataset.brain(name)
        hemispheres = brain.hemispheres()
        for section in sections:
            (slabs,) = cut_slabs(hemispheres, [[section]])
            cut = cut_section(section, slabs, spacing_um)
            labels = reference_map(brain, section, spacing_um, reference)
            here = cut.ribbon.cortex & (labels != IGNORE)
            drawn = annotated_labels(brain, section, spacing_um)[here] != IGNORE
            angles = plane_angles_deg(cut, slabs, *np.nonzero(here))
            yield _Cortex(brain, section, here, labels[here], drawn, angles)


def _confidence(path: Path, here: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "n"]:
    return read_confidence_bytes(path)[0][here] / FULL
