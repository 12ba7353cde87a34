"""What the encoder slot may be filled with, as it stands in a config. No torch here."""

import re
from typing import Annotated

from pydantic import AfterValidator

OURS = ("paper", "residual")
"""Built by this package; any other encoder is a class of the user's own, by import path."""
_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _known(name: str) -> str:
    if name not in OURS and not _IMPORT_PATH.fullmatch(name):
        raise ValueError(f"an encoder is {', '.join(OURS)} or an import path 'package.module:Class'")
    return name


EncoderName = Annotated[str, AfterValidator(_known)]
