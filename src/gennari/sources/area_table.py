"""The areas of somebody's own data set, as a table: names, and colours if they are given."""

import colorsys
import re
from pathlib import Path

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet
from gennari.sources.cells import read_cells

TISSUE = {"background": "#ffffff", "white matter": "#d9d9d9", "other cortex": "#9a9a9a"}
"""The classes that come before the areas in every data set, in this order."""
_GOLDEN = 0.618034
"""Steps round the circle of hues by it never come close to an earlier one."""


def read_area_table(path: Path) -> LabelSet:
    """A CSV of `name` or `name,colour` (a header is passed over), a line for each area, as a label set.

    Areas without a colour are given one; tissue classes (background, white matter, other cortex) come before them.

    Raises:
        InputError: the file is missing or holds no areas, a name stands twice, is empty or a tissue's, a colour is not
            '#rrggbb', or there are more areas than labels of a byte.
    """
    names, colours = list(TISSUE), list(TISSUE.values())
    for number, cells in enumerate(read_cells(path, "a table of areas (name,colour)")):
        if not any(cells) or (number == 0 and cells[0].lower() in ("name", "area")):
            continue
        colour = cells[1] if len(cells) > 1 and cells[1] else _colour(len(names) - len(TISSUE))
        if not cells[0] or cells[0] in names or len(cells) > 2 or not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            raise InputError(
                f"{path} must name each area once, as 'name' or 'name,#rrggbb', and no tissue "
                f"({', '.join(TISSUE)}), but line {number + 1} is '{','.join(cells)[:80]}'; mend it"
            )
        names.append(cells[0])
        colours.append(colour.lower())
    if not len(TISSUE) < len(names) <= IGNORE:
        raise InputError(
            f"{path} must name from 1 to {IGNORE - len(TISSUE)} areas, got {len(names) - len(TISSUE)}; mend it"
        )
    return LabelSet(names=tuple(names), colours=tuple(colours), first_area=len(TISSUE))


def _colour(number: int) -> str:
    """A colour for an area, unlike those of the areas before it."""
    value = (0.78, 0.6, 0.9)[number % 3]
    rgb = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.75, value)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)
