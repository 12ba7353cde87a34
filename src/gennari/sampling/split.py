"""Which sections are learned from, which are held out, and which stand between them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gennari.errors import InputError
from gennari.records import Section

Split = Literal["train", "val", "test", "guard"]
SplitKind = Literal["blocks", "paper", "lobo"]
PARTS: tuple[Split, ...] = ("train", "val", "test")
"""Of a split, in the order of tables; guard sections are in none."""


class SplitSettings(BaseModel):
    """How sections are split.

    Attributes:
        kind: "blocks": runs of neighbouring sections are held out, with a guard band that nobody uses on both sides.
            "paper": every `every`-th section is tested, all others are trained on (Spitzer et al. 2018, section 3.1);
            a tested section then has trained neighbours, so its figures flatter. "lobo": all sections of the brain
            `held_out` are tested; the other brains are split as in "blocks", without a test share.
        test_share: share of the sections that are tested (blocks).
        val_share: share of the sections used to choose things (blocks, lobo).
        blocks: into how many runs each held-out share is cut (blocks, lobo).
        guard_patches: width of the guard band in sides of a patch: train and val sections nearer than that to a test
            section, and train sections nearer to a val section, become "guard" (blocks, lobo).
        every: see "paper".
        held_out: see "lobo".
        draws: of this many splits drawn, the first of those in which the fewest areas are missing from a part is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SplitKind = "blocks"
    test_share: float = Field(default=1 / 6, gt=0, lt=1)
    val_share: float = Field(default=1 / 12, ge=0, lt=1)
    blocks: int = Field(default=2, ge=1)
    guard_patches: float = Field(default=1.05, gt=1)
    every: int = Field(default=12, ge=2)
    held_out: str | None = None
    draws: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _names_whom_it_leaves_out(self) -> "SplitSettings":
        if (self.kind == "lobo") != (self.held_out is not None):
            raise ValueError(
                f"leave-one-brain-out (kind 'lobo') and held_out, the brain it leaves out, need each other, got kind "
                f"'{self.kind}' and held_out {self.held_out!r}"
            )
        return self


def split_sections(
    sections: Sequence[Section], settings: SplitSettings, rng: np.random.Generator, patch_mm: float
) -> dict[int, Split]:
    """The split of each section of one brain, by id.

    In "blocks" the sections, ordered along their common normal, are cut into `settings.blocks` equal stretches, and
    each gives one test run and one val run, with half of its other sections between the two; the rest is drawn.

    Args:
        sections: of one brain.
        settings: how they are split.
        rng: draws where the runs lie.
        patch_mm: side of a patch, the unit of the guard bands.

    Raises:
        InputError: too few sections, or the guard bands leave nothing of a split that was asked for.
        ValueError: the sections are of more than one brain.
    """
    if len({section.brain for section in sections}) > 1:
        raise ValueError(f"one split is of one brain, got sections of {sorted({s.brain for s in sections})}")
    if not sections:
        raise InputError("a split needs sections, got none; does the brain have any?")
    ordered = sorted(sections, key=position_mm)
    if settings.kind == "paper":
        return _every(ordered, settings, rng)
    if sections[0].brain == settings.held_out:
        return {section.id: "test" for section in ordered}
    positions = np.array([position_mm(section) for section in ordered])
    guard_mm = settings.guard_patches * patch_mm
    split = _guarded(_runs(len(ordered), settings, rng), positions, guard_mm)
    wanted = {"train"} | ({"test"} if settings.kind == "blocks" else set()) | ({"val"} if settings.val_share else set())
    if missing := wanted - set(split):
        raise InputError(
            f"a split in blocks must leave sections of every kind, but {', '.join(sorted(missing))} came out empty "
            f"({len(sections)} sections over {np.ptp(positions):.1f} mm, {settings.blocks} blocks, guard "
            f"{guard_mm:.2f} mm); take fewer blocks, a narrower guard (at least a patch, {patch_mm:.2f} mm) or more "
            "sections"
        )
    return {section.id: kind for section, kind in zip(ordered, split, strict=True)}


def position_mm(section: Section) -> float:
    """Where a section's plane stands along its own normal, in mm (its y, for coronal sections)."""
    return float(section.to_brain.matrix[:3, 3] @ section.normal)


def _every(ordered: list[Section], settings: SplitSettings, rng: np.random.Generator) -> dict[int, Split]:
    if len(ordered) < settings.every:
        raise InputError(
            f"to test every {settings.every}th section takes as many, got {len(ordered)}; lower split.every (--every)"
        )
    offset = int(rng.integers(settings.every))
    return {s.id: "test" if i % settings.every == offset else "train" for i, s in enumerate(ordered)}


def _runs(n: int, settings: SplitSettings, rng: np.random.Generator) -> list[Split]:
    split: list[Split] = ["train" for _ in range(n)]
    edges = np.linspace(0, n, settings.blocks + 1).round().astype(int)
    for start, stop in pairwise(edges):
        length = int(stop - start)
        test = max(1, round(settings.test_share * length)) if settings.kind == "blocks" else 0
        val = max(1, round(settings.val_share * length)) if settings.val_share else 0
        free = length - test - val
        if free < 1:
            raise InputError(
                f"a stretch of {length} sections cannot hold {test} test and {val} val sections and some to train on; "
                "take fewer blocks or smaller shares"
            )
        first = int(start) + int(rng.integers(free - free // 2 + 1))
        second = first + test + free // 2
        for i in range(first, first + test):
            split[i] = "test"
        for i in range(second, second + val):
            split[i] = "val"
    return split


def _guarded(split: list[Split], positions: np.ndarray, guard_mm: float) -> list[Split]:
    kinds = np.array(split)
    out = list(split)
    for i, kind in enumerate(split):
        # 1 nm of slack: a guard of exactly one section distance must not depend on rounding
        near = {str(k) for k in kinds[np.abs(positions - positions[i]) < guard_mm - 1e-6]}
        if (kind == "val" and "test" in near) or (kind == "train" and near & {"test", "val"}):
            out[i] = "guard"
    return out
