"""Surface files by name: which file of a folder is which surface of which side, whatever its format."""

import re
from collections.abc import Iterator
from pathlib import Path

from gennari.errors import InputError
from gennari.records import Side, TriangleMesh
from gennari.sources.freesurfer import SurfaceSpace, read_freesurfer
from gennari.sources.gifti import read_surface, surface_path
from gennari.sources.mni_obj import read_mni_obj

_SIDES: dict[str, Side] = {"L": "L", "R": "R", "lh": "L", "rh": "R", "left": "L", "right": "R"}
_NAMES = {"pial": "pial", "gray": "pial", "grey": "pial", "white": "white", "inflated": "inflated", "infl": "inflated"}
_FREESURFER = re.compile(r"[lr]h\.(pial|white|inflated)")
_REFERENCE = re.compile(r"icbm|mni152|mni305|2009[abc]|colin27", re.IGNORECASE)
"""Markers of a reference space in a file's name."""
_WORDS: dict[Side, tuple[str, str]] = {"L": ("lh", "left"), "R": ("rh", "right")}


def find_surface(folder: Path, side: Side, name: str, reference: bool = False) -> Path | None:
    """The file of a surface: hemi-L_pial.surf.gii before all others, such as lh.pial, pial_left.gii, gray_left_*.obj.

    Args:
        folder: where to look.
        side: of the brain.
        name: pial, white or inflated.
        reference: a surface in a reference space is what is wanted.

    Raises:
        InputError: several files answer to it, or only one in a reference space does.
    """
    ours = surface_path(folder, side, name)
    if ours.is_file():
        return ours
    found = sorted(path for path in _surfaces(folder) if _meaning(path.name) == (side, name))
    own = [path for path in found if reference or not _REFERENCE.search(path.name)]
    if found and not own:
        raise InputError(
            f"{found[0]} lies, by its name, in a reference space and not in the brain's own, where its sections are; "
            "note that ICBM 2009b symmetric is neither BigBrain's histological space nor the MNI152 2009c asymmetric "
            "one of Julich-Brain. Take the surface of the brain's own space (vertices correspond between spaces), or "
            "rename it if the sections lie there too"
        )
    if len(own) > 1:
        raise InputError(
            f"one file must be the {name} surface of side {side}, but {folder} has "
            f"{', '.join(path.name for path in own)}; leave one of them"
        )
    return own[0] if own else None


def read_any_surface(path: Path, freesurfer: SurfaceSpace = "scanner") -> TriangleMesh:
    """Read a surface in the format its name tells; raises InputError as the readers of the formats.

    Args:
        path: a GIfTI (.gii, .gii.gz), MNI (.obj) or FreeSurfer file (lh.pial).
        freesurfer: in which space FreeSurfer's surfaces are wanted.
    """
    if path.name.endswith((".gii", ".gii.gz")):
        return read_surface(path)
    return read_mni_obj(path) if path.suffix == ".obj" else read_freesurfer(path, freesurfer)


def surface_names(side: Side, name: str) -> str:
    """For a message: how a surface may be called."""
    short, word = _WORDS[side]
    other = {"pial": "gray"}.get(name, name)
    return f"{surface_path(Path(), side, name)}, {short}.{name} or {other}_{word}_*.obj"


def is_bigbrain_release(path: Path) -> bool:
    """Whether a file is named as the surfaces of BigBrain's release are."""
    return re.fullmatch(r"(gray|white)_(left|right)_327680\.(obj|gii)", path.name) is not None


def side_of(file_name: str, small: bool = False) -> Side | None:
    """The side that the words of a file's name tell, None if they tell none or both.

    Args:
        file_name: words are divided by '-', '.', '_' or blanks.
        small: 'l' and 'r' count too, as in the names of probability maps.
    """
    words = [word.upper() if small and len(word) == 1 else word for word in re.split(r"[-._ ]", file_name)]
    sides: set[Side] = {_SIDES[word] if word in _SIDES else _SIDES[word.lower()] for word in words if _is_side(word)}
    return sides.pop() if len(sides) == 1 else None


def _surfaces(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.endswith((".gii", ".gii.gz", ".obj")) or _FREESURFER.fullmatch(path.name):
            yield path


def _meaning(file_name: str) -> tuple[Side, str] | None:
    """Side and surface that the words of a file's name tell, if they tell one of each and it is not of columns."""
    if re.search(r"\.(func|shape|label|annot)\.gii", file_name):
        return None
    side = side_of(file_name)
    names = {_NAMES[word.lower()] for word in re.split(r"[-._]", file_name) if word.lower() in _NAMES}
    return (side, names.pop()) if side and len(names) == 1 else None


def _is_side(word: str) -> bool:
    """A single letter counts only as a capital: 'l' and 'r' stand for other things too."""
    return word in _SIDES or (len(word) > 1 and word.lower() in _SIDES)
