"""What the two viewers are told of a section: a state of neuroglancer, and a scene of the plain page."""

from collections.abc import Sequence
from dataclasses import dataclass

from gennari.records import LabelSet, Section
from gennari.report.planes import Kind, Lines, Plane, lines_plane, rgb_of
from gennari.sources.precomputed_files import SLAB_UM, segment_id

_UM = (1e-6, "m")
"""Both viewers count in µm from the outer corner of pixel (0, 0)."""
SCREEN_PX = (1000, 780)
"""(width, height) that the viewers have together, about: a section is first seen whole."""
_SHADER = """#uicontrol float strength slider(min=0, max=4, default=2)
void main() {
  float u = toNormalized(getDataValue());
  emitRGBA(vec4(0.84, 0.37, 0.0, clamp(strength * u, 0.0, 1.0)));
}
"""


_LINES = "void main() {{ emitRGBA(vec4({:.3f}, {:.3f}, {:.3f}, toNormalized(getDataValue()))); }}"


@dataclass(frozen=True, kw_only=True)
class BorderLayer:
    """Borders of one method on a section.

    Attributes:
        title: as people read it.
        colour: '#rrggbb'.
        lines_um: each a chain of (x = col, y = row) in µm.
    """

    title: str
    colour: str
    lines_um: Lines


@dataclass(frozen=True, kw_only=True)
class View:
    """All that is to be seen of one section: the image first, then what lies over it."""

    section: Section
    label_set: LabelSet
    planes: Sequence[Plane]
    borders: Sequence[BorderLayer]


def neuroglancer_state(view: View, data_url: str) -> dict[str, object]:
    """A state that opens the section in its own plane; truth and prediction side by side where both are there.

    Borders are images of their lines and not annotations: with a layer of these beside several segmentations the client
    (2.41) loses layers at random while it restores a state. Of several methods the first is shown.

    Args:
        view: of a section.
        data_url: below which each plane is a precomputed volume, under its name; `border_planes` are among them.
    """
    rows_um, cols_um = view.section.size_um
    labels = [plane.title for plane in view.planes if plane.kind == "labels"]
    shared = [plane.title for plane in view.planes if plane.kind == "image"] + [one.title for one in view.borders]
    uncertain = [plane.title for plane in view.planes if plane.kind == "uncertainty"]
    panels = _panels(labels, shared, uncertain)
    scale, grid = _arranged(panels, view.section)
    return {
        "dimensions": dict.fromkeys("xyz", _UM),
        "position": [cols_um / 2, rows_um / 2, SLAB_UM / 2],
        "crossSectionScale": scale,
        "showAxisLines": False,
        "layout": grid,
        "layers": [_plane_layer(view, plane, data_url) for plane in view.planes] + _border_layers(view, data_url),
        "selectedLayer": {"visible": True, "layer": labels[-1] if labels else view.planes[0].title, "size": 320},
        "title": f"{view.section.brain} {view.section.id}",
    }


def border_planes(view: View) -> list[Plane]:
    """The borders of each method as a plane of lines."""
    return [
        lines_plane(f"borders-{number}", layer.title, layer.lines_um, view.section)
        for number, layer in enumerate(view.borders)
    ]


def scene(view: View) -> dict[str, object]:
    """The same for the plain page: levels of each plane, names, colours, lines."""
    return {
        "title": f"brain {view.section.brain}, section {view.section.id}",
        "size_um": list(view.section.size_um),
        "classes": [
            {"name": name, "colour": colour, "area": index >= view.label_set.first_area}
            for index, (name, colour) in enumerate(zip(view.label_set.names, view.label_set.colours, strict=True))
        ],
        "planes": [
            {
                "name": plane.name,
                "title": plane.title,
                "kind": plane.kind,
                "levels": [{"spacing_um": level.spacing_um, "shape_px": level.shape_px} for level in plane.levels],
                "opacity": _OPACITY[plane.kind],
                "shown": _shown_first(view, plane),
            }
            for plane in view.planes
        ],
        "borders": [
            {"title": layer.title, "colour": layer.colour, "lines_um": layer.lines_um} for layer in view.borders
        ],
    }


_OPACITY: dict[Kind, float] = {"image": 1.0, "labels": 0.45, "uncertainty": 0.8, "lines": 1.0}


def _shown_first(view: View, plane: Plane) -> bool:
    """One map at a time: the last one, which is the best."""
    labels = [other.name for other in view.planes if other.kind == "labels"]
    return plane.kind == "image" or (plane.kind == "labels" and plane.name == labels[-1])


def _panels(labels: Sequence[str], shared: Sequence[str], uncertain: Sequence[str]) -> list[list[str]]:
    """Layers of viewers side by side, moved together: the first map (the truth, where it is known), then the others."""
    image, borders = shared[0], shared[1:]
    maps = [labels[:1], labels[1:]] if len(labels) > 1 else [labels]
    return [[image, *chosen, *borders] for chosen in (*maps, *([uncertain] if uncertain else []))]


def _arranged(panels: list[list[str]], section: Section) -> tuple[float, dict[str, object]]:
    """Viewers in one row or two, however the section is seen larger: µm a screen pixel, and the layout.

    A place that stays free shows the section alone.
    """
    rows_um, cols_um = section.size_um

    def scale(rows: int) -> float:
        return max(cols_um * -(-len(panels) // rows) / SCREEN_PX[0], rows_um * rows / SCREEN_PX[1])

    rows = min((1, 2) if len(panels) > 1 else (1,), key=scale)
    across = -(-len(panels) // rows)
    filled = panels + [panels[0][:1]] * (rows * across - len(panels))
    viewers = [{"type": "viewer", "layers": panel, "layout": "xy"} for panel in filled]
    lines = [{"type": "row", "children": viewers[k : k + across]} for k in range(0, len(viewers), across)]
    return scale(rows), lines[0] if rows == 1 else {"type": "column", "children": lines}


def _border_layers(view: View, data_url: str) -> list[dict[str, object]]:
    shaders = [_LINES.format(*(value / 255 for value in rgb)) for rgb in rgb_of([one.colour for one in view.borders])]
    return [
        {
            "name": plane.title,
            "source": f"precomputed://{data_url}/{plane.name}",
            "type": "image",
            "shader": shader,
            "blend": "default",
            "opacity": 1.0,
            "visible": number == 0,
        }
        for number, (plane, shader) in enumerate(zip(border_planes(view), shaders, strict=True))
    ]


def _plane_layer(view: View, plane: Plane, data_url: str) -> dict[str, object]:
    layer: dict[str, object] = {
        "name": plane.title,
        "source": f"precomputed://{data_url}/{plane.name}",
    }
    if plane.kind == "image":
        return {**layer, "type": "image", "shader": "void main() { emitGrayscale(toNormalized(getDataValue())); }"}
    if plane.kind == "uncertainty":
        return {**layer, "type": "image", "shader": _SHADER, "blend": "default", "opacity": 1.0}
    names, first = view.label_set.names, view.label_set.first_area
    labels = [other.title for other in view.planes if other.kind == "labels"]
    shown = (labels[0], labels[-1])  # of several networks the last; the others are a click away
    return {
        **layer,
        "type": "segmentation",
        "visible": plane.title in shown,
        "tab": "segments",
        "segments": [str(segment_id(index)) for index in range(first, len(names))],
        "segmentColors": {str(segment_id(index)): colour for index, colour in enumerate(view.label_set.colours)},
        "selectedAlpha": 0.45,
        "notSelectedAlpha": 0,
    }
