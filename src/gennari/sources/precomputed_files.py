"""Sections as neuroglancer precomputed volumes, one voxel thick: an image, and a segmentation that knows its names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import tensorstore as ts
from jaxtyping import Float, UInt8

from gennari.records import IGNORE, LabelSet, Section
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.ome_sections import pyramid_levels
from gennari.sources.resample import area_mean

SLAB_UM = 20.0
"""Thickness that a section is given, which the format asks for: BigBrain's. Its middle is the section's plane."""
CHUNK_PX = 512
PROPERTIES = "segment_properties"


def segment_id(class_index: int) -> int:
    """The number of a class in a segmentation: 0 is "nothing" to neuroglancer, so classes begin with 1."""
    return class_index + 1


def write_precomputed_image(path: Path, image: UInt8[np.ndarray, "h w"], spacing_um: float, section: Section) -> None:
    """Write grey values as a precomputed image with a pyramid of means, atomically.

    Args:
        path: the folder to write.
        image: on a grid of the section.
        spacing_um: of that grid.
        section: its place in the brain goes to transform.json (nm to nm), which siibra reads.
    """
    pyramid = [area_mean(image, 2**level) if level else image for level in range(pyramid_levels(image.shape))]
    with atomic_path(path) as made:
        _write(made, "image", pyramid, spacing_um)
        write_json(made / "transform.json", brain_nm(section).tolist())


def write_precomputed_labels(
    path: Path, labels: UInt8[np.ndarray, "h w"], spacing_um: float, section: Section, label_set: LabelSet
) -> None:
    """Write a label map as a precomputed segmentation with class names, atomically; as `write_precomputed_image`.

    Segment `segment_id(k)` is class k; 0 is where nothing is said. Coarser levels take one pixel of each block.
    """
    segments = np.where(labels == IGNORE, 0, labels + np.uint8(1))
    steps = [2**level for level in range(pyramid_levels(labels.shape))]
    pyramid = [segments[step // 2 :: step, step // 2 :: step] for step in steps]
    with atomic_path(path) as made:
        _write(made, "segmentation", pyramid, spacing_um)
        info = json.loads((made / "info").read_text(encoding="utf-8"))
        write_json(made / "info", {**info, PROPERTIES: PROPERTIES})
        write_json(made / PROPERTIES / "info", segment_properties(label_set))
        write_json(made / "transform.json", brain_nm(section).tolist())


def brain_nm(section: Section) -> Float[np.ndarray, "4 4"]:
    """Places in a precomputed section (x = col, y = row, z through the slab; nm from its corner) to the brain's, in nm.

    Neuroglancer's convention: the corner of the first voxel is the origin, not its centre.
    """
    rows, cols, across, origin = section.to_brain.matrix[:3].T * 1e6  # of 1 µm each, and the corner, in nm
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([cols, rows, across], axis=1) * 1e-3
    matrix[:3, 3] = origin - across * SLAB_UM / 2
    return matrix


def _write(
    path: Path,
    kind: Literal["image", "segmentation"],
    pyramid: Sequence[UInt8[np.ndarray, "_ _"]],
    spacing_um: float,
) -> None:
    for level, plane in enumerate(pyramid):
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": {"driver": "file", "path": f"{path}/"},
            "multiscale_metadata": {"type": kind, "data_type": "uint8", "num_channels": 1},
            "scale_metadata": {
                "key": str(level),
                "size": [*plane.shape[::-1], 1],
                "resolution": [1e3 * spacing_um * 2**level] * 2 + [1e3 * SLAB_UM],
                "chunk_size": [CHUNK_PX, CHUNK_PX, 1],
                "encoding": "raw",
            },
        }
        store = ts.open(spec, create=True, open=True).result()
        store[...] = plane.T[:, :, None, None]


def segment_properties(label_set: LabelSet) -> dict[str, object]:
    """The `info` of segment_properties: names of the classes, and which are areas and which tissue."""
    classes = range(len(label_set.names))
    return {
        "@type": "neuroglancer_segment_properties",
        "inline": {
            "ids": [str(segment_id(index)) for index in classes],
            "properties": [
                {"id": "label", "type": "label", "values": list(label_set.names)},
                {
                    "id": "tags",
                    "type": "tags",
                    "tags": ["area", "tissue"],
                    "values": [[int(index < label_set.first_area)] for index in classes],
                },
            ],
        },
    }
