"""Layers of the phantom's areas: thickness, cells and their size, from published numbers.

Base types are von Economo & Koskinas (1925), mean thickness in mm, cells per mm³, cell height x width in µm:
OC (hOc1), OB (hOc2), OA (hOc3 and beyond), PH, TF, and PE, PG, TE for cortex outside the thirteen areas. OA IV is
printed as 15,000 cells per mm³, ten times below every neighbour; it is read as 150,000 here.
Julich areas beyond hOc2 have no published counts of their own: they are mixtures of base types with small factors per
layer, chosen by us after the qualitative descriptions (Rottschy 2007, Kujovic 2013, Malikovic 2007 and 2016, Caspers
2013, Lorenz 2017). They are the phantom's, not measurements.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32

from gennari.records import LabelSet

LAYERS = ("I", "II", "III", "IV", "V", "VI")
SAMPLES = 16
"""Entries of a profile table per layer."""

AREAS = (
    "hOc1", "hOc2", "hOc3d", "hOc3v", "hOc4d", "hOc4v", "hOc4la", "hOc4lp", "hOc5", "FG1", "FG2", "FG3", "FG4",
)  # fmt: skip
OTHER_TYPES = ("PE", "PG", "TE")

LABEL_SET = LabelSet(
    names=("background", "white matter", "other cortex", *AREAS),
    colours=(
        "#ffffff", "#d9d9d9", "#9a9a9a", "#b2182b", "#ef8a62", "#fdbf6f", "#d9a300", "#b8d94c", "#4daf4a", "#1b9e77",
        "#66c2a5", "#5e3c99", "#2166ac", "#67a9cf", "#c51b8a", "#f799c8",
    ),
    first_area=3,
)  # fmt: skip


@dataclass(frozen=True)
class Sublayer:
    """A stratum of a layer: its share of the layer's thickness, cells per mm³, mean cell area in the section."""

    share: float
    cells_per_mm3: float
    cell_area_um2: float


@dataclass(frozen=True)
class BaseType:
    """Six layers of one of von Economo's areas."""

    thickness_mm: tuple[float, float, float, float, float, float]
    layers: tuple[tuple[Sublayer, ...], ...]


def _one(cells: float, area: float) -> tuple[Sublayer, ...]:
    return (Sublayer(1.0, cells, area),)


