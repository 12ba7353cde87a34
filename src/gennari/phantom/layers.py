"""Layers of the phantom's areas: how many cells, how large, how thick, in each of its cytoarchitectures.

hOc1 and hOc2 are von Economo & Koskinas' OC and OB (`phantom/published.py`). Julich areas beyond hOc2 have no published
counts of their own: they are mixtures of his types, with factors per layer. The mixtures and thicknesses are meant to
follow the qualitative descriptions (Rottschy 2007, Kujovic 2013, Malikovic 2007 and 2016, Caspers 2013, Lorenz 2017);
the factors on density are fitted to BigBrain: with the printed numbers alone, areas deviate from their mean in ways
unlike the real ones (median correlation -0.2). They are the phantom's, not measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32, Int

from gennari.errors import InputError
from gennari.phantom.published import BASE_TYPES, GLIA_PER_MM3, NEUROPIL, SMALLEST_UM, BaseType
from gennari.records import LabelSet

LAYERS = ("I", "II", "III", "IV", "V", "VI")
SAMPLES = 16
"""Entries of a profile table per layer."""

AREAS = (
    "hOc1", "hOc2", "hOc3d", "hOc3v", "hOc4d", "hOc4v", "hOc4la", "hOc4lp", "hOc5", "FG1", "FG2", "FG3", "FG4",
)  # fmt: skip
OTHER_TYPES = ("PE", "PG", "TE", "LC2")
"""Parietal, temporal and posterior cingulate cortex around the areas."""

LABEL_SET = LabelSet(
    names=("background", "white matter", "other cortex", *AREAS),
    colours=(
        "#ffffff", "#d9d9d9", "#9a9a9a", "#b2182b", "#ef8a62", "#fdbf6f", "#d9a300", "#b8d94c", "#4daf4a", "#1b9e77",
        "#66c2a5", "#5e3c99", "#2166ac", "#67a9cf", "#c51b8a", "#f799c8",
    ),
    first_area=3,
)  # fmt: skip


@dataclass(frozen=True)
class AreaRecipe:
    """An area as a mixture of base types, with a factor per layer on thickness and on cell density."""

    mixture: tuple[tuple[str, float], ...]
    thickness_factor: tuple[float, ...] = (1.0,) * 6
    density_factor: tuple[float, ...] = (1.0,) * 6


# Factors on density, I to VI, in steps of a tenth. Fitted, not published: a ridge regression on how far areas of
# BigBrain's left hemisphere deviate from their mean gave the directions, summed up in the rules below and rounded.
# The right hemisphere was not in the fit, but was looked at when choosing among variants: it is no held-out test.
# - VI is pale in hOc1 to hOc4d (OC's VIa is printed twice as dense as any other), dark in FG1, FG2 and hOc4la;
# - II and III are dense near the calcarine, sparse ventrally, V sparse in FG3 and FG4 (PH and TF print sizes up to the
#   giant cells of IIIc and Vb, and the middle of such a range lies above the mean);
# - IV is prominent in hOc4d, hOc4v, hOc4lp and FG2, weak in FG1, FG3 and FG4; V is in hOc4d, hOc4v and FG1.
_AS_THICK = (1.0,) * 6
RECIPES: Mapping[str, AreaRecipe] = MappingProxyType({
    "hOc1": AreaRecipe((("OC", 1.0),), _AS_THICK, (1.0, 1.3, 1.4, 1.0, 1.0, 0.6)),
    "hOc2": AreaRecipe((("OB", 1.0),), _AS_THICK, (1.0, 1.1, 1.2, 1.0, 1.0, 0.6)),
    "hOc3d": AreaRecipe((("OA", 1.0),), (1.0, 1.0, 1.05, 0.95, 1.0, 1.0), (1.0, 1.3, 1.4, 0.9, 1.0, 0.6)),
    "hOc3v": AreaRecipe((("OA", 1.0),), (1.0, 1.0, 1.0, 1.1, 1.0, 0.95), (1.0, 1.0, 1.5, 1.0, 0.9, 0.6)),
    "hOc4d": AreaRecipe((("OA", 1.0),), (1.0, 0.95, 1.1, 0.9, 1.1, 1.0), (1.0, 1.0, 1.3, 1.2, 1.6, 0.6)),
    "hOc4v": AreaRecipe((("OA", 0.8), ("PH", 0.2)), _AS_THICK, (1.0, 0.7, 1.0, 1.3, 1.7, 1.1)),
    "hOc4la": AreaRecipe((("OA", 0.5), ("PH", 0.5)), _AS_THICK, (1.0, 1.1, 1.0, 1.1, 0.9, 1.4)),
    "hOc4lp": AreaRecipe((("OA", 0.8), ("PH", 0.2)), _AS_THICK, (1.0, 1.0, 1.0, 1.7, 0.8, 0.9)),
    "hOc5": AreaRecipe((("OA", 0.4), ("PH", 0.6)), (1.0, 1.0, 1.0, 1.25, 1.0, 0.9), (1.0, 1.0, 1.1, 1.2, 0.8, 0.9)),
    "FG1": AreaRecipe((("OA", 0.4), ("PH", 0.6)), _AS_THICK, (1.0, 0.7, 1.0, 0.8, 1.6, 1.5)),
    "FG2": AreaRecipe((("OA", 0.4), ("PH", 0.6)), (1.0, 1.0, 1.0, 1.2, 1.0, 1.0), (1.0, 0.7, 0.8, 1.6, 1.0, 1.5)),
    "FG3": AreaRecipe((("PH", 0.5), ("TF", 0.5)), _AS_THICK, (1.0, 1.1, 0.6, 0.9, 0.6, 1.2)),
    "FG4": AreaRecipe((("PH", 0.3), ("TF", 0.7)), _AS_THICK, (1.0, 0.9, 0.6, 0.8, 0.5, 0.8)),
    **{name: AreaRecipe(((name, 1.0),)) for name in OTHER_TYPES},
})  # fmt: skip

SHARP_PAIR = (AREAS.index("hOc1"), AREAS.index("hOc2"))
COLUMNS = (*AREAS, *OTHER_TYPES)
"""Cytoarchitectures of the phantom: the areas, then the kinds of other cortex."""
COLUMN_LABEL = np.array(
    [LABEL_SET.index(name) for name in AREAS] + [LABEL_SET.index("other cortex")] * len(OTHER_TYPES), np.uint8
)


@dataclass(frozen=True, kw_only=True)
class ProfileTables:
    """What is needed to draw a pixel: one row a cytoarchitecture of `COLUMNS`, SAMPLES columns a layer.

    Attributes:
        neurons_per_mm3: number of neurons.
        soma_height_um: mean extent of a soma along the depth of the cortex.
        soma_width_um: mean extent across; its area is that of the ellipse.
        pyramidal: share of neurons that are pyramids and point to the pia; the others are round.
        glia_per_mm3: number of glia cells.
        neuropil: share of light that tissue between the cells lets through.
        boundaries: depth of the five inner layer borders, as fractions of the cortex.
        border_width_mm: over which two cytoarchitectures pass into each other (10 to 90 %).
    """

    neurons_per_mm3: Float32[np.ndarray, "c s"]
    soma_height_um: Float32[np.ndarray, "c s"]
    soma_width_um: Float32[np.ndarray, "c s"]
    pyramidal: Float32[np.ndarray, "c s"]
    glia_per_mm3: Float32[np.ndarray, "c s"]
    neuropil: Float32[np.ndarray, "c s"]
    boundaries: Float[np.ndarray, "c 5"]
    border_width_mm: Float32[np.ndarray, "c c"]


_PER_SAMPLE = ("neurons_per_mm3", "soma_height_um", "soma_width_um", "pyramidal", "glia_per_mm3", "neuropil")
SHARP_MM = 0.2
"""Width of the border hOc1/hOc2, 0.1-0.3 mm: the sharpest border of the cortex (Amunts et al. 2000)."""
WIDTH_MM = (0.3, 1.0)
"""Width of all other borders, from the highest contrast (hOc1/hOc2's) to none."""
_DEPTHS = 200
_AT = (np.arange(SAMPLES) + 0.5) / SAMPLES


def profile_tables(
    contrast: float = 1.0, one_cytoarchitecture: bool = False, layer_order: Sequence[int] = (0, 1, 2, 3, 4, 5)
) -> ProfileTables:
    """Tables of all cytoarchitectures, from the published numbers.

    Args:
        contrast: 1 takes the areas as published; below, each is drawn towards the mean over the thirteen areas, since
            measured profiles of neighbouring areas are more alike than tables of typical examples.
        one_cytoarchitecture: everything is that mean (a contrast of 0): only geometry tells areas apart.
        layer_order: entry k says which layer's cells are drawn in the place of layer k, in all areas alike; the layers'
            borders stay where they are.

    Raises:
        InputError: contrast outside 0 to 1, or `layer_order` is no order of the six layers.
    """
    if not 0.0 <= contrast <= 1.0:
        raise InputError(f"a contrast lies between 0 and 1, got {contrast}; 1 takes the areas as published")
    if sorted(layer_order) != list(range(6)):
        raise InputError(f"layer_order names each of the layers 0 to 5 once, got {tuple(layer_order)}; give all six")
    tables = _published_tables()
    share = 0.0 if one_cytoarchitecture else contrast
    drawn = {name: _towards_mean(getattr(tables, name), share) for name in (*_PER_SAMPLE, "boundaries")}
    entries = (np.array(layer_order)[:, None] * SAMPLES + np.arange(SAMPLES)).ravel()
    return replace(tables, **(drawn | {name: drawn[name][:, entries] for name in _PER_SAMPLE}))


def recipe_tables(recipes: Sequence[AreaRecipe]) -> ProfileTables:
    """Tables of any recipes, one row each, as published; borders are all of middle width."""
    rows = [_rows_of(recipe) for recipe in recipes]
    columns = {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in _PER_SAMPLE}
    boundaries = np.stack([_boundaries(recipe) for recipe in recipes])
    width = np.full((len(rows),) * 2, np.mean(WIDTH_MM), np.float32)
    return ProfileTables(**columns, boundaries=boundaries, border_width_mm=width)


def _published_tables() -> ProfileTables:
    tables = recipe_tables([RECIPES[name] for name in COLUMNS])
    # the more two areas differ, the narrower their border; hOc1/hOc2 is beyond the rule
    contrasts = pair_contrasts(tables)
    width = WIDTH_MM[1] + (WIDTH_MM[0] - WIDTH_MM[1]) * np.minimum(contrasts / contrasts[SHARP_PAIR], 1.0)
    width[SHARP_PAIR] = width[SHARP_PAIR[::-1]] = SHARP_MM
    return replace(tables, border_width_mm=width.astype(np.float32))


def _towards_mean(table: Float[np.ndarray, "c s"], contrast: float) -> Float[np.ndarray, "c s"]:
    mean = table[: len(AREAS)].mean(axis=0)
    return (mean + np.float32(contrast) * (table - mean)).astype(table.dtype)


def _thickness_mm(recipe: AreaRecipe) -> Float[np.ndarray, "6"]:
    mixed = np.sum([weight * np.array(BASE_TYPES[name].thickness_mm) for name, weight in recipe.mixture], axis=0)
    return mixed * np.array(recipe.thickness_factor)


def cortex_mm(recipe: AreaRecipe) -> float:
    """Thickness of the cortex as published, mean of dome and wall."""
    return float(_thickness_mm(recipe).sum())


def _boundaries(recipe: AreaRecipe) -> Float[np.ndarray, "5"]:
    thickness = _thickness_mm(recipe)
    return np.cumsum(thickness)[:5] / thickness.sum()


def _rows_of(recipe: AreaRecipe) -> dict[str, Float[np.ndarray, "s"]]:
    """One row of each table. Mixtures mix densities, and sizes by the number of cells that have them."""
    parts = [(weight, _strata(BASE_TYPES[name])) for name, weight in recipe.mixture]
    density = np.sum([weight * base["cells_per_mm3"] for weight, base in parts], axis=0)

    def mean(name: str) -> Float[np.ndarray, "s"]:
        return np.sum([weight * base["cells_per_mm3"] * base[name] for weight, base in parts], axis=0) / density

    return {
        "neurons_per_mm3": density * np.repeat(recipe.density_factor, SAMPLES),
        "soma_height_um": np.maximum(mean("height_um"), SMALLEST_UM),
        "soma_width_um": np.maximum(mean("width_um"), SMALLEST_UM),
        "pyramidal": mean("pyramidal"),
        "glia_per_mm3": np.repeat(GLIA_PER_MM3, SAMPLES),
        "neuropil": np.concatenate([top + (bottom - top) * _AT for top, bottom in NEUROPIL]),
    }


def _strata(base: BaseType) -> dict[str, Float[np.ndarray, "s"]]:
    """Numbers of a base type at each sample of its six layers."""
    here = []
    for layer in base.layers:
        index = np.searchsorted(np.cumsum([s.share for s in layer])[:-1], _AT)
        here += [layer[i] for i in index]
    columns = {name: np.array([getattr(s, name) for s in here]) for name in ("cells_per_mm3", "height_um", "width_um")}
    return columns | {"pyramidal": np.repeat(base.pyramidal, SAMPLES)}


def pair_contrasts(tables: ProfileTables) -> Float[np.ndarray, "c c"]:
    """How unlike two cytoarchitectures look: RMS over depth of the difference in cell bodies' area per volume, 1/mm.

    Depth is that of each one's own layers, so that thickness counts as well as cells.
    """
    at = (np.arange(_DEPTHS) + 0.5) / _DEPTHS
    bodies = tables.neurons_per_mm3 * (np.pi / 4e6) * tables.soma_height_um * tables.soma_width_um
    profiles = np.take_along_axis(bodies.astype(float), layer_entries(at, tables.boundaries), axis=1)
    return np.sqrt(((profiles[:, None] - profiles[None]) ** 2).mean(axis=2))


def layer_entries(depths: Float[np.ndarray, "*v d"], boundaries: Float[np.ndarray, "n 5"]) -> Int[np.ndarray, "n d"]:
    """Which entry of a profile table stands at these depths (0 pial, 1 white), by the layer borders of each place.

    Args:
        depths: one row for all places, or one each.
        boundaries: of each place.
    """
    edges = np.pad(boundaries.astype(float), ((0, 0), (1, 1)), constant_values=(0.0, 1.0))
    layer = np.sum([depths >= edges[:, k : k + 1] for k in range(1, 6)], axis=0)
    start, stop = np.take_along_axis(edges, layer, axis=1), np.take_along_axis(edges, layer + 1, axis=1)
    along = (depths - start) / np.maximum(stop - start, 1e-6)
    return layer * SAMPLES + np.clip((along * SAMPLES).astype(int), 0, SAMPLES - 1)
