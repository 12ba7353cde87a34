"""Many independent tasks on local processes: callables in, results out; knows nothing of brains."""

from collections.abc import Callable
from typing import NamedTuple


class Tick(NamedTuple):
    """How far a stage has come; `note` is a short remark for a person."""

    stage: str
    done: int
    total: int
    note: str = ""


Report = Callable[[Tick], None]
"""What long work calls to say how far it is; the command line turns it into bars or lines."""
