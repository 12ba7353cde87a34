"""Distances measured so far, on disk: what an interrupted stage finds again."""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict

from gennari.records import Side
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.surface.geodesic import Calibration

RECORD = np.dtype([("pair", "<i4"), ("distance_mm", "<f8")])
"""One measured pair. A source's pairs are appended in one go; what a crash cuts off at the end is measured again."""


class Begun(BaseModel):
    """begun.json: what the distances beside it belong to, and how they are calibrated.

    Attributes:
        key: a hash of all that decides them.
        calibrations: of the left and the right hemisphere; none for exact distances.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    calibrations: dict[Side, dict[str, float | int | None]]


class Journal:
    """Distances of pairs in a folder, appended source by source by one process.

    Args:
        folder: its own; made by `begin`.
        key: what is found under another key is of no use and removed.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key
        self._begun, self._finished = folder / "begun.json", folder / "finished.bin"
        if folder.exists() and not (self._begun.is_file() and read_json(self._begun, Begun).key == key):
            shutil.rmtree(folder)

    def calibrations(self) -> dict[Side, Calibration] | None:
        """Those that were begun with; None if nothing was begun."""
        if not self._begun.is_file():
            return None
        found = read_json(self._begun, Begun).calibrations
        nan = float("nan")
        return {
            side: Calibration(**{name: nan if value is None else value for name, value in fields.items()})  # pyright: ignore
            for side, fields in found.items()
        }

    def begin(self, calibrations: dict[Side, Calibration]) -> None:
        """Make the folder, with nothing measured."""
        self._folder.mkdir(parents=True, exist_ok=True)
        plain: dict[Side, dict[str, float | int | None]] = {
            side: {name: None if value != value else value for name, value in asdict(calibration).items()}
            for side, calibration in calibrations.items()
        }
        write_json(self._begun, Begun(key=self._key, calibrations=plain))

    def add(self, pairs: Int[np.ndarray, "k"], distance_mm: Float[np.ndarray, "k"]) -> None:
        """Append the distances of one source's pairs."""
        records = np.empty(len(pairs), RECORD)
        records["pair"], records["distance_mm"] = pairs, distance_mm
        with self._finished.open("ab") as file:
            file.write(records.tobytes())

    def distances(self, count: int) -> Float[np.ndarray, "p"]:
        """Distances of `count` pairs, NaN where not yet measured; a record that was cut off is cut off for good."""
        distance = np.full(count, np.nan)
        if self._finished.is_file():
            whole = self._finished.stat().st_size // RECORD.itemsize * RECORD.itemsize
            with self._finished.open("r+b") as file:
                file.truncate(whole)
            records = np.fromfile(self._finished, RECORD)
            distance[records["pair"]] = records["distance_mm"]
        return distance


def forget(folder: Path) -> None:
    """Remove a journal: everything is measured and stored elsewhere."""
    shutil.rmtree(folder, ignore_errors=True)
