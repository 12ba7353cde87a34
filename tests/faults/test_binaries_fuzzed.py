"""Spoilt images, surfaces, volumes, tables and weights: taken or refused in one sentence; never anything else."""

import io
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.freesurfer.io import write_annot, write_geometry
from safetensors.numpy import save
from tests.faults.spoiling import bounded, read_or_refused, spoilt_bytes, spoilt_json

from gennari.frames import coronal
from gennari.nets.weights import read_tensors
from gennari.records import Section, TriangleMesh
from gennari.sources.arrays import read_npz
from gennari.sources.flat_images import write_png
from gennari.sources.freesurfer import read_freesurfer
from gennari.sources.gifti import load_gifti, read_surface, write_columns, write_surface
from gennari.sources.label_images import read_label_image
from gennari.sources.minc import write_minc
from gennari.sources.sections import open_pyramid, write_ome_zarr
from gennari.sources.tables import read_rows, write_rows
from gennari.sources.tiff import write_tiff
from gennari.sources.vertex_maps import read_vertex_map
from gennari.sources.volumes import open_volume, read_voxels

IMAGE = (np.arange(48 * 40).reshape(48, 40) % 251).astype(np.uint8)
SECTION = Section(brain="A", id=1, spacing_um=1.0, shape_px=(48, 40), to_brain=coronal(0.0, 0.0, 0.0))
MESH = TriangleMesh(
    vertices_mm=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float),
    faces=np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32),
)
VOLUME = nib.Nifti1Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.eye(4))


def fetched(path: Path) -> None:
    pyramid = open_pyramid(str(path))
    for level in pyramid.levels:
        rows, cols = level.shape_px
        level.fetch(0, min(rows, 64), 0, min(cols, 64))


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(6).reshape(2, 3), b=np.ones(3))
    return buffer.getvalue()


def annot(path: Path) -> None:
    table = np.array([[255, 0, 0, 0, 0], [0, 255, 0, 0, 0]])
    write_annot(path, np.array([0, 1, 1, -1]), table, ["a", "b"], fill_ctab=True)


def numbers(path: Path) -> None:
    np.save(path, np.array([1, 2, 2, 0]))


def pial(path: Path) -> None:
    volume = {"head": [2, 0, 20], "valid": "1", "filename": "x", "volume": [256] * 3, "voxelsize": [1.0] * 3}
    volume |= {"xras": [-1.0, 0, 0], "yras": [0.0, 0, -1], "zras": [0.0, 1, 0], "cras": [0.0] * 3}
    write_geometry(path, MESH.vertices_mm, MESH.faces, volume_info=volume)


KINDS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "1.png": (lambda path: write_png(path, IMAGE), fetched),
    "1.tif": (lambda path: write_tiff(path, IMAGE, (1, 2)), fetched),
    "1.mnc": (lambda path: write_minc(path, IMAGE, 0.02, 0.0, 1.0), fetched),
    "labels.png": (lambda path: write_png(path, IMAGE // 64), lambda path: read_label_image(path, SECTION, {1: "a"})),
    "labels.tif": (
        lambda path: write_tiff(path, IMAGE // 64, (1,)),
        lambda path: read_label_image(path, SECTION, {1: "a"}),
    ),
    "a.surf.gii": (lambda path: write_surface(path, MESH, "L"), read_surface),
    "a.func.gii": (lambda path: write_columns(path, ["x"], np.ones((4, 1)), "L"), load_gifti),
    "a.nii": (VOLUME.to_filename, lambda path: read_voxels(open_volume(path), "a")),
    "a.nii.gz": (VOLUME.to_filename, lambda path: read_voxels(open_volume(path), "a")),
    "lh.pial": (pial, read_freesurfer),
    "a.annot": (annot, lambda path: read_vertex_map(path, None)),
    "a.npy": (numbers, lambda path: read_vertex_map(path, {1: "a"})),
    "a.txt": (lambda path: path.write_text("1\n2\n2\n0\n"), lambda path: read_vertex_map(path, {1: "a"})),
    "a.parquet": (lambda path: write_rows(path, [{"x": 1, "y": "a"}] * 3), read_rows),
    "a.npz": (lambda path: path.write_bytes(npz()), read_npz),
    "a.safetensors": (
        lambda path: path.write_bytes(save({"w": np.ones(3, np.float32)}, {"net": json.dumps({"kind": "x"})})),
        read_tensors,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt")


@pytest.mark.parametrize("name", KINDS)
def test_files(name: str, folder: Path) -> None:
    make, read = KINDS[name]
    path = folder / name
    make(path)
    whole = path.read_bytes()
    assert read_or_refused(read, path, whole)

    @bounded(25)
    @given(content=spoilt_bytes(whole) | extreme_words(whole))
    def spoil(content: bytes) -> None:
        read_or_refused(read, path, content)

    spoil()


@st.composite
def extreme_words(draw: st.DrawFn, content: bytes) -> bytes:
    """Numbers of the head, where sizes stand, exchanged for the largest and smallest there are."""
    out = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(min(len(out), 512) - 9, 0)))
        word = draw(st.sampled_from([">i", "<i", "<h", ">h", "<q", ">q"]))
        bits = 8 * struct.calcsize(word)
        value = draw(
            st.sampled_from([2 ** (bits - 1) - 1, -(2 ** (bits - 1)), -1, 0, 2 ** (bits - 2), 2 ** (bits // 2)])
        )
        struct.pack_into(word, out, place, value)
    return bytes(out)


PRECOMPUTED = {
    "type": "image",
    "data_type": "uint8",
    "num_channels": 1,
    "scales": [
        {"key": "0", "size": [8, 8, 1], "resolution": [1e3, 1e3, 2e4], "chunk_sizes": [[8, 8, 1]], "encoding": "raw"}
    ],
}


@bounded(40)
@given(content=spoilt_json(PRECOMPUTED))
def test_precomputed(folder: Path, content: bytes) -> None:
    read_or_refused(lambda path: fetched(path.parent), folder / "precomputed" / "info", content)


@pytest.mark.parametrize("inner", ["zarr.json", "0/zarr.json"])
def test_ome_zarr(folder: Path, inner: str) -> None:
    shutil.rmtree(folder / "2.ome.zarr", ignore_errors=True)
    write_ome_zarr(folder / "2.ome.zarr", IMAGE, 2.0, levels=2)
    document = json.loads((folder / "2.ome.zarr" / inner).read_text())

    @bounded(30)
    @given(content=spoilt_json(document))
    def spoil(content: bytes) -> None:
        read_or_refused(lambda path: fetched(folder / "2.ome.zarr"), folder / "2.ome.zarr" / inner, content)
        read_or_refused(
            lambda path: read_label_image(folder / "2.ome.zarr", SECTION, {1: "a"}),
            folder / "2.ome.zarr" / inner,
            content,
        )

    spoil()
