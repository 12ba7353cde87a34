"""JSON and TOML files as frozen pydantic models; whatever is wrong in one becomes one sentence for its author."""

import difflib
import hashlib
import json
import re
import reprlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from gennari.errors import InputError

T = TypeVar("T")
MAX_BYTES = 128 * 2**20
"""Of a text file that is read whole: parsed it takes twenty times as much memory."""
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
"""What may be a place in mm or an entry of an affine; JSON as Python reads it knows NaN and 1e999 too."""
_Schema = Mapping[str, object]
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of half a character, which is text only beside its other half."""
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxtuple, _REPR.maxdict, _REPR.maxstring = 4, 12, 12, 12, 120


def file_digest(path: Path, name: str = "sha256") -> str:
    """Hex digest of a file, by the name of a hash."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, name).hexdigest()


def read_json(path: Path, model: type[T]) -> T:
    """Read a JSON file as `model` (a pydantic model or any type pydantic knows).

    Raises:
        InputError: the file is missing, too large, cut short, no JSON, or does not fit the model.
    """
    return parse(load_json(read_text(path), str(path)), model, str(path))


def load_json(text: str, where: str) -> object:
    """Plain values of a JSON text; raises InputError where it is none, nested without end, or holds half characters.

    Args:
        text: the document.
        where: what to call it in a message.
    """
    try:
        data = json.loads(text)
        if _HALF.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where} must be whole JSON, but it breaks off or is malformed at line {error.lineno}, "
            f"column {error.colno} ({error.msg}); restore it or write it anew"
        ) from error
    except UnicodeEncodeError as error:
        raise InputError(f"{where} must hold text, but one of its \\u escapes is half a character; mend it") from error
    except (ValueError, RecursionError) as error:  # integers of thousands of digits, lists in lists in lists
        raise InputError(
            f"{where} must be JSON of a sane depth and sane numbers, but it cannot be read ({error}); write it anew"
        ) from error
    return data


def read_toml(path: Path, model: type[T]) -> T:
    """Read a TOML file as `model`; raises InputError as `read_json` does."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} must be TOML, but: {error}; mend that line") from error
    return parse(data, model, str(path))


def parse(data: object, model: type[T], where: str) -> T:
    """Check plain values against `model`.

    Args:
        data: what a JSON or TOML parser gave.
        model: a pydantic model or any type pydantic knows.
        where: what to call the data in a message, usually the file's path.

    Raises:
        InputError: one sentence on the first misfit, with key, value, and for an unknown key the nearest valid one.
    """
    try:
        return TypeAdapter(model).validate_python(data)
    except ValidationError as error:
        raise InputError(f"{where}: {_sentence(error, model)}") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; raises InputError when it is missing, larger than MAX_BYTES or not text."""
    if not path.is_file():
        raise InputError(f"{path} must be a file, but there is none; was the step that writes it run?")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"a text file that is read whole may take {MAX_BYTES // 2**20} MB, but {path} takes "
            f"{path.stat().st_size // 2**20}; is it another kind of file?"
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} must be UTF-8 text, but byte {error.start} is not; is it another kind of file?"
        ) from error


def _sentence(error: ValidationError, model: type) -> str:
    problems = error.errors(include_url=False)
    # A misspelt key is unknown and leaves another one missing: the unknown one says more.
    problem = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    key = ".".join(str(part) for part in problem["loc"]) or "the document"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        known = _keys_at(TypeAdapter(model).json_schema(), problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        mend = f"did you mean '{near[0]}'?" if near else f"valid keys: {', '.join(known)}"
        return f"unknown key '{key}'; {mend}{more}"
    if problem["type"] == "missing":
        return f"the key '{key}' is required, but it is missing; add it{more}"
    return f"'{key}' does not fit: {_lower(problem['msg'])}, got {_short(problem['input'])}; mend the value{more}"


def _keys_at(root: _Schema, location: tuple[int | str, ...]) -> list[str]:
    """The valid keys of the object at `location`, by walking the JSON schema."""
    nodes = [root]
    for part in location:
        nodes = [child for node in nodes for choice in _choices(node, root) for child in _children(choice, part)]
    found: list[str] = []
    for node in nodes:
        for choice in _choices(node, root):
            found.extend(_mapping(choice.get("properties")))
    return sorted(set(found))


def _choices(node: _Schema, root: _Schema) -> list[_Schema]:
    """The node itself, with references followed and unions spread out."""
    reference = node.get("$ref")
    if isinstance(reference, str):
        return _choices(_mapping(_mapping(root.get("$defs"))[reference.rsplit("/", 1)[-1]]), root)
    branches = [branch for name in ("anyOf", "oneOf", "allOf") for branch in _sequence(node.get(name))]
    return [choice for branch in branches for choice in _choices(_mapping(branch), root)] or [node]


def _children(node: _Schema, part: int | str) -> list[_Schema]:
    if isinstance(part, int):
        prefix = _sequence(node.get("prefixItems"))
        child = prefix[part] if part < len(prefix) else node.get("items")
    else:
        child = _mapping(node.get("properties")).get(part, node.get("additionalProperties"))
    # A union puts the name of its branch into the location; such a part names no child and is passed over.
    return [_mapping(child)] if isinstance(child, Mapping) else [node] if isinstance(part, str) else []


def _mapping(value: object) -> _Schema:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _short(value: object) -> str:
    text = _REPR.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
