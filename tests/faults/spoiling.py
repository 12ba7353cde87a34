"""Files as they come out of broken tools and torn copies: strategies that spoil a good one."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gennari.errors import InputError

ODD: tuple[object, ...] = (
    None, True, 0, -1, 7, 10**400, -(2**63), 1e308, -1e-308, float("nan"), float("inf"), "", "x", "../../x", "\ud800",
    "1", "Infinity", [], {}, [[]], [None], [1, 2], {"x": 1}, [[0, 0], [1]], [[[0, 0], [1, 1], [2, 2]]],
)  # fmt: skip
"""What stands where something else is due."""
SENTENCE = 2000
"""More letters are no message."""


def bounded(examples: int = 60) -> settings:
    """The same examples each time; how long they take is the bench's affair."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def spoilt_json(draw: st.DrawFn, document: object) -> bytes:
    """The text of a JSON document of which up to three values were exchanged, doubled or lost, perhaps torn too."""
    value = deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        value = _spoilt(draw, value)
    text = json.dumps(value).encode()
    return draw(spoilt_bytes(text)) if draw(st.integers(0, 4)) == 0 else text


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes that were cut short, or of which a few were changed, lost or put in."""
    out = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not out:
            break
        kind = draw(st.sampled_from(["cut", "change", "change", "put in", "lose"]))
        place = draw(st.integers(0, len(out) - 1))
        if kind == "cut":
            del out[place:]
        elif kind == "change":
            out[place] = draw(st.integers(0, 255))
        elif kind == "put in":
            out[place:place] = draw(st.binary(min_size=1, max_size=8))
        else:
            del out[place : place + draw(st.integers(1, 8))]
    return bytes(out)


def read_or_refused(read: Callable[[Path], object], path: Path, content: bytes) -> bool:
    """Whether a reader takes a file of this content; if not, it says why in one sentence and in no other way.

    Warnings are errors in the tests; those of ours (UserWarning) are not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        read(path)
    except InputError as error:
        said = str(error)
        assert 20 < len(said) < SENTENCE, said[:500]
        said.encode()  # a lone half of a character could not be shown
        return False
    except UserWarning as warning:
        if type(warning) is not UserWarning:
            raise
    return True


def _spoilt(draw: st.DrawFn, root: Any) -> Any:
    places = list(_places(root))
    place = places[draw(st.integers(0, len(places) - 1))]
    odd = deepcopy(draw(st.sampled_from(ODD)))
    if not place:
        return odd
    parent = root
    for step in place[:-1]:
        parent = parent[step]
    kind = draw(st.sampled_from(["exchange", "exchange", "lose", "double", "add"]))
    if kind == "exchange":
        parent[place[-1]] = odd
    elif kind == "lose":
        del parent[place[-1]]
    elif isinstance(parent, list):
        parent.insert(place[-1], deepcopy(parent[place[-1]]) if kind == "double" else odd)
    else:
        parent[str(place[-1]) + "x"] = odd
    return root


def _places(value: Any, place: tuple[Any, ...] = ()) -> Any:
    yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield from _places(child, (*place, key))
