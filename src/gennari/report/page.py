"""The report: one HTML file that opens offline, years later, and says what it shows and where that came from."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from gennari.sources.atomic import write_text

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        unit: shown under the name; empty where there is none.
        definition: one sentence under the table, for whoever does not know the measure.
    """

    name: str
    unit: str = ""
    definition: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A table of formatted cells; the first column names the rows.

    Attributes:
        emphasis: index of the row to set in bold; None for none.
        note: a sentence above the rows, such as the ceiling they are to be read against.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    emphasis: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table '{self.title}' needs {len(self.columns)} cells a row, got {list(row)}")
        if self.emphasis is not None and not 0 <= self.emphasis < len(self.rows):
            raise ValueError(f"table '{self.title}' has no row {self.emphasis} to emphasise; it has {len(self.rows)}")


@dataclass(frozen=True, kw_only=True)
class ReportFigure:
    """A picture with what it shows; the caption is also what a screen reader says."""

    title: str
    caption: str
    png: bytes

    def __post_init__(self) -> None:
        if not self.png.startswith(_PNG):
            raise ValueError(f"figure '{self.title}' must be a PNG; it begins with {self.png[:8]!r}")

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Links:
    """Addresses relative to the page, with the words that lead to them.

    Attributes:
        note: a sentence before them.
    """

    note: str
    to: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """Tables, figures and links that belong together, in this order."""

    title: str
    text: str = ""
    tables: Sequence[ReportTable] = ()
    figures: Sequence[ReportFigure] = ()
    links: Links | None = None


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One number to be seen first, such as ('Dice, pre-trained', '0.84', 'baseline 0.71')."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """All that stands on the page, as plain text and pictures; nothing is computed here.

    Attributes:
        title: of the page.
        summary: what was done and found, in one or two sentences.
        headlines: three or four numbers.
        chapters: in reading order, the results first.
        provenance: (what, value) rows: versions, revision, seeds, data fingerprints, command.
        licence: of the data and what is derived from it.
        notes: what this is not: the limits a reader must know.
        citation: what to cite.
    """

    title: str
    summary: str
    headlines: Sequence[Headline]
    chapters: Sequence[Chapter]
    provenance: Sequence[tuple[str, str]]
    licence: str
    notes: Sequence[str]
    citation: str


def render_page(content: ReportContent) -> str:
    """The page as HTML; every text in it is escaped."""
    environment = Environment(
        loader=PackageLoader("gennari.report", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(content=content)


def viewer_page() -> str:
    """The page that a report's links to sections lead to: without a running viewer it says how to start it."""
    return files("gennari.report").joinpath("view.html").read_text(encoding="utf-8")


def write_report(path: Path, content: ReportContent) -> None:
    """Write the page, seen whole or not at all."""
    write_text(path, render_page(content))
