"""The command line: every verb is registered by import path and imported when it is run."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from gennari import __version__
from gennari.cli.outcome import guarded
from gennari.errors import InputError

_SUMMARIES = {
    "demo": "The whole method on a synthetic brain, in minutes.",
    "phantom": "Write a synthetic data set with known truth.",
    "get": "Fetch files of BigBrain: list, sizes and licence first; goes on where it stopped.",
    "import": "Bring your own sections, surfaces, atlas and annotations into a data set.",
    "check": "Look a data set over before training, and say what to do.",
    "sample": "Begin a run: split, patches, pairs, distances.",
    "pack": "Write the sampled patches once, so that training reads them fast.",
    "pretrain": "Learn distances between patches; no annotation is needed.",
    "finetune": "Learn areas from partial annotations, with and without pre-training.",
    "segment": "Give an area to every pixel of the held-out sections, or of a data set with a finished model.",
    "status": "How far a run is: what is done, running, failed with reasons.",
    "evaluate": "Measure maps and distances against the truth.",
    "suggest": "The next sections worth annotating, with the reason of each.",
    "borders": "Find, join over sections and export borders along the cortical ribbon; measure them.",
    "reproduce": "The paper's table over seeds, with its controls.",
    "compare": "Ways to pre-train, told apart by what they give with few labels.",
    "export": "Maps, surfaces and models for QuPath, napari, neuroglancer, siibra, Workbench, torch.",
    "report": "One page that tells the run.",
    "view": "Look at sections, maps and borders of a run in a browser.",
}
VERBS = tuple(_SUMMARIES)
_MODULES = {"import": "gennari.cli.importing:app"}
"""Verbs that are words of Python have a module of another name."""

app = App(
    name="gennari",
    help="Map cytoarchitectonic areas of the human brain: sections and surfaces in, area maps out.",
    version=__version__,
    help_on_error=False,
    suppress_keyboard_interrupt=False,  # `guarded` answers it, with the exit code of work that can be resumed
)
# summaries stand here: a verb's own docstring is read only when it is imported, and that takes seconds
for _verb, _summary in _SUMMARIES.items():
    app.command(_MODULES.get(_verb, f"gennari.cli.{_verb}:{_verb}"), name=_verb, help=_summary)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with 0 (done), 1 (tasks failed), 2 (bad usage or input) or 75 (resumable)."""
    # Read by torch when it is loaded: large blocks come in pages of 2 MB. On the CPU a quarter of a training step at
    # 1019 px went into zeroing small pages, since such blocks are handed back to the system as soon as they are freed.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    sys.exit(guarded(lambda: _run(arguments)))


def _run(arguments: Sequence[str] | None) -> None:
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise InputError(f"{' '.join(str(error).split())} See `gennari --help`.") from error


if __name__ == "__main__":
    main()
