"""A dataset on disk: an index of brains, their sections, surfaces, atlas, annotations and (phantom only) truth."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from gennari.errors import InputError
from gennari.records import AreaMap, Hemisphere, LabelSet, Section
from gennari.sources.atlas import read_atlas
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.sources.manifests import BrainManifest, DatasetManifest, Observers, SectionEntry
from gennari.sources.precomputed import PREFIX
from gennari.sources.pyramids import PyramidReader
from gennari.sources.sections import open_section, read_labels, write_labels, write_ome_zarr
from gennari.sources.stores import is_url
from gennari.sources.surfaces import read_hemispheres


def open_dataset(path: Path) -> "Dataset":
    """The dataset in a folder.

    Raises:
        InputError: there is no dataset.json, or it or its label set is malformed.
    """
    if not path.is_dir():
        raise InputError(
            f"{path} must be the folder of a dataset, but there is none; check the path or make the dataset"
        )
    manifest = read_json(path / "dataset.json", DatasetManifest)
    manifest.label_set.label_set()  # refuse a bad one now, not after hours
    return Dataset(root=path, manifest=manifest)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset folder and its index; nothing else is read until it is asked for. Picklable."""

    root: Path
    manifest: DatasetManifest

    @property
    def label_set(self) -> LabelSet:
        """The classes."""
        return self.manifest.label_set.label_set()

    def brain(self, name: str) -> "Brain":
        """One brain; raises InputError if the dataset has none of that name or its index is malformed."""
        if name not in self.manifest.brains:
            known = ", ".join(self.manifest.brains)
            raise InputError(f"dataset {self.manifest.name} has the brains {known}, but not '{name}'; name one of them")
        folder = brain_folder(self.root, name)
        manifest = read_json(folder / "brain.json", BrainManifest)
        if manifest.name != name:
            raise InputError(
                f"{folder / 'brain.json'} must be of the brain whose folder it lies in, got '{manifest.name}'; was the "
                "folder renamed?"
            )
        return Brain(folder=folder, manifest=manifest, label_set=self.label_set)

    def brains(self) -> tuple["Brain", ...]:
        """All brains, in the order of the index."""
        return tuple(self.brain(name) for name in self.manifest.brains)

    def open_reader(self, section: Section) -> PyramidReader:
        """A reader of a section's image, whichever brain it is of."""
        return self.brain(section.brain).open_reader(section)


