"""openMINDS SANDS polygons, as siibra-explorer saves them: points in mm of the brain's space."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, RootModel

from gennari.errors import InputError
from gennari.records import Section
from gennari.sources.documents import Number, read_json
from gennari.sources.drawings import Drawn, check_count, check_size, drawn_area

FAR_UM = 500.0
"""A polygon whose points lie farther from the plane is not of this section."""


class _Unit(BaseModel):
    id: str = Field(alias="@id")


class _Quantity(BaseModel):
    value: Number
    unit: _Unit | None = None


class _Polygon(BaseModel):
    kind: Literal["tmp/poly"] = Field(alias="@type")
    coordinates: list[tuple[_Quantity, _Quantity, _Quantity]] = Field(min_length=3)
    name: str | None = None


class _Document(RootModel[_Polygon | list[_Polygon]]):
    pass


class _Description(BaseModel):
    name: str


def read_sands(path: Path, section: Section) -> list[Drawn]:
    """Polygons of a SANDS document, brought from BRAIN_MM to the section's pixels.

    The class is the key `name`, else that of `x.desc.json`, which siibra-explorer saves beside `x.sands.json`.

    Args:
        path: one polygon (`@type` `tmp/poly`) or a list of them.
        section: in whose plane they lie.

    Raises:
        InputError: the file is missing, too large or no such JSON, is not in mm, or leaves the section's plane.
    """
    check_size(path)
    document = read_json(path, _Document).root
    beside = path.with_name(path.name.removesuffix(".sands.json") + ".desc.json")
    described = read_json(beside, _Description).name if beside != path and beside.is_file() else None
    polygons = document if isinstance(document, list) else [document]
    check_count(len(polygons), path)
    drawn = []
    for number, polygon in enumerate(polygons):
        where = f"polygon {number} of {path}"
        units = {value.unit.id.rsplit("/", 1)[-1] for point in polygon.coordinates for value in point if value.unit}
        if units - {"mm", "millimeter"}:
            raise InputError(f"{where} must be in mm, but it is in {', '.join(sorted(units))}; convert it")
        points_mm = np.array([[value.value for value in point] for point in polygon.coordinates])
        places = section.section_um(points_mm)
        far_um = float(np.abs(places[:, 2]).max())
        if far_um > FAR_UM:
            raise InputError(
                f"{where} must lie in the plane of section {section.id}, but it is {far_um / 1000:.2f} mm away; is its "
                "number right, and its coordinate space this brain's?"
            )
        area = drawn_area([places[:, 1::-1] / section.spacing_um], where)
        drawn.append(Drawn(polygon.name or described, area, where))
    return drawn
