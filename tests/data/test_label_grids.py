"""Coarser class maps against counting by hand."""

from collections import Counter

import numpy as np
import pytest

from gennari.data.label_grids import coarsened


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_block_takes_its_most_frequent_class(rng, factor):
    labels = rng.integers(0, 4, size=(11, 8)).astype(np.uint8)
    coarse = coarsened(labels, factor)
    assert coarse.shape == (-(-11 // factor), -(-8 // factor))
    for r, c in np.ndindex(coarse.shape):
        block = labels[r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
        counts = Counter(block.ravel().tolist())
        assert coarse[r, c] == min(k for k, n in counts.items() if n == max(counts.values()))
