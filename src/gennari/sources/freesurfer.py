"""FreeSurfer's binary surfaces (lh.pial, rh.white, ...), brought from tkRAS to the scanner's space."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from nibabel.freesurfer.io import read_geometry

from gennari.errors import InputError
from gennari.records import TriangleMesh

MAX_BYTES = 2**30
"""Of a file: the largest surfaces take 10 MB."""
_DAMAGE = (ValueError, LookupError, OSError, MemoryError, OverflowError, TypeError, AttributeError)
SurfaceSpace = Literal["scanner", "tkr"]
_TKR_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Columns: which way a volume's columns, rows and slices run in tkRAS, whichever way they run in the scanner."""


def read_freesurfer(path: Path, space: SurfaceSpace = "scanner") -> TriangleMesh:
    """Read a FreeSurfer surface.

    Vertices are stored in tkRAS ("surface RAS"): mm from the middle of the conformed volume, along its own axes. Images
    live in the scanner's space, which lies beside it by c_ras, some centimetres. The volume's geometry in the file's
    footer leads from one to the other: scanner = axes · tkr_axesᵀ · tkr + c_ras.

    Args:
        path: of the file.
        space: "scanner" gives the scanner's space; "tkr" leaves the coordinates as they stand.

    Raises:
        InputError: the file is missing, damaged or no triangle surface, or has no volume geometry to lead from tkRAS
            to the scanner's space.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a FreeSurfer surface, but there is none; check the folder and the name")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"a FreeSurfer surface may take {MAX_BYTES // 2**20} MB, but {path} takes {path.stat().st_size // 2**20}; "
            "is it another kind of file?"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing footer, which is answered below
        try:
            parts = read_geometry(path, read_metadata=True)
        except _DAMAGE as error:
            raise InputError(
                f"{path} must be a whole FreeSurfer surface, but reading it fails ({error}); copy it again"
            ) from error
    vertices, faces = np.asarray(parts[0], np.float64), np.asarray(parts[1], np.int32)
    if space == "scanner":
        volume = parts[2] if len(parts) > 2 else {}
        vertices = _scanner_mm(vertices, volume if isinstance(volume, Mapping) else {}, path)
    try:
        return TriangleMesh(vertices_mm=vertices, faces=faces)
    except ValueError as error:
        raise InputError(f"{path} holds no usable surface: {error}") from error


def _scanner_mm(tkr_mm: Float[np.ndarray, "v 3"], volume: Mapping[str, object], path: Path) -> Float[np.ndarray, "v 3"]:
    if not str(volume.get("valid", "0")).strip().startswith("1"):
        raise InputError(
            f"{path} must carry the geometry of its volume, which leads from FreeSurfer's tkRAS to the space of the "
            "images, but it has none; write it with FreeSurfer's own tools, or convert it with `mris_convert "
            "--to-scanner` to GIfTI"
        )
    try:
        axes = np.column_stack([np.asarray(volume[name], float) for name in ("xras", "yras", "zras")])
        centre = np.asarray(volume["cras"], float)
        if axes.shape != (3, 3) or centre.shape != (3,) or not (abs(axes) <= 2).all() or not (abs(centre) < 1e6).all():
            raise ValueError(f"axes {axes.tolist()}, centre {centre.tolist()}")
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} must carry the geometry of its volume, but it cannot be read ({error}); write the surface again"
        ) from error
    return tkr_mm @ (axes @ _TKR_AXES.T).T + centre
