"""Classes on the vertices of a hemisphere for other programs: GIfTI labels for Workbench, .annot for FreeSurfer."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import UInt8
from nibabel.freesurfer.io import write_annot
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData

from gennari.records import IGNORE, LabelSet, Side
from gennari.sources.atomic import atomic_path
from gennari.sources.gifti import STRUCTURE

UNKNOWN = "???"
"""Workbench's own name for "no label"; its key is 0, so that class k has the key k + 1."""


def write_label_surface(path: Path, labels: UInt8[np.ndarray, "v"], label_set: LabelSet, side: Side) -> None:
    """Write classes as a .label.gii with names and colours, atomically; key 0 is where nothing is said.

    Raises:
        ValueError: a label is no class.
    """
    keys = _known(labels, label_set) + 1
    table = GiftiLabelTable()
    entries = [(UNKNOWN, (0.0, 0.0, 0.0, 0.0))]
    entries += [
        (name, (*(value / 255 for value in _rgb(colour)), 1.0))
        for name, colour in zip(label_set.names, label_set.colours, strict=True)
    ]
    for key, (name, (red, green, blue, alpha)) in enumerate(entries):
        label = GiftiLabel(key=key, red=red, green=green, blue=blue, alpha=alpha)
        label.label = name  # pyright: ignore[reportAttributeAccessIssue]: nibabel says None, and writes any text
        table.labels.append(label)
    array = GiftiDataArray(
        keys.astype(np.int32),
        intent="NIFTI_INTENT_LABEL",
        datatype="NIFTI_TYPE_INT32",
        encoding="GIFTI_ENCODING_B64GZ",
        meta=GiftiMetaData({"Name": "areas"}),
    )
    meta = GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURE[side]})
    with atomic_path(path) as temporary:
        nib.save(GiftiImage(darrays=[array], labeltable=table, meta=meta), temporary)  # pyright: ignore


def write_annotation_surface(path: Path, labels: UInt8[np.ndarray, "v"], label_set: LabelSet) -> None:
    """Write classes as a FreeSurfer .annot, atomically; vertices where nothing is said belong to no entry.

    The format knows a class by its colour alone: of classes that share one, and of black ones (0 is "no class" there),
    later ones are given the nearest free shade of blue.

    Raises:
        ValueError: a label is no class.
    """
    known = _known(labels, label_set)
    colours = np.array(_distinct([_rgb(colour) for colour in label_set.colours]))
    table = np.column_stack([colours, np.zeros(len(colours), int)])  # the last column is transparency
    with atomic_path(path) as temporary:
        write_annot(temporary, known.astype(np.int32), table, list(label_set.names), fill_ctab=True)


def _known(labels: UInt8[np.ndarray, "v"], label_set: LabelSet) -> np.ndarray:
    """Class indices, -1 where nothing is said."""
    known = np.where(labels == IGNORE, -1, labels.astype(int))
    if known.max(initial=-1) >= len(label_set.names):
        raise ValueError(f"labels must index the label set (0 <= i < {len(label_set.names)}), got {known.max()}")
    return known


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue


def _distinct(colours: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    taken = {(0, 0, 0)}
    found = []
    for red, green, blue in colours:
        free = (shade for shade in sorted(range(256), key=lambda b: abs(b - blue)) if (red, green, shade) not in taken)
        found.append((red, green, next(free)))
        taken.add(found[-1])
    return found
