"""Label images in OME-Zarr, 0.4 or 0.5, with the names that their numbers have.

Read through tensorstore: zarr's own library hands zarr 2 arrays of objects to whatever codec their metadata name, and
one of these is pickle, which runs what the file says.
"""

from typing import Any

import tensorstore as ts
from pydantic import BaseModel, Field, RootModel

from gennari.errors import InputError
from gennari.sources.documents import parse
from gennari.sources.stores import document, has_document, inside, open_array

_NESTED = 3
"""An image, its `labels`, one of these: deeper folders are none of ours."""


class _Property(BaseModel):
    value: int = Field(alias="label-value")
    name: str | None = None


class _ImageLabel(BaseModel):
    properties: list[_Property] = []


class _Dataset(BaseModel):
    path: str


class _Multiscale(BaseModel):
    datasets: list[_Dataset] = Field(min_length=1)


class _Ome(BaseModel):
    multiscales: list[_Multiscale] = []
    labels: list[str] = []
    image_label: _ImageLabel = Field(alias="image-label", default=_ImageLabel())


class _Attributes(RootModel[dict[str, Any]]):
    pass


class _Group(BaseModel):
    attributes: dict[str, Any] = {}


def open_label_zarr(location: str, deep: int = 0) -> tuple[ts.TensorStore, dict[int, str]]:
    """The finest level of a label image and what its numbers mean; of an image, its one label image.

    Raises:
        InputError: there is none, or several, or it is damaged.
    """
    ome, driver = _ome(location)
    labels = f"{location}/labels"
    if deep < _NESTED and (has_document(labels, ".zattrs") or has_document(labels, "zarr.json")):
        names = _ome(labels)[0].labels
        if len(names) != 1:
            raise InputError(f"{location} has the label images {', '.join(names)}; name one of them in the path")
        return open_label_zarr(f"{labels}/{inside(names[0], labels)}", deep + 1)
    if not ome.multiscales:
        raise InputError(f"{location} must be an OME-Zarr label image, but it has no multiscales; export it anew")
    stored = inside(ome.multiscales[0].datasets[0].path, location)
    named = {one.value: one.name for one in ome.image_label.properties if one.name is not None}
    return open_array(f"{location}/{stored}", driver, {}), named


def _ome(location: str) -> tuple[_Ome, str]:
    """What is said of an image, and tensorstore's driver of its zarr version."""
    if has_document(location, "zarr.json"):
        attributes = document(location, "zarr.json", _Group).attributes
        return parse(attributes.get("ome", attributes), _Ome, f"{location}/zarr.json"), "zarr3"
    if not has_document(location, ".zattrs"):
        raise InputError(f"{location} must be an OME-Zarr label image, but it has no zarr.json; check the path")
    attributes = document(location, ".zattrs", _Attributes).root
    return parse(attributes.get("ome", attributes), _Ome, f"{location}/.zattrs"), "zarr"
