"""What a run has to show: for each section its image, truth, maps, how uncertain they are, and borders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gennari.errors import InputError
from gennari.pipeline.border_export import EXPORT
from gennari.pipeline.border_places import borders_path
from gennari.pipeline.border_tables import PLACES
from gennari.pipeline.context_maps import told
from gennari.pipeline.maps import MODEL, map_path, probabilities_path
from gennari.pipeline.stages import Run
from gennari.records import Section
from gennari.report.planes import Plane, array_plane, image_plane, uncertainty_of
from gennari.report.viewer_state import BorderLayer, View
from gennari.sampling.ribbon_places import read_places
from gennari.sources.border_files import read_border_lines
from gennari.sources.dataset import Brain
from gennari.sources.probabilities import read_probability_bytes
from gennari.sources.sections import read_labels

_NETWORKS = {"baseline": "areas, from scratch", "pretrained": "areas, pre-trained", MODEL: "areas, given model"}
TITLES = {**_NETWORKS, **{told(variant): f"{title}, with context" for variant, title in _NETWORKS.items()}}
"""How layers call the maps of each network; the best is the last."""
_COLOURS = ("#d62728", "#1f77b4", "#9467bd", "#8c564b", "#e377c2", "#17becf")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A section that a run has something to show of."""

    brain: str
    section: int


def sections_to_view(run: Run) -> list[Shown]:
    """Sections with a map or with borders, in the order of the data set.

    Raises:
        InputError: there are none.
    """
    bordered = _bordered(run)
    found = [
        Shown(brain=brain.name, section=section.id)
        for brain in run.dataset.brains()
        for section in brain.sections
        if (brain.name, section.id) in bordered or any(_maps(run, brain.name, section.id))
    ]
    if not found:
        raise InputError(
            f"{run.root} has neither maps nor borders to look at; run `gennari segment` or `gennari borders` first"
        )
    return found


def view_of(run: Run, shown: Shown) -> View:
    """All layers of a section; maps are read now, the image is not.

    Raises:
        InputError: a file of it is damaged.
    """
    brain = run.dataset.brain(shown.brain)
    section = brain.section(shown.section)
    return View(
        section=section,
        label_set=run.dataset.label_set,
        planes=tuple(_planes(run, brain, section)),
        borders=tuple(_borders(run, section)) if (shown.brain, shown.section) in _bordered(run) else (),
    )


def _planes(run: Run, brain: Brain, section: Section) -> Iterator[Plane]:
    yield image_plane(section, brain.open_reader(section))
    if brain.has_truth(section.id):
        truth = brain.truth(section.id)
        yield array_plane("truth", "areas, truth", "labels", truth.labels, truth.spacing_um)
    sure = None
    for variant in _maps(run, brain.name, section.id):
        labels, spacing_um = read_labels(map_path(run, variant, brain.name, section.id))
        yield array_plane(variant, TITLES[variant], "labels", labels, spacing_um)
        kept = probabilities_path(run, variant, brain.name, section.id)
        sure = kept if kept.is_dir() else sure  # maps with context are never followed by probabilities
    if sure:
        probabilities, spacing_um = read_probability_bytes(sure)
        yield array_plane("uncertainty", "uncertainty", "uncertainty", uncertainty_of(probabilities), spacing_um)


def _maps(run: Run, brain: str, section: int) -> Sequence[str]:
    """The networks that gave a map of a section."""
    return [variant for variant in TITLES if map_path(run, variant, brain, section).is_dir()]


def _bordered(run: Run) -> set[tuple[str, int]]:
    """(brain, section) of all sections whose borders were exported; a section may have none."""
    places = borders_path(run, PLACES)
    if not places.is_file():
        return set()
    (brain,) = set(read_places(places).patches.brain.tolist())
    return {(brain, int(path.stem)) for path in borders_path(run, EXPORT).glob("*/sections/*.geojson")}


def _borders(run: Run, section: Section) -> Iterator[BorderLayer]:
    folders = sorted(borders_path(run, EXPORT).glob("*/sections"))
    for colour, folder in zip(_COLOURS, folders, strict=False):
        path = folder / f"{section.id:04d}.geojson"
        if path.is_file():
            lines = read_border_lines(path)
            yield BorderLayer(
                title=f"borders, {folder.parent.name}",
                colour=colour,
                lines_um=[[(x, y) for x, y in np.round(line * section.spacing_um, 1).tolist()] for line in lines],
            )
