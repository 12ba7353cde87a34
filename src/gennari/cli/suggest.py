"""`gennari suggest`: the next sections worth annotating."""

import json as documents
import sys
from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.stages import open_run
from gennari.pipeline.suggestions import suggestion_words, suggestions


def suggest(run: Path, *, count: int = 5, brain: str | None = None, json: bool = False) -> None:
    """Rank the sections that nobody annotated by what an annotation of each would give, with the reason.

    Three things count: how much nearer all sections come to an annotated one along the brain, by how much their maps
    are unsure (of a run that was segmented with --probabilities), and areas that the atlas has on a section and that
    no section of its brain has annotated. Each section is chosen as if those before it were annotated.

    Who can plan all sections at once should space them evenly: on the phantom that was as good or better.

    Args:
        run: folder of the run; one in which a finished model segmented the data set serves as well.
        count: at most so many of each brain.
        brain: only this one; all labelled ones by default.
        json: all of it as one line of JSON.
    """
    with progress() as tick:
        found = suggestions(open_run(run), count, tick, brain)
    told = documents.dumps([one.model_dump() for one in found]) if json else suggestion_words(found)
    sys.stdout.write(f"{told}\n")
