"""Which files BigBrain's releases hold, and where: addresses and places, nothing is fetched here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from gennari.errors import InputError
from gennari.sources.bigbrain import SECTION_COUNT, SECTIONS_1UM

Release = Literal["20um", "1um"]
BASE_URL = "https://ftp.bigbrainproject.org/bigbrain-ftp"
"""Of all but the 1 µm sections. It has moved twice, so it is a setting."""
BASE_URL_1UM = "https://data-proxy.ebrains.eu/api/v1/buckets/p22717-hbp-d000070_BigBrain-selected_1um_scans_pub/v1.0"
_RELEASE = "BigBrainRelease.2015"
_SIDES = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class ReleaseFile:
    """A file of a release.

    Attributes:
        url: where it is fetched from.
        path: where it stands below the folder it is fetched to: as in the release.
    """

    url: str
    path: str


def section_numbers(text: str, release: Release) -> list[int]:
    """Section numbers from what a person writes, ascending.

    Args:
        text: numbers and ranges, such as '1001,2000-2100,3000-4000:50', or 'all'. A range takes the sections that the
            release has within it.
        release: '20um' has 1..7404, '1um' the 145 of SECTIONS_1UM.

    Raises:
        InputError: something else is written, or a section is named that the release does not have.
    """
    known = SECTIONS_1UM if release == "1um" else range(1, SECTION_COUNT + 1)
    found: set[int] = set()
    for piece in text.split(","):
        span = re.fullmatch(r"\s*(?:(all)|(\d+)(?:-(\d+)(?::(\d+))?)?)\s*", piece)
        if not span or span[4] == "0":
            raise InputError(
                f"sections are numbers and ranges, such as 1001,2000-2100,3000-4000:50, or all; got '{piece}'; mend it"
            )
        if span[1]:
            found.update(known)
        elif span[3]:
            asked = range(int(span[2]), int(span[3]) + 1, int(span[4] or 1))
            found.update(_within(asked, known, piece, release))
        else:
            found.add(_one(int(span[2]), known, release))
    return sorted(found)


def section_files(
    sections: Sequence[int], release: Release, base_url: str, form: Literal["png", "mnc"] = "png"
) -> list[ReleaseFile]:
    """Images of sections; of the 1 µm release with the affine of each."""
    if release == "1um":
        names = [f"aligned/B20_{section:04d}{ending}" for section in sections for ending in (".tif", "_affine.json")]
    else:
        folder = "Png/Full_Resolution" if form == "png" else "Minc"
        names = [f"{_RELEASE}/2D_Final_Sections/Coronal/{folder}/pm{section:04d}o.{form}" for section in sections]
    return _files(names, base_url)


def surface_files(base_url: str) -> list[ReleaseFile]:
    """Pial ('gray') and white surfaces of both hemispheres, as GIfTI. x and y are negated: the importer's work."""
    stem = f"{_RELEASE}/3D_Surfaces/Apr7_2016/gii"
    return _files([f"{stem}/{kind}_{side}_327680.gii" for kind, side in product(("gray", "white"), _SIDES)], base_url)


def layer_files(base_url: str) -> list[ReleaseFile]:
    """The seven surfaces that bound the six layers, of both hemispheres, as MNI .obj (Wagstyl et al. 2020)."""
    stem = f"{_RELEASE}/Layer_Segmentation/3D_Surfaces/PLoSBiology2020/MNI-obj"
    return _files([f"{stem}/layer{k}_{side}_327680.obj.gz" for k, side in product(range(7), _SIDES)], base_url)


def _files(names: Sequence[str], base_url: str) -> list[ReleaseFile]:
    return [ReleaseFile(url=f"{base_url.rstrip('/')}/{name}", path=name) for name in names]


def _within(asked: range, known: Sequence[int], piece: str, release: Release) -> set[int]:
    chosen = {section for section in known if section in asked}
    if not chosen:
        raise InputError(
            f"a range must hold sections of the {release} release, but '{piece.strip()}' holds none "
            f"({known[0]}..{known[-1]} are there); mend it"
        )
    return chosen


def _one(section: int, known: Sequence[int], release: Release) -> int:
    if section not in known:
        near = sorted(known, key=lambda number: abs(number - section))[:3]
        raise InputError(
            f"the {release} release has no section {section}; the nearest are {', '.join(map(str, sorted(near)))}"
        )
    return section
