"""What the index files of a dataset hold, as frozen models, and the records they stand for."""

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, field_validator

from gennari.errors import InputError
from gennari.frames import Affine, Frame
from gennari.records import IGNORE, LabelSet, Quality, Section
from gennari.sources.documents import Number

FORMAT_VERSION = 1
MAX_SIDE_MM = 1000.0
"""A section is no larger; one that seems to be has a wrong pixel size."""
MAX_SIDE_PX = 10_000_000
"""Of a section: a metre in pixels of 0.1 µm."""
MAX_ID = 9_999_999
"""Of a section: numbers become file names and 32-bit columns."""
Row = tuple[Number, Number, Number, Number]
Role = Literal["pretext", "labelled"]


def _is_plain(name: str) -> str:
    if name in ("", ".", "..") or len(name) > 100 or set(name) & set("/\\:") or not name.isprintable():
        raise ValueError("a name that becomes a folder's must be 1 to 100 printable letters without / \\ and :")
    return name


FolderName = Annotated[str, AfterValidator(_is_plain)]
"""Of a brain: a name that leads out of its folder would have files written there."""


class Manifest(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelSetEntry(Manifest):
    """A LabelSet as dataset.json holds it."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    first_area: int = Field(ge=0)

    @field_validator("colours")
    @classmethod
    def _are_hex(cls, colours: tuple[str, ...]) -> tuple[str, ...]:
        for colour in colours:
            if len(colour) != 7 or colour[0] != "#" or set(colour[1:].lower()) - set("0123456789abcdef"):
                raise ValueError(f"a colour must be written '#rrggbb', not '{colour}'")
        return colours

    @classmethod
    def of(cls, label_set: LabelSet) -> "LabelSetEntry":
        """The entry of a label set."""
        return cls(names=label_set.names, colours=label_set.colours, first_area=label_set.first_area)

    def label_set(self) -> LabelSet:
        """The label set of the entry; raises InputError if its names and colours do not fit together."""
        if not self.first_area <= len(self.names) <= IGNORE:
            raise InputError(
                f"dataset.json: a label set has at most {IGNORE} classes, areas last, got {len(self.names)} with the "
                f"first area at {self.first_area}; mend its label_set"
            )
        try:
            return LabelSet(names=self.names, colours=self.colours, first_area=self.first_area)
        except ValueError as error:
            raise InputError(f"dataset.json: {error}; mend its label_set") from error


class DatasetManifest(Manifest):
    """dataset.json.

    Attributes:
        origin: how it was made (a phantom's settings and seed, say): part of the fingerprint.
    """

    name: str
    licence: str
    label_set: LabelSetEntry
    brains: tuple[FolderName, ...]
    origin: str = ""
    format_version: Literal[1] = FORMAT_VERSION


SidePx = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]


class SectionEntry(Manifest):
    """One section in brain.json.

    Attributes:
        image: path of its OME-Zarr image, relative to the brain's folder or absolute.
        affine: SECTION_UM (row, col, across in µm) to BRAIN_MM, row by row.
        split: train, val, test or guard, where the dataset says so itself.
    """

    id: int = Field(ge=0, le=MAX_ID)
    image: str
    spacing_um: PositiveFloat
    shape_px: tuple[SidePx, SidePx]
    affine: tuple[Row, Row, Row, Row]
    quality: Quality = "good"
    split: str | None = None

    @classmethod
    def of(cls, section: Section, image: str, split: str | None = None) -> "SectionEntry":
        """The entry of a section."""
        rows = section.to_brain.matrix.tolist()
        return cls(
            id=section.id,
            image=image,
            spacing_um=section.spacing_um,
            shape_px=section.shape_px,
            affine=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2]), tuple(rows[3])),
            quality=section.quality,
            split=split,
        )

    def section(self, brain: str) -> Section:
        """The section of the entry; raises InputError if its affine is none, or it is larger than any section."""
        if not 1e-3 <= self.spacing_um * max(self.shape_px) <= 1e3 * MAX_SIDE_MM:
            raise InputError(
                f"brain.json of {brain}, section {self.id}: a section is at most {MAX_SIDE_MM:g} mm wide, got "
                f"{max(self.shape_px)} px of {self.spacing_um:g} µm; mend its pixel size"
            )
        try:
            matrix = np.array(self.affine, float)
            return Section(
                brain=brain,
                id=self.id,
                spacing_um=self.spacing_um,
                shape_px=self.shape_px,
                to_brain=Affine(matrix=matrix, source=Frame.SECTION_UM, target=Frame.BRAIN_MM),
                quality=self.quality,
            )
        except ValueError as error:
            raise InputError(f"brain.json of {brain}, section {self.id}: {error}; mend its affine") from error


class BrainManifest(Manifest):
    """brain.json.

    Attributes:
        role: "pretext" brains are never fine-tuned on or tested.
        geometry: where the surfaces come from ("fsaverage5", "bigbrain", ...), for the report.
        atlas: whether there are per-vertex area probabilities.
    """

    name: FolderName
    role: Role
    sections: tuple[SectionEntry, ...]
    geometry: str
    atlas: bool = False

    @field_validator("sections")
    @classmethod
    def _are_unique(cls, sections: tuple[SectionEntry, ...]) -> tuple[SectionEntry, ...]:
        ids = [entry.id for entry in sections]
        if len(set(ids)) != len(ids):
            raise ValueError(f"section ids must be unique, but {max(ids, key=ids.count)} stands more than once")
        return sections


class Observers(Manifest):
    """Agreement of two simulated observers on a section (phantom only): pixels of cortex by class, on the truth's grid.

    Attributes:
        jitter_mm: RMS by which each draws borders off.
        mutual: rows are the first observer's classes, columns the second's.
        first, second: rows are true classes, columns the observer's.
    """

    spacing_um: PositiveFloat
    jitter_mm: tuple[float, float]
    mutual: tuple[tuple[int, ...], ...]
    first: tuple[tuple[int, ...], ...]
    second: tuple[tuple[int, ...], ...]
