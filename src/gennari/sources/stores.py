"""Where chunked images stand: a folder or an http(s) address, read through tensorstore."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorstore as ts

from gennari.errors import InputError
from gennari.sources.documents import parse, read_json

T = TypeVar("T")
TIMEOUT_S = 120.0
"""What a server may take for one answer; then it is said to stall."""
_CONTEXT = {
    "http_request_concurrency": {"limit": 16},
    "http_request_retries": {"max_retries": 4, "initial_delay": "200ms", "max_delay": "2s"},
    "cache_pool": {"total_bytes_limit": 0},
}
"""No cache: what a reader holds is what it was asked for."""
_FAILURES = (ValueError, OSError, RuntimeError, TimeoutError)


def is_url(location: str) -> bool:
    """Whether an image is to be had from a server."""
    return location.startswith(("http://", "https://"))


def kvstore(location: str) -> dict[str, object]:
    """What tensorstore calls a folder of files, on the disk or on a server."""
    if is_url(location):
        return {"driver": "http", "base_url": location.rstrip("/") + "/"}
    return {"driver": "file", "path": location.rstrip("/") + "/"}


def has_document(location: str, name: str) -> bool:
    """Whether a folder holds a file of this name; raises InputError where a server does not answer."""
    if not is_url(location):
        return (Path(location) / name).is_file()
    return _read(location, name) is not None


def document(location: str, name: str, model: type[T]) -> T:
    """A JSON file of a folder as `model`; raises InputError as `read_json`, or where a server does not answer."""
    if not is_url(location):
        return read_json(Path(location) / name, model)
    where, raw = f"{location}/{name}", _read(location, name)
    if raw is None:
        raise InputError(f"{where} must be a file, but the server has none; check the URL")
    try:
        return parse(json.loads(raw), model, where)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{where} must be JSON, but it is none ({error}); check the URL") from error


def open_array(location: str, driver: str, more: Mapping[str, object]) -> ts.TensorStore:
    """An array of a folder, opened for reading.

    Args:
        location: folder of the array.
        driver: tensorstore's name of the format.
        more: what else it is to know.

    Raises:
        InputError: there is none, it is damaged, or a server does not answer.
    """
    spec = {"driver": driver, "kvstore": kvstore(location), "context": _CONTEXT, "recheck_cached_data": False, **more}
    what = "a zarr array" if driver.startswith("zarr") else "a precomputed image"
    try:
        return ts.open(spec, open=True, read=True).result(timeout=TIMEOUT_S)
    except _FAILURES as error:  # tensorstore says it in several lines; the first names what is wrong
        raise InputError(
            f"{location} must be {what}, but it cannot be opened; write the section again, or check its address"
        ) from error


def chunk_shape(array: ts.TensorStore) -> tuple[int, ...]:
    """Shape of what is read at once; of the whole array where it is not chunked."""
    chunk = array.chunk_layout.read_chunk.shape or array.shape
    return tuple(size if part is None else part for part, size in zip(chunk, array.shape, strict=True))


def read_part(array: ts.TensorStore, location: str) -> np.ndarray:
    """The pixels of an (indexed) array; raises InputError where a chunk is damaged or a server does not answer."""
    try:
        return np.asarray(array.read().result(timeout=TIMEOUT_S))
    except _FAILURES as error:
        raise InputError(
            f"{location} must hold whole chunks, but one is damaged or does not come; write the section again, or try "
            "again later"
        ) from error


def _read(location: str, name: str) -> bytes | None:
    try:
        store = ts.KvStore.open({**kvstore(location), "context": _CONTEXT}).result(timeout=TIMEOUT_S)
        found = store.read(name).result(timeout=TIMEOUT_S)
    except _FAILURES as error:
        raise InputError(
            f"{location}/{name} must come from its server, but: {_first(error)}; check the URL and the connection"
        ) from error
    return bytes(found.value) if found.state == "value" else None


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
