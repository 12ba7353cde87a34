"""What `gennari export` writes of sections: OME-Zarr, outlines, volumes for neuroglancer, descriptions for siibra."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from gennari.execute import Report, Tick
from gennari.pipeline.maps import map_path, mapped_sections, probabilities_path
from gennari.pipeline.stages import Run
from gennari.records import Section
from gennari.sources.annotations import from_labels, write_annotation
from gennari.sources.atomic import write_json
from gennari.sources.ome_sections import pyramid_levels, write_ome_section
from gennari.sources.precomputed_files import write_precomputed_image, write_precomputed_labels
from gennari.sources.probabilities import read_probability_bytes, write_probability_bytes
from gennari.sources.sections import read_labels
from gennari.sources.viewer_files import neuroglancer_state, siibra_section


class Mapped(NamedTuple):
    """A section with its map."""

    section: Section
    labels: UInt8[np.ndarray, "h w"]
    spacing_um: float


def write_sections(run: Run, variant: str, made: Path, tick: Report) -> None:
    """<brain>/<id>.ome.zarr of every section with a map, and <id>_probabilities.ome.zarr where these were kept."""
    label_set = run.dataset.label_set
    for section, labels, spacing_um in _mapped(run, variant, "export sections", tick):
        image = run.dataset.brain(section.brain).read_full(section.id, spacing_um)
        folder = made / section.brain
        write_ome_section(folder / f"{section.id:04d}.ome.zarr", image, labels, spacing_um, label_set)
        kept = probabilities_path(run, variant, section.brain, section.id)
        if kept.is_dir():
            values, spacing_um = read_probability_bytes(kept)
            levels = pyramid_levels(labels.shape)
            write_probability_bytes(folder / kept.name, values, spacing_um, label_set, levels)


def write_geojson(run: Run, variant: str, made: Path, tick: Report) -> None:
    """<brain>/<id>.geojson of every section with a map: one feature a class, as `gennari import annotations` reads."""
    label_set = run.dataset.label_set
    for section, labels, spacing_um in _mapped(run, variant, "export geojson", tick):
        pieces = from_labels(labels, spacing_um, section, label_set)
        write_annotation(made / section.brain / f"{section.id:04d}.geojson", pieces, label_set)


def write_neuroglancer(run: Run, variant: str, made: Path, base_url: str, tick: Report) -> None:
    """<brain>/<id>/ of every section with a map: image, areas, state.json."""
    label_set = run.dataset.label_set
    for section, labels, spacing_um in _mapped(run, variant, "export neuroglancer", tick):
        folder = made / section.brain / f"{section.id:04d}"
        image = run.dataset.brain(section.brain).read_full(section.id, spacing_um)
        write_precomputed_image(folder / "image", image, spacing_um, section)
        write_precomputed_labels(folder / "areas", labels, spacing_um, section, label_set)
        url = section_url(base_url, section)
        state = neuroglancer_state(section, label_set, spacing_um, f"{url}/image", f"{url}/areas")
        write_json(folder / "state.json", state)


def write_siibra(run: Run, variant: str, made: Path, base_url: str, spaces: Mapping[str, str], tick: Report) -> None:
    """<brain>/<id>.json of every section with a map whose brain lies in a reference space."""
    for name, sections in mapped_sections(run, variant).items():
        for section in sections if name in spaces else ():
            url = f"{section_url(base_url, section)}/image"
            described = siibra_section(section, url, spaces[name], run.dataset.manifest.licence)
            write_json(made / name / f"{section.id:04d}.json", described)
        tick(Tick("export siibra", len(sections), len(sections), name))


def section_url(base_url: str, section: Section) -> str:
    """Where the volumes of a section are found once the export is served."""
    return f"{base_url.rstrip('/')}/neuroglancer/{section.brain}/{section.id:04d}"


def _mapped(run: Run, variant: str, stage: str, tick: Report) -> Iterator[Mapped]:
    found = mapped_sections(run, variant)
    total, done = sum(len(sections) for sections in found.values()), 0
    for name, sections in found.items():
        for section in sections:
            labels, spacing_um = read_labels(map_path(run, variant, name, section.id))
            yield Mapped(section, labels, spacing_um)
            done += 1
            tick(Tick(stage, done, total, f"{name} {section.id}"))
