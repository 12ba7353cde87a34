"""What a check of a data set found, and what to do about it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Level = Literal["good", "doubtful", "wrong"]
LEVELS: tuple[Level, ...] = ("good", "doubtful", "wrong")
"""`wrong`: training on it would be wrong, or cannot run."""


class Finding(NamedTuple):
    """One thing that was checked.

    Attributes:
        what: the subject, in a word or two.
        level: how it is.
        found: what was found, with figures.
        mend: what to do; empty where it is good.
        brain: which brain; empty for the data set as a whole.
    """

    what: str
    level: Level
    found: str
    mend: str = ""
    brain: str = ""


def worst(findings: Sequence[Finding]) -> Level:
    """The worst level of all."""
    levels: list[Level] = ["good", *(finding.level for finding in findings)]
    return max(levels, key=LEVELS.index)


def told(findings: Sequence[Finding]) -> str:
    """A line for each finding, then what to do, the worst first."""
    marks = {"good": "ok  ", "doubtful": "note", "wrong": "BAD "}
    lines = [f"{marks[one.level]} {one.brain + ': ' if one.brain else ''}{one.what}: {one.found}" for one in findings]
    mends = [
        f"  {'must' if one.level == 'wrong' else 'may'}: {one.brain + ', ' if one.brain else ''}{one.what}: {one.mend}"
        for level in ("wrong", "doubtful")
        for one in findings
        if one.level == level and one.mend
    ]
    return "\n".join([*lines, "", "What to do:", *(mends or ["  nothing"])])
