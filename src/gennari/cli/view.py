"""`gennari view`: look at sections, maps and borders of a run in a browser."""

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

from gennari.pipeline.stages import open_run
from gennari.pipeline.view_server import ViewServer, neuroglancer_client


def view(run: Path, *, port: int = 0, plain: bool = False, browser: bool = True) -> None:
    """Serve a local page on which a run's sections can be looked at, until Ctrl-C.

    The page shows the section with truth, maps, uncertainty (after `gennari segment --probabilities`) and borders as
    layers, in neuroglancer where it is installed (`pip install 'gennari[view]'`) and the browser has WebGL 2, else on a
    plain page. It is reached from this machine only, by the address printed; the run's report is served beside it.

    Args:
        run: folder of the run.
        port: to listen on; a free one if left out.
        plain: show the plain page even where neuroglancer could be used.
        browser: open the address in a browser.
    """
    with ViewServer(open_run(run), port, plain) as server:
        if not plain and neuroglancer_client() is None:
            sys.stderr.write(
                "gennari: neuroglancer is not installed, so the plain page is shown; for more: "
                "pip install 'gennari[view]'\n"
            )
        sys.stdout.write(f"{len(server.sections)} sections at {server.url} (Ctrl-C ends)\n")
        sys.stdout.flush()
        if browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):  # how a viewer is ended is no interrupted work
            server.closing.wait()
