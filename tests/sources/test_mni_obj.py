from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.sources.mni_obj import read_mni_obj


def mni_text(mesh: TriangleMesh, flag: int = 0) -> str:
    """As MNI's tools write it: header, points, normals, triangles, colours, ends (8 a line), corners (8 a line)."""
    count, faces = len(mesh.vertices_mm), len(mesh.faces)
    normals = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    rows = [f"P 0.3 0.7 0.5 100 1 {count}"]
    rows += [" " + " ".join(f"{x:.6f}" for x in row) for row in mesh.vertices_mm]
    rows += ["", *(" " + " ".join(f"{x:.6f}" for x in row) for row in normals), "", f" {faces}"]
    rows += [f" {flag} " + "\n ".join(["1 1 1 1"] * (1, faces, count)[flag]), ""]
    ends = 3 * np.arange(1, faces + 1)
    for numbers in (ends, mesh.faces.ravel()):
        rows += [" " + " ".join(map(str, numbers[i : i + 8])) for i in range(0, len(numbers), 8)] + [""]
    return "\n".join(rows)


def test_a_surface_is_read_as_it_stands_whatever_its_colours(surface: TriangleMesh, tmp_path: Path) -> None:
    for flag in (0, 1, 2):
        (tmp_path / "a.obj").write_text(mni_text(surface, flag))
        read = read_mni_obj(tmp_path / "a.obj")
        np.testing.assert_allclose(read.vertices_mm, surface.vertices_mm, atol=1e-6)
        np.testing.assert_array_equal(read.faces, surface.faces)


def test_a_wavefront_file_is_told_by_name(surface: TriangleMesh, tmp_path: Path) -> None:
    lines = ["# made elsewhere", *(f"v {x} {y} {z}" for x, y, z in surface.vertices_mm)]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in surface.faces]
    (tmp_path / "a.obj").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"begins with 'P'.*but it is a Wavefront \.obj file.*take the MNI file"):
        read_mni_obj(tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: "p" + text[1:], "but it is a binary one"),
        (lambda text: "L" + text[1:], r"something else \(it begins with b'L 0\.3"),
        (lambda text: "", r"something else \(it begins with b''"),
        (lambda text: text[: len(text) // 3], "it ends after|where a whole number is due"),
        (lambda text: text[: int(0.9 * len(text))], "cut short or holds several objects"),
        (lambda text: text + " 5", "got 1537 numbers"),
        (lambda text: text.replace(" 512\n 0 ", " 512\n 7 "), "0, 1 or 2 for its colours, got 7"),
        (lambda text: text.replace(" 512\n", " 512.5\n"), "where a whole number is due"),
        (lambda text: text.replace(" 3 6 9 ", " 4 8 12 "), "must consist of triangles"),
        (lambda text: text.replace("P 0.3", "P red"), "must hold numbers alone"),
        (lambda text: text[: text.rindex(" ")] + " 900", "no usable surface: faces must index vertices"),
    ],
)
def test_a_file_that_is_none_is_refused(change, match, surface: TriangleMesh, tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(change(mni_text(surface).rstrip()))
    with pytest.raises(InputError, match=match):
        read_mni_obj(tmp_path / "a.obj")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.obj must be an MNI \.obj surface, but there is none"):
        read_mni_obj(tmp_path / "none.obj")