@dataclass(frozen=True, kw_only=True)
class Brain:
    """One brain of a dataset; its files are read when asked for, and not kept."""

    folder: Path
    manifest: BrainManifest
    label_set: LabelSet

    @property
    def name(self) -> str:
        """Its name, which is that of its folder."""
        return self.manifest.name

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Its sections in the order of the index."""
        return tuple(entry.section(self.name) for entry in self.manifest.sections)

    def section(self, section: int) -> Section:
        """The section of this number; raises InputError naming the nearest ones if there is none."""
        return self._entry(section).section(self.name)

    def split(self, section: int) -> str | None:
        """Which part of the split the index gives a section, if it does."""
        return self._entry(section).split

    def hemispheres(self) -> tuple[Hemisphere, Hemisphere]:
        """Left and right hemisphere.

        Raises:
            InputError: as `read_hemispheres`, or a section's plane does not meet the brain.
        """
        hemispheres = read_hemispheres(self.surfaces_folder)
        box = _pial_box(hemispheres)  # once: a series asks for it again for each of its thousands of sections
        for section in self.sections:
            _check_meets(section, box)
        return hemispheres

    def atlas(self) -> tuple[Float32[np.ndarray, "_ a"], Float32[np.ndarray, "_ a"]]:
        """Area probabilities per vertex, left and right, columns as `label_set.areas`; InputError if it has none."""
        if not self.manifest.atlas:
            raise InputError(f"brain {self.name} has no atlas (brain.json says so); choose a run without the prior")
        return read_atlas(self.folder / "atlas", self.label_set)

    def image_location(self, section: int) -> str:
        """Where a section's image stands: a path, or the URL of an image that stays on its server."""
        image = self._entry(section).image
        return image if is_url(image) or image.startswith(PREFIX) else str(self.folder / image)

    def image_path(self, section: int) -> Path:
        """Where a section's image stands on this machine; raises InputError for one on a server."""
        location = self.image_location(section)
        if is_url(location.removeprefix(PREFIX)):
            raise InputError(
                f"the image of section {section} of {self.name} must be a file or folder here, but it is on a server "
                f"({location}); fetch it first"
            )
        return Path(location.removeprefix(PREFIX).removeprefix("file://"))

    def open_reader(self, section: Section) -> PyramidReader:
        """A reader of a section's image; raises InputError as `open_section`."""
        return open_section(self.image_location(section.id), section)

    def read_full(self, section: int, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
        """A section's whole image on a grid of its own or a coarser spacing; InputError as `PyramidReader.whole`."""
        return self.open_reader(self.section(section)).whole(spacing_um)

    def annotation(self, section: int) -> Path | None:
        """The GeoJSON annotation of a section, None if nobody annotated it."""
        self._entry(section)
        path = annotation_path(self.folder, section)
        return path if path.is_file() else None

    def has_truth(self, section: int) -> bool:
        """Whether the full labels of a section are known (phantom only)."""
        return _truth_path(self.folder, section).is_dir()

    def truth(self, section: int) -> AreaMap:
        """The full labels of a section (phantom only; for metrics alone). InputError if there are none."""
        self._entry(section)
        labels, spacing_um = read_labels(_truth_path(self.folder, section))
        return AreaMap(labels=labels, spacing_um=spacing_um, section=section, label_set=self.label_set)

    def observers(self, section: int) -> Observers | None:
        """How far two observers agree on a section; None where nobody measured it. InputError if damaged."""
        self._entry(section)
        path = _observers_path(self.folder, section)
        return read_json(path, Observers) if path.is_file() else None

    @property
    def surfaces_folder(self) -> Path:
        """Where its surfaces stand."""
        return self.folder / "surfaces"

    def _entry(self, section: int) -> SectionEntry:
        for entry in self.manifest.sections:
            if entry.id == section:
                return entry
        near = sorted((entry.id for entry in self.manifest.sections), key=lambda known: abs(known - section))[:3]
        raise InputError(
            f"brain {self.name} has {len(self.manifest.sections)} sections, but no {section}; the nearest are {near}"
        )


def fingerprint(dataset: Dataset) -> str:
    """A short hash of the dataset's index files, by which a run knows its dataset again (pixels are not read)."""
    digest = hashlib.sha256(dataset.manifest.model_dump_json().encode())
    for brain in dataset.brains():
        digest.update(brain.manifest.model_dump_json().encode())
    return digest.hexdigest()[:16]


def check_inside(section: Section, hemispheres: Sequence[Hemisphere]) -> None:
    """Refuse a section that does not meet the brain.

    Raises:
        InputError: its plane passes the pial surfaces' bounding box, or its image lies beside it.
    """
    _check_meets(section, _pial_box(hemispheres))


def _pial_box(hemispheres: Sequence[Hemisphere]) -> Float[np.ndarray, "8 3"]:
    """Corners of the pial surfaces' bounding box."""
    vertices = np.concatenate([hemisphere.pial.vertices_mm for hemisphere in hemispheres])
    return np.array(list(product(*zip(vertices.min(axis=0), vertices.max(axis=0), strict=True))), float)


def _check_meets(section: Section, box_mm: Float[np.ndarray, "8 3"]) -> None:
    corners = section.section_um(box_mm)
    nearest, farthest = corners.min(axis=0), corners.max(axis=0)
    if nearest[2] > 0 or farthest[2] < 0:
        raise InputError(
            f"the plane of section {section.id} of {section.brain} must cut the brain, but it passes it "
            f"{min(abs(nearest[2]), abs(farthest[2])) / 1000:.2f} mm away; check its affine, or leave the section out"
        )
    if (farthest[:2] < 0).any() or (nearest[:2] > np.array(section.size_um)).any():
        raise InputError(
            f"the image of section {section.id} of {section.brain} must show the brain, but it lies beside it in its "
            "plane; check its affine (µm to mm, rows and columns)"
        )


def brain_folder(root: Path, brain: str) -> Path:
    """Where a dataset keeps a brain."""
    return root / "brains" / brain


def annotation_path(folder: Path, section: int) -> Path:
    """Where a brain's folder keeps the annotation of a section."""
    return folder / "annotations" / f"{section:04d}.geojson"


def image_name(section: int) -> str:
    """Where a brain's folder keeps the image of a section that we wrote, relative to the folder."""
    return f"sections/{section:04d}.ome.zarr"


def write_dataset_manifest(root: Path, manifest: DatasetManifest) -> None:
    """Write dataset.json, atomically; write it last, so that a dataset is seen only when it is whole."""
    write_json(root / "dataset.json", manifest)


def write_brain_manifest(root: Path, manifest: BrainManifest) -> None:
    """Write brains/<name>/brain.json, atomically."""
    write_json(brain_folder(root, manifest.name) / "brain.json", manifest)


def write_section(
    root: Path, section: Section, image: UInt8[np.ndarray, "h w"], split: str | None = None, levels: int = 4
) -> SectionEntry:
    """Write a section's image into its brain's folder, atomically; returns its entry for brain.json."""
    if image.shape != section.shape_px:
        raise ValueError(f"the image of section {section.id} must have its shape {section.shape_px}, got {image.shape}")
    write_ome_zarr(brain_folder(root, section.brain) / image_name(section.id), image, section.spacing_um, levels)
    return SectionEntry.of(section, image_name(section.id), split)


def write_truth(root: Path, brain: str, truth: AreaMap) -> None:
    """Write the full labels of a section into its brain's folder, atomically."""
    path = _truth_path(brain_folder(root, brain), truth.section)
    write_labels(path, truth.labels, truth.spacing_um, truth.label_set)


def write_observers(root: Path, brain: str, section: int, observers: Observers) -> None:
    """Write the observers' agreement on a section beside its truth, atomically."""
    write_json(_observers_path(brain_folder(root, brain), section), observers)


def _observers_path(folder: Path, section: int) -> Path:
    return folder / "truth" / f"{section:04d}.observers.json"


def _truth_path(folder: Path, section: int) -> Path:
    return folder / "truth" / f"{section:04d}.ome.zarr"
