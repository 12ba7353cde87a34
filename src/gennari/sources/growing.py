"""Arrays on the disk that are given block by block: whole shards are written, once each, as soon as they are full."""

import numpy as np
import zarr
from jaxtyping import UInt8


class GrowingRows:
    """A zarr array of bytes whose last two axes, rows and columns, are filled from the top.

    Rows are held until those of a whole row of shards are there, so memory is that of a row of shards and of one block.
    """

    def __init__(self, array: zarr.Array) -> None:
        """Begin with an empty array; pixels that no block covers get its fill value."""
        self._array, self._height = array, array.shape[-2]
        self._step = (array.shards or array.chunks)[-2]
        self._first, self._held = 0, self._empty(0)

    def put(self, rows: slice, cols: slice, values: UInt8[np.ndarray, "*c h w"]) -> None:
        """Give a block; blocks come by rows, from the top.

        Raises:
            ValueError: the block begins above rows that are finished, or is not as large as its place.
        """
        self._write_before(rows.start)
        if rows.start < self._first:
            raise ValueError(f"blocks must come from the top, got one at row {rows.start} after row {self._first}")
        if rows.stop - self._first > self._held.shape[-2]:
            grown = self._empty(rows.stop - self._first)
            grown[..., : self._held.shape[-2], :] = self._held
            self._held = grown
        self._held[..., rows.start - self._first : rows.stop - self._first, cols] = values

    def finish(self) -> None:
        """Write what is still held; raises ValueError if rows are missing at the end."""
        if self._first + self._held.shape[-2] < self._height:
            raise ValueError(f"an array of {self._height} rows got only {self._first + self._held.shape[-2]}")
        self._write(self._height - self._first)

    def _write_before(self, row: int) -> None:
        """Write whole rows of shards above a row: blocks below it are all that is still to come."""
        full = (row - self._first) // self._step * self._step
        if full > 0:
            self._write(full)

    def _write(self, count: int) -> None:
        if count:
            self._array[..., self._first : self._first + count, :] = self._held[..., :count, :]
        self._held, self._first = self._held[..., count:, :].copy(), self._first + count

    def _empty(self, rows: int) -> UInt8[np.ndarray, "*c h w"]:
        shape = (*self._array.shape[:-2], rows, self._array.shape[-1])
        return np.full(shape, self._array.fill_value, np.uint8)
