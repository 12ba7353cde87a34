"""OME-Zarr images of several channels (c, y, x), such as the probabilities of classes."""

from pathlib import Path

import numpy as np
import zarr
from jaxtyping import UInt8
from pydantic import BaseModel, Field, ValidationError

from gennari.errors import InputError


def read_channels(path: Path) -> tuple[UInt8[np.ndarray, "c h w"], float]:
    """The finest level of an OME-Zarr 0.5 image (c, y, x) of bytes, and its pixel size in µm.

    Raises:
        InputError: there is no such image, it is damaged, or of another kind.
    """
    try:
        group = zarr.open_group(path, mode="r")
        level = _Ome.model_validate(group.attrs.get("ome")).multiscales[0].datasets[0]
        scale = level.transforms[0].scale
        values = np.asarray(group[level.path][:])  # pyright: ignore[reportIndexIssue, reportArgumentType]
        if values.ndim != 3 or values.dtype != np.uint8 or scale is None:
            raise ValueError(f"an array of {values.ndim} axes of {values.dtype}, scaled by {scale}")
    except (OSError, KeyError, ValidationError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} must be a whole OME-Zarr image (c, y, x) of bytes, but reading it fails "
            f"({' '.join(str(error).split())[:120]}); write it again"
        ) from error
    return values, scale[-1]


class _Transform(BaseModel):
    scale: tuple[float, float, float] | None = None


class _Level(BaseModel):
    path: str
    transforms: list[_Transform] = Field(alias="coordinateTransformations", min_length=1)


class _Multiscale(BaseModel):
    datasets: list[_Level] = Field(min_length=1)


class _Ome(BaseModel):
    multiscales: list[_Multiscale] = Field(min_length=1)
