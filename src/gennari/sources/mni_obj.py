"""MNI .obj surfaces (CIVET, BigBrain's release), which are not Wavefront .obj files although they are named alike."""

from pathlib import Path

import numpy as np

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.sources.atomic import write_text

MAX_BYTES = 2**30
"""Of a file: the largest surfaces of BigBrain take 30 MB."""
_COLOURS = {0: "one for all", 1: "one a triangle", 2: "one a vertex"}


def read_mni_obj(path: Path) -> TriangleMesh:
    """Read one polygon object of triangles in ASCII; its coordinates are taken as they stand, in mm.

    The file holds `P`, five numbers of its finish, the number of vertices n, n vertices, n normals, the number of
    triangles m, a colour flag and colours (one, m or n), m ends and the corners. Normals and colours are passed over.

    Raises:
        InputError: the file is missing, too large, binary, a Wavefront file, cut short, longer than it says, or not of
            triangles.
    """
    if not path.is_file():
        raise InputError(f"{path} must be an MNI .obj surface, but there is none; check the folder and the name")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"an MNI .obj surface may take {MAX_BYTES // 2**20} MB, but {path} takes {path.stat().st_size // 2**20}; "
            "is it another kind of file?"
        )
    raw = path.read_bytes()
    kind = raw[:1]
    if kind == b"p":
        raise InputError(
            f"{path} must be an ASCII MNI .obj surface, but it is a binary one (it begins with 'p'); convert it with "
            "MNI's ascii_binary, or take the GIfTI file"
        )
    if kind != b"P":
        what = "a Wavefront .obj file" if _is_wavefront(raw) else f"something else (it begins with {raw[:12]!r})"
        raise InputError(
            f"{path} must be an MNI .obj surface, which begins with 'P' and the number of vertices, but it is {what}; "
            "the two formats share only their name: take the MNI file or a GIfTI one"
        )
    try:
        numbers = np.array(raw[1:].split(), np.float64)
    except ValueError as error:
        raise InputError(f"{path} must hold numbers alone after its 'P', but: {error}; copy it again") from error
    if not (abs(numbers) < 2**31).all():
        raise InputError(f"{path} must hold finite numbers below 2^31 alone, but one is not; copy it again")
    return _mesh(numbers, path)


def write_mni_obj(path: Path, mesh: TriangleMesh) -> None:
    """Write a surface as an MNI .obj file in ASCII, with outward normals and one white for all, atomically."""
    vertices, faces = mesh.vertices_mm, mesh.faces
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    lines = [f"P 0.3 0.3 0.4 10 1 {len(vertices)}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in vertices]
    lines += ["", *(" ".join(f"{value:.6f}" for value in row) for row in normals)]
    lines += ["", str(len(faces)), "0 1 1 1 1", ""]
    for numbers in (3 * np.arange(1, len(faces) + 1), faces.ravel()):
        lines += [" ".join(str(value) for value in numbers[k : k + 8]) for k in range(0, len(numbers), 8)]
    write_text(path, "\n".join(lines) + "\n")


def _mesh(numbers: np.ndarray, path: Path) -> TriangleMesh:
    place = 6
    count = _whole(numbers, 5, path)
    vertices = numbers[place : place + 3 * count]
    place += 6 * count  # past the normals
    faces, flag = _whole(numbers, place, path), _whole(numbers, place + 1, path)
    if flag not in _COLOURS:
        raise InputError(f"{path} must say 0, 1 or 2 for its colours, got {flag}; is it a whole MNI .obj surface?")
    place += 2 + 4 * (1, faces, count)[flag]
    if max(count, faces) > len(numbers):
        raise InputError(
            f"{path} must hold the {count} vertices and {faces} triangles that it speaks of, but it ends after "
            f"{len(numbers)} numbers; copy it again"
        )
    ends, corners = numbers[place : place + faces], numbers[place + faces :]
    if not np.array_equal(ends, 3 * np.arange(1, faces + 1)[: len(ends)]):
        raise InputError(
            f"{path} must consist of triangles (corners that end at 3, 6, 9 ...), but its polygons have other "
            "numbers of corners; triangulate the surface first"
        )
    if len(corners) != 3 * faces or len(ends) != faces:
        raise InputError(
            f"{path} must hold {3 * faces} corners of {faces} triangles and end there, got {len(corners)} numbers; "
            "it was cut short or holds several objects: copy it again, or split it"
        )
    if (corners != np.rint(corners)).any():
        raise InputError(f"{path} must name the corners of triangles by whole numbers, but one is not; copy it again")
    try:
        return TriangleMesh(vertices_mm=vertices.reshape(-1, 3), faces=corners.reshape(-1, 3).astype(np.int32))
    except ValueError as error:
        raise InputError(f"{path} holds no usable surface: {error}") from error


def _whole(numbers: np.ndarray, index: int, path: Path) -> int:
    if index >= len(numbers):
        raise InputError(
            f"{path} must be a whole MNI .obj surface, but it ends after {len(numbers)} numbers; copy it again"
        )
    value = float(numbers[index])
    if value < 0 or value != int(value):
        raise InputError(
            f"{path} must be an MNI .obj surface, but where a whole number is due (number {index}) it has {value:g}; "
            "was it damaged?"
        )
    return int(value)


def _is_wavefront(raw: bytes) -> bool:
    lines = (line.split() for line in raw[:4096].splitlines())
    return any(line and line[0] in (b"v", b"vn", b"vt", b"f", b"o", b"g", b"mtllib", b"usemtl") for line in lines)