BASE_TYPES: Mapping[str, BaseType] = MappingProxyType({
    # IVb is the cell-poor band that carries the stripe of Gennari, IVc the dense granular one
    "OC": BaseType((0.19, 0.12, 0.27, 0.80, 0.27, 0.45), (
        _one(9e3, 24.0), _one(150e3, 28.0), _one(100e3, 40.0),
        (Sublayer(0.22, 150e3, 20.0), Sublayer(0.35, 60e3, 24.0), Sublayer(0.43, 220e3, 50.0)),
        _one(45e3, 70.0), (Sublayer(0.55, 140e3, 60.0), Sublayer(0.45, 20e3, 78.0)))),
    "OB": BaseType((0.15, 0.18, 0.45, 0.18, 0.22, 0.43), (
        _one(3.5e3, 35.0), _one(150e3, 38.0),
        (Sublayer(0.4, 85e3, 56.0), Sublayer(0.3, 70e3, 70.0), Sublayer(0.3, 60e3, 100.0)),
        _one(240e3, 44.0), _one(70e3, 50.0), (Sublayer(0.58, 85e3, 90.0), Sublayer(0.42, 25e3, 59.0)))),
    "OA": BaseType((0.18, 0.23, 0.60, 0.20, 0.35, 0.61), (
        _one(6e3, 27.0), _one(80e3, 47.0),
        (Sublayer(0.4, 60e3, 63.0), Sublayer(0.3, 45e3, 110.0), Sublayer(0.3, 50e3, 120.0)),
        _one(150e3, 40.0), _one(40e3, 70.0), (Sublayer(0.57, 55e3, 90.0), Sublayer(0.43, 12e3, 70.0)))),
    "PH": BaseType((0.20, 0.22, 0.90, 0.22, 0.65, 0.80), (
        _one(10e3, 38.0), _one(110e3, 44.0),
        (Sublayer(0.4, 40e3, 100.0), Sublayer(0.3, 35e3, 120.0), Sublayer(0.3, 30e3, 150.0)),
        _one(100e3, 30.0), _one(40e3, 110.0), (Sublayer(0.77, 40e3, 110.0), Sublayer(0.23, 12e3, 80.0)))),
    "TF": BaseType((0.25, 0.20, 1.00, 0.20, 0.50, 0.85), (
        _one(8e3, 64.0), _one(100e3, 30.0), _one(45e3, 110.0), _one(100e3, 28.0),
        (Sublayer(0.5, 50e3, 90.0), Sublayer(0.5, 35e3, 150.0)),
        (Sublayer(0.7, 28e3, 150.0), Sublayer(0.3, 15e3, 100.0)))),
    "PE": BaseType((0.18, 0.20, 0.70, 0.40, 0.40, 0.90), (
        _one(6e3, 31.0), _one(110e3, 44.0),
        (Sublayer(0.4, 50e3, 120.0), Sublayer(0.3, 25e3, 180.0), Sublayer(0.3, 20e3, 250.0)),
        (Sublayer(0.5, 65e3, 24.0), Sublayer(0.5, 80e3, 60.0)),
        (Sublayer(0.5, 35e3, 180.0), Sublayer(0.5, 17e3, 110.0)),
        (Sublayer(0.7, 21e3, 150.0), Sublayer(0.3, 10e3, 100.0)))),
    "PG": BaseType((0.22, 0.20, 0.80, 0.35, 0.55, 1.20), (
        _one(8e3, 26.0), _one(95e3, 48.0), _one(25e3, 150.0),
        (Sublayer(0.35, 100e3, 32.0), Sublayer(0.35, 140e3, 90.0), Sublayer(0.3, 60e3, 100.0)),
        _one(18e3, 180.0), (Sublayer(0.6, 25e3, 150.0), Sublayer(0.4, 18e3, 80.0)))),
    "TE": BaseType((0.25, 0.15, 0.75, 0.24, 0.80, 1.40), (
        _one(10e3, 44.0), _one(85e3, 56.0),
        (Sublayer(0.4, 35e3, 130.0), Sublayer(0.3, 25e3, 180.0), Sublayer(0.3, 30e3, 220.0)),
        _one(90e3, 28.0), _one(50e3, 110.0), (Sublayer(0.6, 40e3, 120.0), Sublayer(0.4, 20e3, 110.0)))),
})  # fmt: skip


@dataclass(frozen=True)
class AreaRecipe:
    """An area as a mixture of base types, with a factor per layer on thickness and on cell density."""

    mixture: tuple[tuple[str, float], ...]
    thickness_factor: tuple[float, ...] = (1.0,) * 6
    density_factor: tuple[float, ...] = (1.0,) * 6


