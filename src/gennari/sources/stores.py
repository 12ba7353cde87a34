"""Where chunked images stand: a folder or an http(s) address, read through tensorstore."""

import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
import tensorstore as ts

from gennari.errors import InputError
from gennari.sources.documents import load_json, parse, read_json
from gennari.sources.http_requests import NoSuchFile, ServerTrouble, UnknownHost, read_whole

T = TypeVar("T")
TIMEOUT_S = 120.0
"""What a server may take for one answer; then it is said to stall."""
MAX_DOCUMENT_BYTES = 2**24
"""Of a description (zarr.json, info) on a server."""
_CONTEXT: dict[str, dict[str, Any]] = {
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


def inside(part: str, where: str) -> str:
    """The name of a part of a folder, as its description gives it; raises InputError where it leads out of the folder.

    Args:
        part: such as "0" or "a/b".
        where: the folder, for a message.
    """
    steps = PurePosixPath(part).parts
    if not steps or ".." in steps or part[0] == "/" or set(part) & set("\\:?#") or not part.isprintable():
        raise InputError(f"what {where} speaks of must lie inside it, but it names {part!r}; make the image anew")
    return part


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
        return parse(load_json(raw.decode(), where), model, where)
    except UnicodeDecodeError as error:
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
    """A file from a server, None if it has none; its troubles are borne as often as tensorstore bears them."""
    where, ends = f"{location.rstrip('/')}/{name}", time.monotonic() + TIMEOUT_S
    trouble: Exception | None = None
    for tried in range(_CONTEXT["http_request_retries"]["max_retries"]):
        time.sleep(0.2 * (2**tried - 1))
        try:
            return read_whole(where, max(ends - time.monotonic(), 0.01), MAX_DOCUMENT_BYTES)
        except NoSuchFile:
            return None
        except ServerTrouble as error:
            trouble = error
            if isinstance(error, UnknownHost) or time.monotonic() > ends:
                break
    raise InputError(f"{where} must come from its server, but: {trouble}; check the URL and the connection")
