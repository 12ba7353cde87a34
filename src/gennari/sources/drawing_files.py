"""Annotations of a section in whatever format: which reader a file is for."""

import json
from collections.abc import Mapping
from pathlib import Path

from gennari.errors import InputError
from gennari.records import Section
from gennari.sources.drawings import Drawn, check_size
from gennari.sources.label_images import read_label_image
from gennari.sources.microdraw import read_microdraw
from gennari.sources.napari_shapes import read_napari
from gennari.sources.qupath import read_qupath
from gennari.sources.sands import read_sands

IMAGES = (".png", ".tif", ".tiff", ".zarr")
ENDINGS = (".geojson", ".json", ".csv", *IMAGES)


def drawing_files(place: Path) -> list[Path]:
    """The annotations at a place: the file itself, or all of a folder, sorted by name.

    Descriptions beside SANDS documents and class tables (`classes.csv`) are none.

    Raises:
        InputError: there is nothing.
    """
    if place.is_file() or place.suffix.lower() == ".zarr":
        return [place]
    found = [path for path in sorted(place.iterdir()) if _is_drawing(path)] if place.is_dir() else []
    if not found:
        raise InputError(f"{place} must be annotations or a folder of them ({', '.join(ENDINGS)}), but there are none")
    return found


def read_drawings(path: Path, section: Section, table: Mapping[int, str] | None) -> tuple[list[Drawn], list[str]]:
    """What somebody drew on a section, and a sentence on each thing that was left out.

    QuPath's GeoJSON, Microdraw, SANDS (all JSON, told apart by what they hold), napari shapes (.csv), label images.

    Args:
        path: of the file, or folder of an OME-Zarr.
        section: that it is of.
        table: what the numbers of label images mean.

    Raises:
        InputError: as the readers of the formats, or the file is of none of them.
    """
    ending = path.suffix.lower()
    if ending in IMAGES:
        return read_label_image(path, section, table), []
    if ending == ".csv":
        return read_napari(path)
    kind = _json_kind(path)
    if kind == "microdraw":
        return read_microdraw(path, section.shape_px[1]), []
    if kind == "sands":
        return read_sands(path, section), []
    return read_qupath(path)


def _is_drawing(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.endswith(".desc.json") and path.name != "classes.csv"


def _json_kind(path: Path) -> str:
    check_size(path)
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return "qupath"  # whose reader says what is wrong with it
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return "qupath"
    if "annotation" in first:
        return "microdraw"
    return "sands" if str(first.get("@type", "")).startswith(("tmp/", "https://openminds")) else "qupath"
