"""What each row of the table, and each control, pre-trains on and then learns; `rows.py` has what they are called."""

from dataclasses import dataclass
from typing import Literal

from gennari.errors import InputError
from gennari.pipeline.rows import BASELINE, FULL

Source = Literal["pretext", "transductive", "other-geometry", "one-cytoarchitecture"]
"""Whose patches: the unlabelled brain's; the labelled brains' own, tested sections included; those of an unlabelled
brain on other surfaces; those of one whose areas all look alike."""


@dataclass(frozen=True, kw_only=True)
class Pretext:
    """One pre-training.

    Attributes:
        few: on the small part of the patches.
        use_distance: eq. (1) is in the loss.
        use_coordinates: eq. (2) is in the loss.
        source: where its patches come from.
        permuted: each patch gets the targets of another one.
        trained: False leaves random weights, with batch norm statistics of the patches.
    """

    name: str
    few: bool = False
    use_distance: bool = True
    use_coordinates: bool = True
    source: Source = "pretext"
    permuted: bool = False
    trained: bool = True


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: one fine-tuning for each seed.

    Attributes:
        pretext: what the texture branch starts from; None: random weights.
        longer: "3x" takes three times the iterations, "total" as many as pre-training and fine-tuning of the full row
            cost together.
        atlas: whether the second phase reads the atlas.
        rate_of: the row whose learning rate it takes; its own by default, found on validation sections.
    """

    name: str
    pretext: Pretext | None
    longer: Literal["", "3x", "total"] = ""
    atlas: bool = True
    rate_of: str = ""


_FULL = Pretext(name=FULL)

PAPER_ROWS = (
    Row(name=BASELINE, pretext=None),
    Row(name="few-dist", pretext=Pretext(name="few-dist", few=True, use_coordinates=False)),
    Row(name="few-coord", pretext=Pretext(name="few-coord", few=True, use_distance=False)),
    Row(name="few-L", pretext=Pretext(name="few-L", few=True)),
    Row(name=FULL, pretext=_FULL),
)
"""Spitzer et al. 2018, table 1, from top to bottom."""

CONTROLS = (
    Row(name="baseline-3x", pretext=None, longer="3x", rate_of=BASELINE),
    Row(name="baseline-total", pretext=None, longer="total", rate_of=BASELINE),
    Row(name="many-L-3x", pretext=_FULL, longer="3x", rate_of=FULL),
    Row(name="many-L-total", pretext=_FULL, longer="total", rate_of=FULL),
    Row(name="baseline-no-atlas", pretext=None, atlas=False, rate_of=BASELINE),
    Row(name="many-L-no-atlas", pretext=_FULL, atlas=False, rate_of=FULL),
    Row(name="transductive", pretext=Pretext(name="transductive", source="transductive"), rate_of=FULL),
    Row(name="other-geometry", pretext=Pretext(name="other-geometry", source="other-geometry"), rate_of=FULL),
    Row(
        name="one-cytoarchitecture",
        pretext=Pretext(name="one-cytoarchitecture", source="one-cytoarchitecture"),
        rate_of=FULL,
    ),
    Row(name="permuted-targets", pretext=Pretext(name="permuted-targets", permuted=True), rate_of=FULL),
    Row(name="random-weights", pretext=Pretext(name="random-weights", trained=False), rate_of=FULL),
)
"""What a claim needs beside the table; the atlas alone and the observers are measured without any training."""


def chosen_rows(names: tuple[str, ...], controls: bool) -> tuple[Row, ...]:
    """The rows of these names, by default all of the table, or all controls.

    Raises:
        InputError: there is no such row.
    """
    known = {row.name: row for row in (*PAPER_ROWS, *CONTROLS)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"--rows names rows of the table ({', '.join(known)}), got {', '.join(unknown)}; correct it")
    if names:
        return tuple(known[name] for name in names)
    return CONTROLS if controls else PAPER_ROWS
