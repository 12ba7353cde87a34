"""Triangle meshes to pictures: an orthographic z-buffer, so that a point can be asked whether it is seen."""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int32
from numba import njit

from gennari.records import TriangleMesh
from gennari.surface.mesh import vertex_normals

_FINER = 2  # pixels are averaged from 2 x 2 finer ones, so that edges are smooth
_Direction = tuple[float | int, float | int, float | int]


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera at infinity.

    Attributes:
        towards: from the object to the camera; need not be of unit length.
        up: what is up in the picture, as far as the direction allows.
    """

    towards: _Direction
    up: _Direction = (0, 0, 1)

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Rows are the picture's right, its up, and the direction to the camera, as unit vectors."""
        back = np.array(self.towards) / np.linalg.norm(self.towards)
        right = np.cross(self.up, back)
        length = np.linalg.norm(right)
        if length < 1e-6:
            raise ValueError(f"a view's up must not point to the camera, got towards {self.towards}, up {self.up}")
        right /= length
        return np.stack([right, np.cross(back, right), back])


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A rendered mesh.

    Attributes:
        rgba: (h, w, 4), 0..1; transparent where there is no surface.
        height_mm: distance of the surface along the view's direction to the camera; -inf where there is none.
        origin_mm: (right, up) of the picture's upper left corner.
        spacing_mm: of one pixel.
        view: where it was seen from.
    """

    rgba: Float[np.ndarray, "h w 4"]
    height_mm: Float[np.ndarray, "h w"]
    origin_mm: Float[np.ndarray, "2"]
    spacing_mm: float
    view: View

    @property
    def width_mm(self) -> float:
        """What the picture's width stands for."""
        return self.rgba.shape[1] * self.spacing_mm

    def place_px(self, points_mm: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """(row, col) of points, from the picture's outer corner."""
        return self.seen_px(points_mm @ self.view.axes[:2].T)

    def seen_px(self, right_up_mm: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """(row, col) of points given by (right, up) along the view's axes."""
        right, up = right_up_mm.T
        return np.column_stack([self.origin_mm[1] - up, right - self.origin_mm[0]]) / self.spacing_mm

    def is_seen(self, points_mm: Float[np.ndarray, "n 3"], slack_mm: float = 1.0) -> Bool[np.ndarray, "n"]:
        """True for points that lie in the picture and are no deeper than `slack_mm` below the surface shown there."""
        height, width = self.height_mm.shape
        cell = np.floor(self.place_px(points_mm)).astype(int)
        inside = ((cell >= 0) & (cell < (height, width))).all(axis=1)
        cell = np.clip(cell, 0, (height - 1, width - 1))
        depth = points_mm @ self.view.axes[2]
        return inside & (depth >= self.height_mm[cell[:, 0], cell[:, 1]] - slack_mm)


def render(
    mesh: TriangleMesh, colours: Float[np.ndarray, "v 3"], view: View, spacing_mm: float = 0.4, margin_mm: float = 2.0
) -> Picture:
    """Draw a mesh with a colour for each vertex, lit softly from above the viewer's left shoulder.

    Args:
        mesh: outward-facing triangles.
        colours: 0..1, interpolated in the faces.
        view: the camera.
        spacing_mm: of one pixel.
        margin_mm: left free on all sides.
    """
    fine_mm = spacing_mm / _FINER
    seen = mesh.vertices_mm @ view.axes.T
    low, high = seen[:, :2].min(axis=0) - margin_mm, seen[:, :2].max(axis=0) + margin_mm
    width, height = (_FINER * int(np.ceil(extent / spacing_mm)) for extent in high - low)
    points = np.column_stack([(high[1] - seen[:, 1]) / fine_mm, (seen[:, 0] - low[0]) / fine_mm, seen[:, 2]])
    depth, face, weights = _rasterise(points, mesh.faces, height, width)

    light = np.array([-0.35, 0.45, 1.0]) @ view.axes
    lit = 0.5 + 0.5 * np.clip(vertex_normals(mesh) @ (light / np.linalg.norm(light)), -1, 1)
    shade = 0.30 + 0.75 * lit**1.3
    shaded = np.clip(colours * shade[:, None], 0, 1)
    corners = mesh.faces[face]
    rgba = np.zeros((height, width, 4))
    rgba[..., :3] = np.einsum("hwk,hwkc->hwc", weights, shaded[corners])
    rgba[..., 3] = face >= 0
    return Picture(
        rgba=_coarser(rgba),
        height_mm=depth.reshape(height // _FINER, _FINER, width // _FINER, _FINER).max(axis=(1, 3)),
        origin_mm=np.array([low[0], high[1]]),
        spacing_mm=spacing_mm,
        view=view,
    )


def _coarser(rgba: Float[np.ndarray, "H W 4"]) -> Float[np.ndarray, "h w 4"]:
    """2 x 2 means; colours are weighted by their opacity, so that edges do not darken."""
    height, width = rgba.shape[0] // _FINER, rgba.shape[1] // _FINER
    blocks = rgba.reshape(height, _FINER, width, _FINER, 4)
    opacity = blocks[..., 3:].mean(axis=(1, 3))
    colour = (blocks[..., :3] * blocks[..., 3:]).mean(axis=(1, 3)) / np.maximum(opacity, 1e-9)
    return np.concatenate([colour, opacity], axis=-1)


def _rasterise(
    points: Float[np.ndarray, "v 3"], faces: Int32[np.ndarray, "f 3"], height: int, width: int
) -> tuple[Float[np.ndarray, "h w"], Int32[np.ndarray, "h w"], Float[np.ndarray, "h w 3"]]:
    """Nearest face and weights at each pixel centre; points are (row, col, height); -1 where there is no face."""
    depth = np.full((height, width), -np.inf)
    face = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3))
    _fill(np.ascontiguousarray(points), faces, depth, face, weights)
    return depth, face, weights


@no_type_check
@njit(cache=True)
def _fill(points, faces, depth, face, weights):
    height, width = depth.shape
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        double_area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if double_area == 0:
            continue
        top = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(a[0], b[0], c[0]) - 0.5)))
        left = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
        right = min(width - 1, int(np.floor(max(a[1], b[1], c[1]) - 0.5)))
        for row in range(top, bottom + 1):
            for col in range(left, right + 1):
                y, x = row + 0.5, col + 0.5
                u = ((b[0] - y) * (c[1] - x) - (b[1] - x) * (c[0] - y)) / double_area
                v = ((c[0] - y) * (a[1] - x) - (c[1] - x) * (a[0] - y)) / double_area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = u * a[2] + v * b[2] + w * c[2]
                if z > depth[row, col]:
                    depth[row, col] = z
                    face[row, col] = f
                    weights[row, col, 0] = u
                    weights[row, col, 1] = v
                    weights[row, col, 2] = w