RECIPES: Mapping[str, AreaRecipe] = MappingProxyType({
    "hOc1": AreaRecipe((("OC", 1.0),)),
    "hOc2": AreaRecipe((("OB", 1.0),)),
    "hOc3d": AreaRecipe((("OA", 1.0),), (1.0, 1.0, 1.05, 0.95, 1.0, 1.0), (1.0, 1.0, 1.0, 0.9, 0.95, 1.05)),
    "hOc3v": AreaRecipe((("OA", 1.0),), (1.0, 1.0, 1.0, 1.1, 1.0, 0.95), (1.0, 1.05, 1.1, 1.0, 0.9, 1.0)),
    "hOc4d": AreaRecipe((("OA", 1.0),), (1.0, 0.95, 1.1, 0.9, 1.1, 1.0), (1.0, 0.95, 0.9, 0.85, 1.15, 0.95)),
    "hOc4v": AreaRecipe((("OA", 0.8), ("PH", 0.2)), (1.0,) * 6, (1.0, 1.05, 1.05, 0.95, 1.2, 1.1)),
    "hOc4la": AreaRecipe((("OA", 0.5), ("PH", 0.5)), (1.0,) * 6, (1.0, 1.1, 0.95, 1.15, 0.9, 0.95)),
    "hOc4lp": AreaRecipe((("OA", 0.8), ("PH", 0.2)), (1.0,) * 6, (1.0, 0.95, 0.95, 1.2, 0.85, 0.9)),
    "hOc5": AreaRecipe((("OA", 0.4), ("PH", 0.6)), (1.0, 1.0, 1.0, 1.25, 1.0, 0.9), (1.0, 1.05, 1.1, 1.25, 0.85, 0.9)),
    "FG1": AreaRecipe((("OA", 0.4), ("PH", 0.6)), (1.0,) * 6, (1.0, 0.95, 1.0, 0.75, 1.15, 1.05)),
    "FG2": AreaRecipe((("PH", 1.0),), (1.0, 1.0, 1.0, 1.2, 1.0, 1.0), (1.0, 1.05, 1.2, 1.15, 1.0, 1.1)),
    "FG3": AreaRecipe((("PH", 0.5), ("TF", 0.5)), (1.0,) * 6, (1.0, 1.1, 0.9, 0.9, 1.0, 1.25)),
    "FG4": AreaRecipe((("PH", 0.3), ("TF", 0.7)), (1.0,) * 6, (1.0, 0.9, 0.8, 0.85, 0.9, 0.85)),
    **{name: AreaRecipe(((name, 1.0),)) for name in OTHER_TYPES},
})  # fmt: skip

COLUMNS = (*AREAS, *OTHER_TYPES)
"""Cytoarchitectures of the phantom: the areas, then the kinds of other cortex."""
COLUMN_LABEL = np.array([LABEL_SET.index(name) for name in AREAS] + [LABEL_SET.index("other cortex")] * 3, np.uint8)


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


def profile_tables(contrast: float = 1.0) -> ProfileTables:
    """Tables of all cytoarchitectures, from the published numbers above.

    Args:
        contrast: 1 takes the areas as published; below, each is drawn towards the mean over all, since measured
            profiles of neighbouring areas are more alike than tables of typical examples; 0 makes them all the same.
    """
    tables = zip(*(_tables_of(RECIPES[name]) for name in COLUMNS), strict=True)
    density, area, boundaries = (_towards_mean(np.array(table), contrast) for table in tables)
    side = np.sqrt(4 * area / np.pi).astype(np.float32)
    width = np.full((len(COLUMNS),) * 2, 0.5, np.float32)
    width[0, 1] = width[1, 0] = 0.2
    flat = np.ones(density.shape, np.float32)
    return ProfileTables(
        neurons_per_mm3=density.astype(np.float32), soma_height_um=side, soma_width_um=side, pyramidal=0.5 * flat,
        glia_per_mm3=30e3 * flat, neuropil=0.68 * flat, boundaries=boundaries, border_width_mm=width,
    )  # fmt: skip


def _towards_mean(table: np.ndarray, contrast: float) -> np.ndarray:
    mean = table.mean(axis=0)
    return mean + contrast * (table - mean)


def _tables_of(recipe: AreaRecipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    thickness, density, area = np.zeros(6), np.zeros(6 * SAMPLES), np.zeros(6 * SAMPLES)
    for name, weight in recipe.mixture:
        base = BASE_TYPES[name]
        thickness += weight * np.array(base.thickness_mm)
        density += weight * np.concatenate([_strata(layer, "cells_per_mm3") for layer in base.layers])
        area += weight * np.concatenate([_strata(layer, "cell_area_um2") for layer in base.layers])
    thickness *= recipe.thickness_factor
    density *= np.repeat(recipe.density_factor, SAMPLES)
    return density, area, np.cumsum(thickness)[:5] / thickness.sum()


def _strata(layer: tuple[Sublayer, ...], field: str) -> Float[np.ndarray, "s"]:
    at = (np.arange(SAMPLES) + 0.5) / SAMPLES
    index = np.searchsorted(np.cumsum([s.share for s in layer])[:-1], at)
    return np.array([getattr(s, field) for s in layer])[index]
