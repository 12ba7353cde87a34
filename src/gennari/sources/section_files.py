"""Which files are sections and what their numbers are; images are indexed where they stand."""

import re
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from gennari.errors import InputError
from gennari.sources.precomputed import PREFIX
from gennari.sources.stores import is_url

ENDINGS = (".png", ".mnc", ".tif", ".tiff", ".zarr")
_KNOWN = (r"pm(?P<id>\d{4})o\.(png|mnc)$", r"B20_(?P<id>\d{4})(\.tif|/precomputed)?/?$")
_LAST_NUMBER = r"(?P<id>\d+)(?!.*\d)"


class SectionFile(NamedTuple):
    """An image and the number of the section that it shows."""

    id: int
    location: str


def find_sections(location: str, id_pattern: str | None = None, ids: Collection[int] = ()) -> list[SectionFile]:
    """The sections at a place, by number.

    Args:
        location: a folder, an image, or the URL of one (`precomputed://` or OME-Zarr). With `{id:04d}` in it, it stands
            for one image a number.
        id_pattern: regular expression that is searched in names (URLs: in all of it); its group `id`, or its first one,
            is the number. What it does not match is passed over. By default `pmNNNNo.png`, `B20_NNNN.tif`, else the
            last number of a name.
        ids: keep only these numbers; all if empty.

    Raises:
        InputError: there is nothing, a name has no number, two images have one number, or a number of `ids` is missing.
    """
    pattern = _compiled(id_pattern)
    if "{id" in location:
        found = [SectionFile(number, _filled(location, number)) for number in ids]
        if not found:
            raise InputError(f"{location} stands for one image a number, but no numbers are given; add --ids")
        return found
    places = _places(location)
    numbered = [(place, _number(place, pattern, by_default=id_pattern is None)) for place in places]
    found = sorted(SectionFile(number, place) for place, number in numbered if number is not None)
    if not found:
        raise InputError(
            f"{location} must hold sections ({', '.join(ENDINGS)} or precomputed images) whose names the pattern "
            f"'{pattern.pattern}' matches, but none of {len(places)} does; correct --id-pattern"
        )
    return _chosen(found, ids, location)


def parse_ids(listed: str | None) -> tuple[int, ...]:
    """Numbers as the command line lists them: `100,200-300` (both ends count); none where nothing is listed.

    Raises:
        InputError: it is no such list.
    """
    numbers: list[int] = []
    for part in (listed or "").replace(" ", "").split(","):
        ends = part.split("-")
        if not part:
            continue
        if len(ends) > 2 or not all(end.isdecimal() for end in ends) or int(ends[-1]) - int(ends[0]) > 100_000:
            raise InputError(f"numbers are listed as 100,200-300, but part of '{listed}' is '{part}'; correct --ids")
        numbers.extend(range(int(ends[0]), int(ends[-1]) + 1))
    return tuple(dict.fromkeys(numbers))


def _compiled(id_pattern: str | None) -> re.Pattern[str]:
    if id_pattern is None:
        return re.compile(_LAST_NUMBER)
    try:
        pattern = re.compile(id_pattern)
    except re.error as error:
        raise InputError(
            f"--id-pattern must be a regular expression, but '{id_pattern}' is none ({error}); "
            r"write one such as 'slice_(\d+)'"
        ) from error
    if not pattern.groups:
        raise InputError(
            f"--id-pattern must hold a group for the number, got '{id_pattern}'; "
            r"put the digits in brackets, such as 'slice_(\d+)'"
        )
    return pattern


def _places(location: str) -> list[str]:
    if is_url(location.removeprefix(PREFIX)):
        return [location]
    path = Path(location.removeprefix(PREFIX).removeprefix("file://"))
    if not path.exists():
        raise InputError(f"{location} must be a folder, an image or a URL, but there is none; check the path")
    if path.is_file() or _is_image_folder(path):
        return [str(path.resolve())]
    places = [str(entry.resolve()) for entry in sorted(path.iterdir()) if _is_image(entry)]
    if not places:
        raise InputError(
            f"{location} must hold sections as {', '.join(ENDINGS)} or precomputed images, but it has none; name the "
            "folder that they lie in"
        )
    return places


def _is_image(entry: Path) -> bool:
    if entry.name.startswith("."):
        return False
    return _is_image_folder(entry) if entry.is_dir() else entry.suffix.lower() in ENDINGS


def _is_image_folder(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in ("info", "zarr.json", ".zattrs"))


def _number(place: str, pattern: re.Pattern[str], by_default: bool) -> int | None:
    name = place if is_url(place.removeprefix(PREFIX)) else Path(place).name
    known = next((match for one in _KNOWN if (match := re.search(one, name))), None) if by_default else None
    match = known or pattern.search(name)
    if match is None and by_default:
        raise InputError(
            f"the name of a section must hold its number, but {place} has none; rename it, or move it away"
        )
    if match is None:
        return None
    digits = match["id"] if "id" in pattern.groupindex or known else match[1]
    if digits is None or not digits.isdecimal():
        raise InputError(
            f"the group of --id-pattern must match digits, but in {place} it matches '{digits}'; correct it"
        )
    return int(digits)


def _filled(location: str, number: int) -> str:
    try:
        return location.format(id=number)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"braces in {location} stand for the number, such as {{id:04d}}, but: {error}; correct them"
        ) from error


def _chosen(found: list[SectionFile], ids: Collection[int], location: str) -> list[SectionFile]:
    wanted = set(ids)
    kept = [one for one in found if not wanted or one.id in wanted]
    missing = sorted(wanted - {one.id for one in kept})
    if missing:
        raise InputError(
            f"{location} must hold each section that --ids names, but it lacks {missing[0]} and {len(missing) - 1} "
            f"more; it has {found[0].id} to {found[-1].id}"
        )
    for one, other in pairwise(kept):
        if one.id == other.id:
            raise InputError(
                f"a section is one image, but {Path(one.location).name} and {Path(other.location).name} are both "
                f"number {one.id}; name one of them, or tell them apart with --id-pattern"
            )
    return kept
