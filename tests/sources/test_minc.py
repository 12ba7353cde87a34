from pathlib import Path

import h5py
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.minc import minc_pyramid, minc_section, write_minc


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17), dtype=np.uint8)


@pytest.fixture
def path(image: np.ndarray, tmp_path: Path) -> Path:
    write_minc(tmp_path / "pm1234o.mnc", image, 0.02, -3.0, 4.0)
    return tmp_path / "pm1234o.mnc"


def rewrite(path: Path, pixels: np.ndarray, order: str, **axes: dict[str, object]) -> None:
    """The image anew, its dimensions in this order; `axes` change their attributes (None takes one away)."""
    with h5py.File(path, "a") as file:
        del file["minc-2.0/image/0/image"]
        stored = file.create_dataset("minc-2.0/image/0/image", data=pixels)
        stored.attrs.update({"dimorder": np.bytes_(order), "valid_range": np.array([0.0, 255.0])})
        for name, attributes in axes.items():
            where = f"minc-2.0/dimensions/{name}"
            axis = file[where] if where in file else file.create_dataset(where, data=0)
            for key, value in attributes.items():
                if value is None:
                    del axis.attrs[key]
                else:
                    axis.attrs[key] = value


def fetched(path: Path) -> np.ndarray:
    level = minc_pyramid(str(path)).levels[0]
    return level.fetch(0, level.shape_px[0], 0, level.shape_px[1])


def test_start_is_the_centre_of_the_first_pixel(path: Path) -> None:
    head = minc_section(path)
    assert head.shape_px == (12, 17)
    assert (head.spacing_um, head.left_mm, head.top_mm) == pytest.approx((20.0, -3.0, 4.0))
    with h5py.File(path) as file:
        dimensions = file["minc-2.0/dimensions"]
        assert dimensions["xspace"].attrs["start"] == pytest.approx(-2.99)
        assert dimensions["zspace"].attrs["start"] == pytest.approx(4.0 - 12 * 0.02 + 0.01)


def test_rows_run_down_whichever_way_z_is_stored(image: np.ndarray, path: Path) -> None:
    np.testing.assert_array_equal(fetched(path), image)
    falling = {"zspace": {"start": 4.0 - 0.01, "step": -0.02}, "xspace": {"start": -3.0 + 0.33, "step": -0.02}}
    rewrite(path, image[:, ::-1], "zspace,xspace", **falling)
    np.testing.assert_array_equal(fetched(path), image)
    assert minc_section(path).left_mm == pytest.approx(-3.0)
    assert minc_section(path).top_mm == pytest.approx(4.0)


def test_x_may_be_stored_first_and_y_may_be_one_deep(image: np.ndarray, path: Path) -> None:
    rewrite(path, image[::-1].T, "xspace,zspace")
    np.testing.assert_array_equal(fetched(path), image)
    rewrite(path, image[::-1][:, None], "zspace,yspace,xspace", yspace={"start": 0.0, "step": 0.02})
    np.testing.assert_array_equal(fetched(path), image)


def test_values_are_what_the_file_says_they_stand_for(image: np.ndarray, path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["minc-2.0/image/0/image-max"][()] = 51.0
    np.testing.assert_array_equal(fetched(path), np.rint(image / 5))
    with h5py.File(path, "a") as file:
        file["minc-2.0/image/0/image-max"][()] = 65535.0
    with pytest.raises(InputError, match="must hold grey values from 0 to 255, but it spans 0"):
        fetched(path)


def test_a_volume_is_refused(path: Path) -> None:
    rewrite(path, np.zeros((3, 4, 5), np.uint8), "zspace,yspace,xspace", yspace={"start": 0.0, "step": 0.02})
    with pytest.raises(InputError, match=r"must be one coronal section .* but it has zspace of 3, yspace of 4, xspace"):
        minc_section(path)
    rewrite(path, np.zeros((3, 4), np.uint8), "yspace,xspace")
    with pytest.raises(InputError, match="but it has yspace of 3, xspace of 4"):
        minc_section(path)


def test_pixels_must_be_square_and_may_have_no_size(image: np.ndarray, path: Path) -> None:
    rewrite(path, image, "zspace,xspace", xspace={"step": 0.03})
    with pytest.raises(InputError, match=r"square pixels, but its steps are 0\.03 and 0\.02 mm"):
        minc_section(path)
    rewrite(path, image, "zspace,xspace", xspace={"step": None}, zspace={"step": None})
    assert minc_section(path).spacing_um is None


def test_an_absurd_size_is_refused_by_the_head(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["minc-2.0/image/0/image"]
        huge = file.create_dataset("minc-2.0/image/0/image", (200_000, 100_000), np.uint8, chunks=(64, 64))
        huge.attrs.update({"dimorder": np.bytes_("zspace,xspace"), "valid_range": np.array([0.0, 255.0])})
    with pytest.raises(InputError, match=r"at most 100 Mpx.*200000 x 100000 px; convert it to OME-Zarr"):
        minc_section(path)


def test_minc1_is_refused_with_the_mend(path: Path) -> None:
    path.write_bytes(b"CDF\x01" + bytes(100))
    with pytest.raises(InputError, match=r"but it is MINC1 .netCDF.; convert it with MINC's `mincconvert -2`"):
        minc_section(path)


def test_an_hdf5_file_of_something_else_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["thesis"] = 1
    with pytest.raises(InputError, match="must be a whole MINC2 image"):
        minc_section(path)
