"""Several arrays in one file (.npz), without trusting what the zip or the heads in it say."""

import math
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib import format as npy

from gennari.errors import InputError

MAX_BYTES = 2**28
"""Of all arrays of a file together."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file that `np.savez` wrote; nothing is unpickled.

    Raises:
        InputError: it is damaged, holds objects, or asks for more memory than its data or MAX_BYTES.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise ValueError(f"its arrays take more than {MAX_BYTES // 2**20} MB")
            for member in members:
                _check_head(archive, member)
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (
        zipfile.BadZipFile, zlib.error, ValueError, LookupError, EOFError, OSError, NotImplementedError, RuntimeError,
        SyntaxError, TypeError, TokenError,
    ) as error:  # fmt: skip
        raise InputError(f"{path} must be a whole file of arrays, but reading it fails ({error})") from error


def _check_head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Whether an array is as long as its head says; memory is taken by the head."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize + file.tell() != member.file_size:
            raise ValueError(f"{member.filename} is no array of {shape} {dtype}")
