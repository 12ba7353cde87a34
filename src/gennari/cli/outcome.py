"""How a command ends: exit codes and the one sentence that goes with them."""

import sys
from collections.abc import Callable

from gennari.errors import InputError, Interrupted

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 75


def guarded(command: Callable[[], object]) -> int:
    """Run a command; what a user can mend becomes one sentence on stderr and an exit code."""
    try:
        command()
    except InputError as error:
        sys.stderr.write(f"gennari: {error}\n")
        return BAD_INPUT
    except SystemExit as leaving:  # cyclopts leaves by itself after wrong usage
        return BAD_INPUT if leaving.code not in (None, 0) else DONE
    except (KeyboardInterrupt, Interrupted) as stopped:
        reason = str(stopped) or "interrupted"
        sys.stderr.write(f"gennari: {reason}; what is finished is kept: run the same command again to go on\n")
        return INTERRUPTED
    return DONE
