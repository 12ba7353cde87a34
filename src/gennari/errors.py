"""The one error a user meets: the law, what came, what to do, in one sentence."""


class InputError(ValueError):
    """Something a user gave cannot be used; the command line prints it and leaves with exit code 2."""


class Interrupted(RuntimeError):
    """The work stopped before it was finished and can be resumed; the command line leaves with exit code 75."""
