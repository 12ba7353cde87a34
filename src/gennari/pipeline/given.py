"""What a table holds without any training: the atlas alone, the observers, how far areas lie apart."""

from collections.abc import Iterator

import numpy as np
from pydantic import RootModel

from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.area_distances import area_distances_mm
from gennari.pipeline.atlas_alone import atlas_labels
from gennari.pipeline.ceiling import mutual_sections
from gennari.pipeline.folds import Fold, sections_at
from gennari.pipeline.reproduction import Work
from gennari.pipeline.scoring import SectionResult, score_section
from gennari.records import IGNORE
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json


class _AreaTable(RootModel[tuple[tuple[float, ...], ...]]):
    pass


def area_table(work: Work) -> tuple[tuple[float, ...], ...]:
    """Distances in mm between areas along the surface of the first labelled brain, worked out once."""
    path = work.root / "area_distances.json"
    if not path.exists():
        brain = next(brain for brain in work.dataset.brains() if brain.manifest.role == "labelled")
        distances = area_distances_mm(brain.hemispheres(), brain.atlas(), work.dataset.label_set)
        write_json(path, np.round(distances, 2).tolist())
    return read_json(path, _AreaTable).root


def atlas_results(work: Work, fold: Fold) -> Iterator[SectionResult]:
    """The atlas alone on the tested sections."""
    spacing_um, label_set = output_spacing_um(work.recipe.experiment.texture), work.dataset.label_set
    for name, sections in sections_at(work.dataset, fold.test).items():
        brain = work.dataset.brain(name)
        hemispheres, atlas = brain.hemispheres(), brain.atlas()
        for section in sections:
            yield score_section(
                work.store.truth(name, section.id),
                atlas_labels(section, hemispheres, atlas, label_set, spacing_um),
                label_set,
                spacing_um,
                brain=name,
                section=section.id,
                annotated=np.asarray(work.store.labelled(name, section.id).labels) != IGNORE,
            )


def observer_results(work: Work, fold: Fold) -> Iterator[SectionResult]:
    """How far two observers agree on the tested sections, cortex only; nothing where the data set does not know it."""
    yield from mutual_sections(work.dataset, sections_at(work.dataset, fold.test)) or ()
