"""Surfaces, volumes, maps and tables that ask for far more memory than they are: refused before any is taken."""

import base64
import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sources.arrays import read_npz
from gennari.sources.cells import read_cells
from gennari.sources.drawing_files import read_drawings
from gennari.sources.freesurfer import read_freesurfer
from gennari.sources.gifti import load_gifti, read_surface
from gennari.sources.mni_obj import read_mni_obj
from gennari.sources.tables import read_rows, write_rows
from gennari.sources.vertex_maps import read_vertex_map
from gennari.sources.volumes import open_volume

SECTION = Section(brain="A", id=1, spacing_um=1.0, shape_px=(100, 100), to_brain=coronal(0.0, 0.0, 0.0))
MUCH = 64 * 2**20
"""Bytes that no refusal may take; each of these files asks for hundreds of megabytes at least."""
Maker = Callable[[Path], object]


def gifti(dims: tuple[int, ...], data: str, encoding: str = "GZipBase64Binary", more: str = "") -> bytes:
    shape = " ".join(f'Dim{k}="{size}"' for k, size in enumerate(dims))
    return (
        f'<?xml version="1.0"?><GIFTI Version="1.0" NumberOfDataArrays="1"><DataArray Intent="NIFTI_INTENT_NONE" '
        f'DataType="NIFTI_TYPE_FLOAT32" ArrayIndexingOrder="RowMajorOrder" Dimensionality="{len(dims)}" {shape} '
        f'Encoding="{encoding}" Endian="LittleEndian" {more}><Data>{data}</Data></DataArray></GIFTI>'
    ).encode()


def test_a_gifti_array_is_held_against_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.func.gii"
    path.write_bytes(gifti((3,), base64.b64encode(zlib.compress(np.arange(3, dtype="<f4").tobytes())).decode()))
    np.testing.assert_array_equal(load_gifti(path).darrays[0].data, [0, 1, 2])
    bomb = base64.b64encode(zlib.compress(bytes(2**27), 9)).decode()
    for content in (gifti((3,), bomb), gifti((2**31, 2**31), "AAAA"), gifti((-3,), "AAAA"), gifti((), "AAAA", "??")):
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(InputError, match=r"a\.func\.gii must be a whole GIfTI file"):
            load_gifti(path)
        assert tracemalloc.get_traced_memory()[1] < MUCH
        tracemalloc.stop()


def test_gifti_data_in_another_file_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(12))
    path = tmp_path / "in" / "a.func.gii"
    path.parent.mkdir()
    path.write_bytes(gifti((3,), "", "ExternalFileBinary", 'ExternalFileName="../secret" ExternalFileOffset="0"'))
    with pytest.raises(InputError, match=r"its data lie in another file, '\.\./secret'"):
        load_gifti(path)


def test_a_zipped_gifti_is_read_no_further_than_a_surface_goes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("gennari.sources.gifti.MAX_BYTES", 2**20)
    (tmp_path / "a.gii.gz").write_bytes(gzip.compress(b"<GIFTI>" + b" " * 2**21))
    with pytest.raises(InputError, match="it holds more than 1 MB"):
        load_gifti(tmp_path / "a.gii.gz")


def test_entities_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{k + 1} "{f"&a{k};" * 10}">' for k in range(12))
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{entities}]><GIFTI><MetaData><MD><Name>&a12;'
    (tmp_path / "a.surf.gii").write_text(text)
    with pytest.raises(InputError, match="must be a whole GIfTI file"):
        read_surface(tmp_path / "a.surf.gii")


def test_a_volume_is_held_against_its_file(tmp_path: Path) -> None:
    small = nib.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4))
    for name in ("a.nii", "a.nii.gz"):
        small.to_filename(tmp_path / name)
        raw = bytearray((gzip.decompress if name.endswith("gz") else bytes)((tmp_path / name).read_bytes()))
        changed = {
            "shape": (40, struct.pack("<8h", 3, 700, 700, 700, 1, 1, 1, 1)),
            "begin": (108, struct.pack("<f", 1e9)),
        }
        for what, (place, value) in changed.items():
            spoilt = raw[:place] + value + raw[place + len(value) :]
            (tmp_path / name).write_bytes(gzip.compress(spoilt) if name.endswith("gz") else spoilt)
            said = "must hold whole voxels" if what == "shape" else "said to begin at byte"
            with pytest.raises(InputError, match=said):
                open_volume(tmp_path / name)


