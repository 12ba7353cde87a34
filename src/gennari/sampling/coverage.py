"""Which areas a split shows in each of its parts, and the split that leaves the fewest out."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gennari.errors import InputError
from gennari.records import Section
from gennari.sampling.split import PARTS, Split, SplitSettings, split_sections


class Missing(NamedTuple):
    """An area of which no section in a part of a split has an annotation."""

    part: Split
    area: int


def fullest_split(
    sections: Sequence[Section],
    classes: Mapping[int, Collection[int]],
    areas: Sequence[int],
    settings: SplitSettings,
    rng: np.random.Generator,
    patch_mm: float,
) -> dict[int, Split]:
    """The best of `settings.draws` splits: the first of those in which the fewest areas are missing from a part.

    Args:
        sections: of one brain.
        classes: by section, the classes annotated on it; a section that is not named has none.
        areas: the classes that should occur in every part.
        settings: as for `split_sections`, which draws each of them.
        rng: one draw gives what `split_sections` gives.
        patch_mm: side of a patch, the unit of the guard bands.

    Raises:
        InputError: as `split_sections`, if no draw can be.
    """
    drawn: list[dict[int, Split]] = []
    refused: list[InputError] = []
    for _ in range(settings.draws):
        try:
            drawn.append(split_sections(sections, settings, rng, patch_mm))
        except InputError as error:  # another draw may leave sections of every kind between its guards
            refused.append(error)
    if not drawn:
        raise refused[-1]
    return min(drawn, key=lambda split: len(missing_areas(split, classes, areas)))


def missing_areas(
    split: Mapping[int, Split], classes: Mapping[int, Collection[int]], areas: Sequence[int]
) -> list[Missing]:
    """Which of the areas are annotated on no section of a part, for the parts that the split has; parts first.

    Args:
        split: of one brain's sections.
        classes: by section, the classes annotated on it; a section that is not named has none.
        areas: the classes that should occur in every part.
    """
    found: list[Missing] = []
    for part in PARTS:
        chosen = [section for section, kind in split.items() if kind == part]
        there = {index for section in chosen for index in classes.get(section, ())}
        found.extend(Missing(part, area) for area in areas if chosen and area not in there)
    return found
