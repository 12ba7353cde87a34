"""JSON and TOML files as frozen pydantic models; whatever is wrong in one becomes one sentence for its author."""

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from gennari.errors import InputError

T = TypeVar("T")
_Schema = Mapping[str, object]


def read_json(path: Path, model: type[T]) -> T:
    """Read a JSON file as `model` (a pydantic model or any type pydantic knows).

    Raises:
        InputError: the file is missing, cut short, no JSON, or does not fit the model.
    """
    text = read_text(path)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} must be whole JSON, but it breaks off or is malformed at line {error.lineno}, "
            f"column {error.colno} ({error.msg}); restore it or write it anew"
        ) from error
    return parse(data, model, str(path))


def read_toml(path: Path, model: type[T]) -> T:
    """Read a TOML file as `model`; raises InputError as `read_json` does."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
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
    """The text of a UTF-8 file; raises InputError when it is missing or is not text."""
    if not path.is_file():
        raise InputError(f"{path} must be a file, but there is none; was the step that writes it run?")
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
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
