"""Small tables that people write: CSV, whole, as text."""

import csv
from pathlib import Path

from gennari.errors import InputError

MAX_BYTES = 2**20


def read_cells(path: Path, what: str) -> list[list[str]]:
    """The cells of a CSV file, line by line, without blanks around them.

    Args:
        path: of the file, UTF-8.
        what: it is, for a message, such as "a table of areas (name,colour)".

    Raises:
        InputError: it is missing, larger than MAX_BYTES, not UTF-8, or no CSV.
    """
    if not path.is_file():
        raise InputError(f"{path} must be {what}, but there is none; check the path")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{what} may take {MAX_BYTES // 2**20} MB, but {path} takes {path.stat().st_size / 2**20:.1f}; is it "
            "another kind of file?"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [[cell.strip() for cell in row] for row in csv.reader(file)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} must be {what} in UTF-8, but it is none ({error}); save it anew") from error
