"""Borders for other programs: CSV for tables, GeoJSON for QuPath, GIfTI for Workbench."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel

from gennari.errors import InputError
from gennari.records import SIDES, Hemisphere, Section
from gennari.sources.atomic import atomic_path, write_json, write_text
from gennari.sources.documents import read_json
from gennari.sources.gifti import write_columns

_COLOURS = {True: (214, 39, 40), False: (255, 152, 150)}
"""Of borders that recur, and of those that do not."""


@dataclass(frozen=True, kw_only=True)
class BorderTable:
    """Borders on the sections of one brain. One row a border on a section.

    Attributes:
        side: the index into SIDES.
        piece: of the section's ribbon.
        arc_mm: along the piece.
        centre_um: (row, col) in mid cortex, SECTION_UM.
        brain_mm: the same in BRAIN_MM.
        across_um: (row, col) of points of the line across the cortex, from pial to white; NaN where it ends early.
        vertex: of the hemisphere, nearest in its face.
        curve: borders of one number are one border on neighbouring sections.
        sections: how many sections that is.
        recurs: whether these are enough.
        measures: named numbers of each border, such as its score; NaN where unknown.
    """

    section: Int[np.ndarray, "n"]
    side: Int[np.ndarray, "n"]
    piece: Int[np.ndarray, "n"]
    arc_mm: Float[np.ndarray, "n"]
    centre_um: Float[np.ndarray, "n 2"]
    brain_mm: Float[np.ndarray, "n 3"]
    across_um: Float[np.ndarray, "n d 2"]
    vertex: Int[np.ndarray, "n"]
    curve: Int[np.ndarray, "n"]
    sections: Int[np.ndarray, "n"]
    recurs: Bool[np.ndarray, "n"]
    measures: Mapping[str, Float[np.ndarray, "n"]]

    def __len__(self) -> int:
        return len(self.section)


def write_border_files(
    folder: Path, borders: BorderTable, sections: Sequence[Section], hemispheres: tuple[Hemisphere, Hemisphere]
) -> list[Path]:
    """Write a folder with all borders: it is there as a whole or not at all.

    borders.csv has all of them, sections/NNNN.geojson those of each given section (none, where it has none),
    hemi-L_borders.func.gii and hemi-R_borders.func.gii those on the surface.

    Args:
        folder: must not be there yet.
        borders: of one brain.
        sections: of that brain, all that were looked at.
        hemispheres: left and right.

    Returns:
        The files.

    Raises:
        InputError: the folder is there already.
        ValueError: a border lies on a section that is not given.
    """
    unknown = sorted(set(borders.section.tolist()) - {section.id for section in sections})
    if unknown:
        raise ValueError(f"borders must lie on the given sections, but {unknown[0]} is not among them")
    _refuse_existing(folder)
    with atomic_path(folder) as made:
        write_border_csv(made / "borders.csv", borders)
        for section in sections:
            write_border_geojson(made / "sections" / f"{section.id:04d}.geojson", borders, section)
        for hemisphere in hemispheres:
            write_border_columns(made / f"hemi-{hemisphere.side}_borders.func.gii", borders, hemisphere)
        names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    return [folder / name for name in names]


def write_border_csv(path: Path, borders: BorderTable) -> None:
    """Write one line a border, ordered as they are; units stand in the names of the columns.

    Raises:
        InputError: the file is there already.
    """
    _refuse_existing(path)
    columns = {
        "section": borders.section,
        "side": np.array(SIDES)[borders.side],
        "piece": borders.piece,
        "arc_mm": borders.arc_mm.round(4),
        "row_um": borders.centre_um[:, 0].round(1),
        "col_um": borders.centre_um[:, 1].round(1),
        **{f"{axis}_mm": borders.brain_mm[:, k].round(4) for k, axis in enumerate("xyz")},
        "vertex": borders.vertex,
        "curve": borders.curve,
        "sections": borders.sections,
        "recurs": borders.recurs.astype(int),
        **{name: ["" if np.isnan(v) else f"{v:.6g}" for v in values] for name, values in borders.measures.items()},
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, text.getvalue())


def write_border_geojson(path: Path, borders: BorderTable, section: Section) -> None:
    """Write the borders of one section as lines across its cortex, which QuPath opens over the image.

    Points are (x = col, y = row) in px of the section's finest image, from the outer corner of pixel (0, 0). A border
    whose line has fewer than two known points is drawn as a point in mid cortex.

    Raises:
        InputError: the file is there already.
    """
    _refuse_existing(path)
    features = [_feature(borders, int(row), section) for row in np.flatnonzero(borders.section == section.id)]
    write_json(path, {"type": "FeatureCollection", "features": features})


def read_border_lines(path: Path) -> list[Float[np.ndarray, "p 2"]]:
    """The lines of a section's GeoJSON of borders, each as points (x = col, y = row) in px; single points are left out.

    Raises:
        InputError: there is no such file, or it is none of `write_border_geojson`.
    """
    features = read_json(path, _Features).features
    return [np.array(one.geometry.coordinates, float) for one in features if one.geometry.type == "LineString"]


def write_border_columns(path: Path, borders: BorderTable, hemisphere: Hemisphere) -> None:
    """Write the borders of a hemisphere as columns over its vertices; where several meet the greatest value counts.

    Columns: "border" (1 at vertices of a border), "sections" (on how many neighbouring sections it was found), and
    each measure. 0 where there is no border.

    Raises:
        InputError: the file is there already.
    """
    _refuse_existing(path)
    here = borders.side == SIDES.index(hemisphere.side)
    given = {"border": np.ones(len(borders)), "sections": borders.sections.astype(float), **borders.measures}
    values = np.zeros((len(hemisphere.medial_wall), len(given)))
    for k, column in enumerate(given.values()):
        known = here & np.isfinite(column)
        most = np.full(len(values), -np.inf)
        np.maximum.at(most, borders.vertex[known], column[known])
        values[:, k] = np.where(np.isfinite(most), most, 0)
    write_columns(path, tuple(given), values, hemisphere.side)


class _Geometry(BaseModel):
    type: Literal["LineString", "Point"]
    coordinates: list[tuple[float, float]] | tuple[float, float]


class _Feature(BaseModel):
    geometry: _Geometry


class _Features(BaseModel):
    features: list[_Feature]


def _feature(borders: BorderTable, row: int, section: Section) -> dict[str, object]:
    line = borders.across_um[row]
    line = line[np.isfinite(line).all(axis=1)]
    points = (line if len(line) >= 2 else borders.centre_um[[row]])[:, ::-1] / section.spacing_um
    coordinates = [[round(float(value), 2) for value in point] for point in points]
    recurs = bool(borders.recurs[row])
    measures = {name: float(values[row]) for name, values in borders.measures.items() if np.isfinite(values[row])}
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": coordinates}
        if len(line) >= 2
        else {"type": "Point", "coordinates": coordinates[0]},
        "properties": {
            "objectType": "annotation",
            "name": f"border {int(borders.curve[row])}",
            "classification": {
                "name": "border, recurring" if recurs else "border, single",
                "color": list(_COLOURS[recurs]),
            },
            "measurements": {
                "arc_mm": round(float(borders.arc_mm[row]), 4),
                "sections": int(borders.sections[row]),
                **measures,
            },
        },
    }


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise InputError(f"borders are written to a new place, but {path} is there already; move it, or name another")
