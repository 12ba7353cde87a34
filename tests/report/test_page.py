import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from gennari.report.page import (
    Chapter,
    Column,
    Headline,
    Links,
    ReportContent,
    ReportFigure,
    ReportTable,
    render_page,
    viewer_page,
    write_report,
)
from gennari.report.style import to_png


def table(emphasis: int | None = 1) -> ReportTable:
    columns = [Column(name="method"), Column(name="Dice", unit="0 to 1", definition="Overlap of two areas.")]
    return ReportTable(
        title="Scores", columns=columns, rows=[["baseline", "0.71"], ["ours", "0.84"]], emphasis=emphasis
    )


def content(**changes) -> ReportContent:
    figure = ReportFigure(title="Maps", caption="Held-out sections.", png=to_png(Figure(figsize=(1, 1)), dpi=20))
    given = {
        "title": "Thirteen areas",
        "summary": "Pre-training helps.",
        "headlines": [Headline(label="Dice", value="0.84", note="baseline 0.71")],
        "chapters": [Chapter(title="Results", text="Means.", tables=[table()], figures=[figure])],
        "provenance": [("seed", "17")],
        "licence": "CC BY-NC-SA 4.0",
        "notes": ["The phantom is not a brain."],
        "citation": "Spitzer et al. 2018",
    }
    return ReportContent(**(given | changes))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_everything_given_stands_on_the_page():
    text = render_page(content())
    for expected in (
        "Thirteen areas", "Pre-training helps.", "0.84", "baseline 0.71", "Results", "Means.", "Scores", "0 to 1",
        "Overlap of two areas.", "Held-out sections.", "17", "CC BY-NC-SA 4.0", "The phantom is not a brain.",
        "Spitzer et al. 2018", "What this is not",
    ):  # fmt: skip
        assert expected in text


def test_every_tag_is_closed_and_every_link_has_its_place():
    page = Page(render_page(content()))
    assert page.open == []
    places = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert links == {f"#{place}" for place in places}


def test_the_page_opens_offline_it_asks_for_nothing_outside_itself():
    text = render_page(content())
    page = Page(text)
    assert [tag for tag, _ in page.tags if tag in ("link", "script", "iframe", "object")] == []
    sources = [attributes["src"] or "" for _, attributes in page.tags if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"url\(|@import|https?://", text)


def test_texts_are_escaped_wherever_they_stand():
    evil = "<script>alert(1)</script>\"'"
    figure = ReportFigure(title=evil, caption=evil, png=to_png(Figure(figsize=(1, 1)), dpi=20))
    wicked = content(
        title=evil, summary=evil, licence=evil, notes=[evil], provenance=[(evil, evil)], citation=evil,
        headlines=[Headline(label=evil, value=evil, note=evil)],
        chapters=[Chapter(title=evil, text=evil, figures=[figure])],
    )  # fmt: skip
    page = Page(render_page(wicked))
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.open == []


@pytest.mark.parametrize(("emphasis", "count"), [(None, 0), (0, 1), (1, 1)])
def test_the_emphasised_row_is_marked(emphasis: int | None, count: int):
    text = render_page(content(chapters=[Chapter(title="Results", tables=[table(emphasis)])]))
    assert text.count('<tr class="emphasis">') == count
    if emphasis is not None:
        row = text.split('<tr class="emphasis">')[1].split("</tr>")[0]
        assert ("baseline", "ours")[emphasis] in row


def test_a_tables_note_stands_above_its_rows():
    columns = [Column(name="method")]
    noted = ReportTable(title="Scores", columns=columns, rows=[["ours"]], note="Ceiling: 0.9.")
    text = render_page(content(chapters=[Chapter(title="Results", tables=[noted])]))
    assert text.index("<h3>Scores</h3>") < text.index("<p>Ceiling: 0.9.</p>") < text.index("<table>")
    assert "<p></p>" not in render_page(content())


def test_links_to_sections_stand_under_the_figures_with_their_note():
    links = Links(note="In the viewer:", to=[("A 12", "view.html#A/12"), ("B <3", "view.html#B%20/3")])
    page = Page(text := render_page(content(chapters=[Chapter(title="Results", links=links)])))
    assert page.open == []
    assert text.index("In the viewer:") < text.index('<a href="view.html#A/12">A 12</a>')
    assert '<a href="view.html#B%20/3">B &lt;3</a>' in text


def test_the_viewers_page_asks_for_nothing_outside_its_folder():
    assert not re.search(r"https?://|//[a-z]+\.", viewer_page())
    assert "sections.json" in viewer_page()


def test_a_page_without_headlines_and_chapters_is_still_a_page():
    assert Page(render_page(content(headlines=[], chapters=[]))).open == []


def test_a_figure_that_is_no_png_is_refused():
    with pytest.raises(ValueError, match="figure 'Maps' must be a PNG; it begins with b'GIF"):
        ReportFigure(title="Maps", caption="", png=b"GIF89a")


def test_a_row_of_another_length_and_an_emphasis_without_row_are_refused():
    with pytest.raises(ValueError, match="table 'T' needs 1 cells a row, got"):
        ReportTable(title="T", columns=[Column(name="a")], rows=[["1", "2"]])
    with pytest.raises(ValueError, match="table 'T' has no row 3 to emphasise; it has 1"):
        ReportTable(title="T", columns=[Column(name="a")], rows=[["1"]], emphasis=3)


def test_a_report_is_written_as_one_file(tmp_path: Path):
    path = tmp_path / "run" / "report.html"
    write_report(path, content())
    assert path.read_text(encoding="utf-8") == render_page(content())
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
