import numpy as np
import pytest
import zarr

from gennari.errors import InputError
from gennari.sources.channels import read_channels


def write(path, values, scale):
    datasets = [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    group = zarr.create_group(path, zarr_format=3, attributes={"ome": {"multiscales": [{"datasets": datasets}]}})
    group.create_array("s0", data=values)


def test_channels_come_with_their_pixel_size(rng, tmp_path):
    values = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    write(tmp_path / "p.ome.zarr", values, [1.0, 128.0, 128.0])
    read, spacing_um = read_channels(tmp_path / "p.ome.zarr")
    assert np.array_equal(read, values)
    assert spacing_um == 128.0


def test_what_is_no_image_of_channels_is_refused(tmp_path):
    with pytest.raises(InputError, match="must be a whole OME-Zarr image"):
        read_channels(tmp_path / "none.ome.zarr")
    write(tmp_path / "flat.ome.zarr", np.zeros((4, 5), np.uint8), [1.0, 2.0, 2.0])
    with pytest.raises(InputError, match="2 axes of uint8"):
        read_channels(tmp_path / "flat.ome.zarr")
    write(tmp_path / "unscaled.ome.zarr", np.zeros((1, 4, 5), np.uint8), [2.0, 2.0])
    with pytest.raises(InputError, match="write it again"):
        read_channels(tmp_path / "unscaled.ome.zarr")