def test_a_volume_of_other_numbers_or_another_ending_is_refused(tmp_path: Path) -> None:
    nib.Nifti1Image(np.zeros((4, 4, 4), np.complex64), np.eye(4)).to_filename(tmp_path / "a.nii")
    with pytest.raises(InputError, match="voxels of one number"):
        open_volume(tmp_path / "a.nii")
    (tmp_path / "a.mgz").write_bytes(b"x")
    with pytest.raises(InputError, match="its name has another ending"):
        open_volume(tmp_path / "a.mgz")


def test_surfaces_of_absurd_counts_are_refused(tmp_path: Path) -> None:
    head = b"\xff\xff\xfecreated by nobody\n\n" + struct.pack(">ii", 2**31 - 1, 2**31 - 1)
    (tmp_path / "lh.pial").write_bytes(head)
    with pytest.raises(InputError, match="must be a whole FreeSurfer surface"):
        read_freesurfer(tmp_path / "lh.pial")
    (tmp_path / "a.obj").write_bytes(b"P 0.3 0.3 0.4 10 1 3\n" + b"0 " * 18 + b"\n2000000000\n0 1 1 1 1\n3\n0 1 2\n")
    with pytest.raises(InputError, match="3 vertices and 2000000000 triangles that it speaks of"):
        read_mni_obj(tmp_path / "a.obj")
    (tmp_path / "b.obj").write_bytes(b"P 0.3 0.3 0.4 10 1 nan\n0 0 0\n")
    with pytest.raises(InputError, match="finite numbers"):
        read_mni_obj(tmp_path / "b.obj")


def test_maps_per_vertex_of_absurd_counts_are_refused(tmp_path: Path) -> None:
    table = struct.pack(">iii", 1, -2, 2**31 - 1)
    (tmp_path / "a.annot").write_bytes(struct.pack(">iii", 1, 0, 0) + table)
    with pytest.raises(InputError, match="a table of"):
        read_vertex_map(tmp_path / "a.annot", None)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<i8", "fortran_order": False, "shape": (2**40,)})
    (tmp_path / "a.npy").write_bytes(head.getvalue())
    with pytest.raises(InputError, match="one whole number a vertex, but reading it fails"):
        read_vertex_map(tmp_path / "a.npy", {1: "a"})
    np.save(tmp_path / "b.npy", np.array([1.0, 1e300]))
    with pytest.raises(InputError, match="one whole number a vertex, got"):
        read_vertex_map(tmp_path / "b.npy", {1: "a"})


def test_arrays_in_a_zip_are_held_against_their_heads(tmp_path: Path, monkeypatch) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.ones((2, 2)))
    assert {name: value.tolist() for name, value in read_npz(tmp_path / "a.npz").items()} == {
        "x": [0, 1, 2],
        "y": [[1, 1], [1, 1]],
    }
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<i8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", head.getvalue() + bytes(8))
    with pytest.raises(InputError, match=r"x\.npy is no array of \(1099511627776,\) int64"):
        read_npz(tmp_path / "b.npz")
    monkeypatch.setattr("gennari.sources.arrays.MAX_BYTES", 100)
    with pytest.raises(InputError, match="its arrays take more than"):
        read_npz(tmp_path / "a.npz")


def test_a_table_of_absurdly_many_rows_is_refused(tmp_path: Path, monkeypatch) -> None:
    write_rows(tmp_path / "a.parquet", [{"x": 1}, {"x": 2}])
    assert read_rows(tmp_path / "a.parquet") == [{"x": 1}, {"x": 2}]
    monkeypatch.setattr("gennari.sources.tables.MAX_ROWS", 1)
    with pytest.raises(InputError, match=r"may have 1 rows, but .* has 2"):
        read_rows(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "module", "read"),
    [
        ("a.obj", "mni_obj", read_mni_obj),
        ("lh.pial", "freesurfer", read_freesurfer),
        ("a.annot", "vertex_maps", lambda path: read_vertex_map(path, None)),
        ("a.txt", "vertex_maps", lambda path: read_vertex_map(path, {1: "a"})),
        ("a.csv", "cells", lambda path: read_cells(path, "a table")),
        ("a.geojson", "drawings", lambda path: read_drawings(path, SECTION, None)),
    ],
)
def test_a_file_that_is_larger_than_any_of_its_kind_is_refused(
    name: str, module: str, read: Maker, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(f"gennari.sources.{module}.MAX_BYTES", 3)
    (tmp_path / name).write_bytes(b"P 1 2")
    with pytest.raises(InputError, match=r"may take|it takes"):
        read(tmp_path / name)
