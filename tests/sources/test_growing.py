import numpy as np
import pytest
import zarr

from gennari.sources.growing import GrowingRows


def array(path, shape, chunk, shard):
    more = len(shape) - 2
    return zarr.create_array(
        path, shape=shape, dtype="uint8", chunks=(*[1] * more, chunk, chunk), shards=(*[1] * more, shard, shard),
        fill_value=7,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(23, 17), (3, 23, 17), (8, 8), (1, 1)])
@pytest.mark.parametrize("block", [1, 3, 5, 16, 40])
def test_blocks_of_any_size_make_the_array(rng, tmp_path, shape, block):
    grown = array(tmp_path / "a", shape, 2, 8)
    values = rng.integers(0, 256, shape, dtype=np.uint8)
    rows = GrowingRows(grown)
    for top in range(0, shape[-2], block):
        for left in range(0, shape[-1], block):
            place = slice(top, min(top + block, shape[-2])), slice(left, min(left + block, shape[-1]))
            rows.put(*place, values[(..., *place)])
    rows.finish()
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a")[:], values)


def test_shards_are_written_once_and_little_is_held(tmp_path, monkeypatch):
    grown = array(tmp_path / "a", (64, 16), 4, 8)
    rows, written = GrowingRows(grown), []
    real = GrowingRows._write

    def write(self, count):
        written.append(count)
        real(self, count)

    monkeypatch.setattr(GrowingRows, "_write", write)
    for top in range(0, 64, 5):
        stop = min(top + 5, 64)
        rows.put(slice(top, stop), slice(0, 16), np.zeros((stop - top, 16), np.uint8))
        assert rows._held.shape[0] < 8 + 5
    rows.finish()
    assert all(count % 8 == 0 for count in written)
    assert sum(written) == 64


def test_what_no_block_covers_keeps_the_fill_value(tmp_path):
    rows = GrowingRows(array(tmp_path / "a", (4, 4), 2, 4))
    rows.put(slice(0, 4), slice(0, 1), np.zeros((4, 1), np.uint8))
    rows.finish()
    assert zarr.open_array(tmp_path / "a")[0].tolist() == [0, 7, 7, 7]


def test_blocks_out_of_order_and_missing_rows_are_refused(tmp_path):
    rows = GrowingRows(array(tmp_path / "a", (16, 4), 2, 4))
    rows.put(slice(0, 8), slice(0, 4), np.zeros((8, 4), np.uint8))
    rows.put(slice(8, 10), slice(0, 4), np.zeros((2, 4), np.uint8))
    with pytest.raises(ValueError, match="blocks must come from the top, got one at row 4 after row 8"):
        rows.put(slice(4, 8), slice(0, 4), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="an array of 16 rows got only 10"):
        rows.finish()
