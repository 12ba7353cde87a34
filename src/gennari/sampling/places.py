"""Places for patches on single sections: the work that runs section by section, on as many processes as there are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int8, Int32

from gennari.records import Section
from gennari.sampling.cut import Cut, at_pixels, cut_section, plane_angles_deg, upright_rotations_deg, whole_faces
from gennari.sampling.settings import PatchSettings
from gennari.sampling.slab import Slabs
from gennari.sampling.tissue import tissue_share

BATCH = 2048
"""Places that are looked at together: each takes some hundred kilobytes for its window."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Ribbon pixels that may become patches. One row a place.

    Attributes:
        face: in the whole hemisphere's mesh.
        key: an exponential draw over the place's weight; of all places those with the smallest keys become patches.
    """

    section: Int32[np.ndarray, "n"]
    rows: Int32[np.ndarray, "n"]
    cols: Int32[np.ndarray, "n"]
    side: Int8[np.ndarray, "n"]
    face: Int32[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 3"]
    plane_angle_deg: Float[np.ndarray, "n"]
    rotation_deg: Float[np.ndarray, "n"]
    tissue_share: Float[np.ndarray, "n"]
    key: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: Int[np.ndarray, "m"] | Bool[np.ndarray, "n"]) -> "Places":
        """These rows."""
        return Places(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of one section: at most this many places, those with the smallest keys, drawn from this seed."""

    section: Section
    seed: np.random.SeedSequence
    most: int


@dataclass(frozen=True, kw_only=True)
class RunTask:
    """A run of neighbouring sections with the cortex they can meet: what one worker does at a time."""

    sections: tuple[Wanted, ...]
    slabs: Slabs
    settings: PatchSettings
    patch_um: float

    @property
    def name(self) -> str:
        """For ticks and errors."""
        ids = [wanted.section.id for wanted in self.sections]
        return f"section {ids[0]}" if len(ids) == 1 else f"sections {ids[0]} to {ids[-1]}"


def places_of_run(task: RunTask) -> list[Places]:
    """The places of each section of a run, in their order."""
    found: list[Places] = []
    for wanted in task.sections:
        cut = cut_section(wanted.section, task.slabs, task.settings.ribbon_spacing_um)
        found.append(places_of_section(cut, wanted, task.slabs, task.settings, task.patch_um))
    return found


def places_of_section(cut: Cut, wanted: Wanted, slabs: Slabs, settings: PatchSettings, patch_um: float) -> Places:
    """Pixels of mid cortex that are cut steeply enough and whose window holds enough tissue, by ascending key.

    Weights: a pixel of the band |depth - 0.5| <= t stands for the same volume wherever it lies, and that volume is
    surface area times 2 t thickness. Its share of the surface is therefore 1 / thickness. Obliqueness needs no weight:
    an oblique cut widens the band by the factor by which it thins the surface out along the section.

    Args:
        cut: the section.
        wanted: how many places, and the seed; a greater number gives the same places and more.
        slabs: what the ribbon was cut from.
        settings: how places are chosen.
        patch_um: side of a patch's window.
    """
    ribbon, rng = cut.ribbon, np.random.default_rng(wanted.seed)
    rows, cols = np.nonzero(np.abs(ribbon.depth - 0.5) <= settings.mid_tolerance)
    key, turn_deg = rng.exponential(size=len(rows)), rng.uniform(-180, 180, len(rows))
    if settings.uniform_over == "surface":
        key *= at_pixels([slab.thickness_mm for slab in slabs], cut, slabs, rows, cols)
    order = np.argsort(key)
    found, count, begin = [_checked(cut, slabs, settings, patch_um, rows[:0], cols[:0], key[:0], turn_deg[:0])], 0, 0
    while count < wanted.most and begin < len(order):
        # most places pass, so few need to be looked at; refusing some leaves the order of the others as it is
        batch = order[begin : begin + min(2 * wanted.most, BATCH)]
        passed = _checked(cut, slabs, settings, patch_um, rows[batch], cols[batch], key[batch], turn_deg[batch])
        found.append(passed)
        begin, count = begin + len(batch), count + len(passed)
    return concatenated(found).take(np.arange(min(count, wanted.most)))


def concatenated(tables: Sequence[Places]) -> Places:
    """All rows in one table, in order; there must be at least one table."""
    columns = [field.name for field in fields(Places)]
    return Places(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in columns})


def _checked(
    cut: Cut,
    slabs: Slabs,
    settings: PatchSettings,
    patch_um: float,
    rows: np.ndarray,
    cols: np.ndarray,
    key: np.ndarray,
    turn_deg: np.ndarray,
) -> Places:
    """Those of the pixels that pass: steep first, since it is cheap, then tissue, for which the rotation is needed."""
    section, ribbon = cut.section, cut.ribbon
    angle = plane_angles_deg(cut, slabs, rows, cols)
    steep = angle >= settings.min_plane_angle_deg
    rows, cols, key, turn_deg, angle = rows[steep], cols[steep], key[steep], turn_deg[steep], angle[steep]
    rotation = _rotation_deg(cut, slabs, settings, rows, cols, turn_deg)
    share = tissue_share(cut.tissue, rows, cols, rotation, patch_um / ribbon.spacing_um)
    return Places(
        section=np.full(len(rows), section.id, np.int32),
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        side=ribbon.side[rows, cols],
        face=whole_faces(cut, slabs, rows, cols),
        weights=ribbon.weights[rows, cols],
        plane_angle_deg=angle,
        rotation_deg=rotation,
        tissue_share=share,
        key=key,
    ).take(share >= settings.min_tissue)


def _rotation_deg(
    cut: Cut, slabs: Slabs, settings: PatchSettings, rows: np.ndarray, cols: np.ndarray, turn_deg: np.ndarray
) -> np.ndarray:
    if settings.orientation != "upright":
        return turn_deg if settings.orientation == "random" else np.zeros(len(rows))
    return upright_rotations_deg(cut, slabs, rows, cols, settings.upright_window_um)
