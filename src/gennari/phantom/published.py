"""Published numbers of cortical layers: von Economo & Koskinas (1925).

Thickness in mm (mean of dome and wall), cells per mm³, cell height x width in µm: the middle of the printed range; the
scattered giant cells that the atlas lists in rows of their own, without a density, are left out (Meynert cells of OC V,
border cells of OB IIIc). Sublayers whose thickness is not printed share their layer evenly; VIa and VIb as on dome and
wall. OA IV is printed as 15,000 cells per mm³, ten times below every neighbour; it is read as 150,000 here.

Sizes are taken as printed, as densities are: they were measured in embedded sections, and the densities printed with
them agree with cells counted in a section of BigBrain (docs/data.md), so tissue shrank alike in both.

OC is hOc1, OB hOc2, OA hOc3 and beyond; PH and TF lie ventrally, PE, PG, TE and LC2 around the thirteen areas.
FF, nearly without layer IV, is not drawn: of all his areas its counts are among the nearest to a real strip's, and it
was picked for that; so was LC2, the nearest posterior one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SMALLEST_UM = 8.0
"""No soma is smaller in height or width. The atlas prints granule cells of 5 to 8 µm, no larger than glia; cells of
layer IV counted in a real section of BigBrain, glia among them, have 49 µm² on average: 8 µm."""

NEUROPIL = ((0.68, 0.68), (0.705, 0.7), (0.71, 0.68), (0.65, 0.645), (0.645, 0.65), (0.67, 0.69))
"""Share of light that tissue between the cells lets through, at the top and the bottom of each layer; ours. I and II
hold thin tufts without Nissl substance; below, dendrites of pyramids stain; myelin makes VI pale towards the white
matter: that is the reading, the values are chosen so that the mean profile over areas resembles BigBrain's, darkest in
IV and V; without them III would be."""

GLIA_PER_MM3 = (12e3, 25e3, 25e3, 25e3, 30e3, 35e3)
"""Glia by layer. Published for the human grey matter as a whole: 30-60 thousand per mm³ (Haug 1987), 1.49 a neuron
(Pelvig et al. 2008: 37 thousand at 25 thousand neurons), of which automatic segmentation sees fewer. That they grow
denser towards the white matter, with the oligodendrocytes, and few in layer I is ours; layer I was set low after
cells counted in a real strip of BigBrain."""

PYRAMIDAL = (0.05, 0.6, 0.8, 0.3, 0.85, 0.7)
"""Share of pyramids among neurons, by layer. Together they are 70-85 % (DeFelipe & Fariñas 1992); layer I has hardly
any, IV is granular, VI holds modified pyramids and spindles. The shares of single layers are ours."""
PYRAMIDAL_STRIATE_IV = 0.1
"""Layer IV of hOc1: spiny stellate cells instead (Lund 1973)."""


@dataclass(frozen=True)
class Sublayer:
    """A stratum of a layer.

    Attributes:
        share: of the layer's thickness.
        cells_per_mm3: neurons.
        height_um: soma along the depth, as printed.
        width_um: soma across, as printed.
    """

    share: float
    cells_per_mm3: float
    height_um: float
    width_um: float


@dataclass(frozen=True)
class BaseType:
    """Six layers of one of von Economo's areas, I to VI."""

    thickness_mm: tuple[float, float, float, float, float, float]
    layers: tuple[tuple[Sublayer, ...], ...]
    pyramidal: tuple[float, ...] = PYRAMIDAL


def _one(cells: float, height: float, width: float) -> tuple[Sublayer, ...]:
    return (Sublayer(1.0, cells, height, width),)


def _even(*rows: tuple[float, float, float]) -> tuple[Sublayer, ...]:
    return tuple(Sublayer(1 / len(rows), *row) for row in rows)


_STRIATE = (*PYRAMIDAL[:3], PYRAMIDAL_STRIATE_IV, *PYRAMIDAL[4:])

