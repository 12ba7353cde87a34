from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import Hemisphere
from gennari.sources.gifti import read_columns, read_surface, write_columns, write_surface

Pair = tuple[Hemisphere, Hemisphere]


def test_columns_come_back_with_their_names(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.random((7, 2), dtype=np.float32)
    write_columns(tmp_path / "a.func.gii", ["hOc1", "hOc2"], values, "L")
    names, read = read_columns(tmp_path / "a.func.gii")
    assert names == ("hOc1", "hOc2")
    np.testing.assert_array_equal(read, values)


def test_each_column_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a name for each column, got 1 for 2"):
        write_columns(tmp_path / "a.func.gii", ["hOc1"], np.zeros((3, 2)), "L")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_half_written_surface_is_refused(hemispheres: Pair, tmp_path: Path, share: float) -> None:
    path = tmp_path / "hemi-L_pial.surf.gii"
    write_surface(path, hemispheres[0].pial, "L")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="must be a whole GIfTI file"):
        read_surface(path)


def test_garbage_within_a_surface_is_refused(hemispheres: Pair, tmp_path: Path) -> None:
    path = tmp_path / "hemi-L_pial.surf.gii"
    write_surface(path, hemispheres[0].pial, "L")
    whole = path.read_bytes()
    middle = whole.index(b"<Data>") + 40
    path.write_bytes(whole[:middle] + b"AAAAAAAA" + whole[middle + 8 :])
    with pytest.raises(InputError, match="must be a whole GIfTI file"):
        read_surface(path)


def test_columns_are_no_surface_and_a_surface_is_no_columns(hemispheres: Pair, tmp_path: Path) -> None:
    write_columns(tmp_path / "a.func.gii", ["x"], np.zeros((3, 1)), "L")
    with pytest.raises(InputError, match="one set of points and one of triangles, got 0 and 0"):
        read_surface(tmp_path / "a.func.gii")
    write_surface(tmp_path / "a.surf.gii", hemispheres[0].pial, "L")
    with pytest.raises(InputError, match="columns of one value a vertex"):
        read_columns(tmp_path / "a.surf.gii")