BASE_TYPES: Mapping[str, BaseType] = MappingProxyType({
    # IVb is the cell-poor band that carries the stripe of Gennari, IVc the dense granular one
    "OC": BaseType((0.19, 0.12, 0.27, 0.80, 0.27, 0.45), (
        _one(9e3, 5.0, 6.0), _one(150e3, 6.0, 6.0), _one(100e3, 8.5, 6.0),
        (Sublayer(0.225, 150e3, 5.0, 5.0), Sublayer(0.35, 60e3, 5.0, 5.0), Sublayer(0.425, 220e3, 8.0, 8.0)),
        _one(45e3, 12.5, 11.0), (Sublayer(0.55, 140e3, 10.5, 10.0), Sublayer(0.45, 20e3, 20.0, 10.0))), _STRIATE),
    "OB": BaseType((0.15, 0.18, 0.45, 0.18, 0.22, 0.43), (
        _one(3.5e3, 9.5, 4.5), _one(150e3, 7.0, 7.0), _even((85e3, 9.0, 8.0), (70e3, 10.5, 9.0), (60e3, 20.0, 15.0)),
        _one(240e3, 8.0, 7.0), _one(70e3, 8.0, 8.0),
        (Sublayer(0.58, 85e3, 19.0, 11.0), Sublayer(0.42, 25e3, 15.0, 5.0)))),
    "OA": BaseType((0.18, 0.23, 0.60, 0.20, 0.35, 0.61), (
        _one(6e3, 7.0, 5.0), _one(80e3, 10.0, 6.0), _even((60e3, 10.0, 8.0), (45e3, 20.0, 12.0), (50e3, 18.5, 14.0)),
        _one(150e3, 7.0, 7.0), _one(40e3, 10.0, 9.0),
        (Sublayer(0.57, 55e3, 25.0, 9.0), Sublayer(0.43, 12e3, 17.5, 8.0)))),
    "PH": BaseType((0.20, 0.22, 0.90, 0.22, 0.65, 0.65), (
        _one(10e3, 7.0, 6.0), _one(110e3, 8.0, 7.0), _even((40e3, 18.0, 11.5), (40e3, 21.5, 14.0), (40e3, 34.0, 19.0)),
        _one(100e3, 7.0, 5.5), _one(40e3, 16.0, 15.0),
        (Sublayer(0.75, 40e3, 15.0, 12.0), Sublayer(0.25, 12e3, 15.0, 10.0)))),
    "TF": BaseType((0.25, 0.20, 1.00, 0.20, 0.50, 0.75), (
        _one(8e3, 9.0, 9.0), _one(100e3, 6.0, 6.0), _one(45e3, 15.0, 12.0), _one(100e3, 6.0, 6.0),
        _even((50e3, 11.0, 11.0), (35e3, 32.5, 19.0)),
        (Sublayer(0.64, 28e3, 25.0, 19.0), Sublayer(0.36, 15e3, 16.0, 11.0)))),
    "PE": BaseType((0.18, 0.20, 0.70, 0.40, 0.40, 0.90), (
        _even((9e3, 5.0, 8.0), (2.5e3, 5.0, 8.0)), _one(110e3, 7.5, 7.5),
        _even((50e3, 17.5, 12.5), (25e3, 25.0, 17.5), (20e3, 40.0, 22.5)), _even((65e3, 5.5, 5.5), (80e3, 9.0, 9.0)),
        _even((35e3, 30.0, 17.5), (17e3, 12.0, 12.0)),
        (Sublayer(0.305, 17e3, 25.0, 15.0), Sublayer(0.305, 25e3, 15.0, 12.0), Sublayer(0.39, 10e3, 13.5, 10.0)))),
    "PG": BaseType((0.22, 0.20, 0.80, 0.35, 0.55, 1.20), (
        _one(8e3, 5.5, 6.0), _one(95e3, 8.5, 7.5), _even((25e3, 13.5, 10.0), (25e3, 16.0, 12.5), (25e3, 23.5, 15.0)),
        _even((100e3, 6.5, 6.5), (140e3, 11.0, 11.0), (60e3, 17.5, 10.0)), _one(18e3, 20.0, 12.5),
        (Sublayer(0.52, 25e3, 20.0, 15.0), Sublayer(0.48, 18e3, 12.5, 8.5)))),
    "TE": BaseType((0.25, 0.15, 0.75, 0.24, 0.80, 1.40), (
        _one(10e3, 8.0, 7.0), _one(85e3, 8.0, 9.5), _even((35e3, 15.0, 12.0), (25e3, 18.0, 15.0), (30e3, 30.0, 18.0)),
        _one(90e3, 6.0, 6.0), _one(50e3, 15.0, 11.5),
        (Sublayer(0.56, 40e3, 35.0, 17.5), Sublayer(0.44, 20e3, 25.0, 9.0)))),
    "LC2": BaseType((0.25, 0.09, 0.76, 0.23, 0.52, 0.85), (
        _one(5e3, 3.0, 7.0), _one(70e3, 12.5, 7.5), _even((27e3, 18.0, 18.0), (25e3, 27.5, 22.0)),
        _one(120e3, 5.0, 5.0),
        _even((40e3, 25.0, 17.5), (30e3, 35.0, 17.5)),
        (Sublayer(0.62, 40e3, 25.0, 13.5), Sublayer(0.38, 18e3, 15.0, 7.0)))),
    "FF": BaseType((0.30, 0.10, 1.00, 0.05, 0.62, 0.87), (
        _one(12e3, 8.0, 3.5), _one(60e3, 11.0, 5.5), _even((30e3, 17.5, 8.5), (18e3, 22.5, 10.0), (24e3, 27.5, 12.5)),
        _one(12.5e3, 6.0, 5.5), _even((37.5e3, 25.0, 12.5), (30e3, 12.5, 8.5)),
        (Sublayer(0.55, 26e3, 17.5, 8.5), Sublayer(0.45, 12e3, 12.5, 6.0)))),
})  # fmt: skip
