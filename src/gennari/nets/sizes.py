"""The sizes of the networks, computed and never typed: what fits and what comes out. No torch here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_serializer, model_validator

from gennari.errors import InputError
from gennari.nets.encoder_names import OURS, EncoderName

Padding = Literal["valid", "same"]
Pooling = Literal["flatten", "global"]
Decoder = Literal["unet", "light"]
_Many = Annotated[int, Field(gt=0, le=2**20)]
_Few = Annotated[int, Field(gt=0, le=64)]
"""Bounds for what comes with somebody's weights: sizes are walked through layer by layer."""
KERNEL = 3
"""Side of every convolution after the stem."""


class TextureConfig(BaseModel):
    """The texture branch that the Siamese network and the U-Net's image branch share (Spitzer et al. 2018, section 2).

    A stem, then blocks of 3x3 convolutions (batch norm, ReLU), each but the U-Net's bottom followed by 2x2 max pooling.

    Attributes:
        spacing_um: of the input's pixels; a network knows one spacing.
        patch_px: side of the Siamese network's patches; it sets the size of the dense layer.
        stem_relu: whether a ReLU follows the stem (the authors' scripts had none; we have one).
        channels: width of each block.
        convs: number of 3x3 convolutions in each block.
        padding: "valid" loses a rim at every convolution; "same" pads with zeros, so sizes divide exactly.
        features: length of the feature vector f(x).
        output_level: levels of the U-Net's up path, by default all, which ends on the stem's grid; each level less
            makes the output grid twice as coarse.
        encoder: "paper"; "residual", the same convolutions with shortcuts around them (`nets/residual.py`); or the
            import path "package.module:Class" of a module of the user's own (`nets/encoders.py`), for which stride,
            channels, convs and padding declare what it gives and how far it sees.
        pooling: what the dense layer reads: "flatten", all cells of the pooled bottom, each with its place; or
            "global", the mean over the bottom, which forgets where in the patch something stood.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spacing_um: PositiveFloat
    patch_px: _Many
    stem_channels: _Many = 16
    stem_kernel: _Many = 5
    stem_stride: _Many = 2
    stem_relu: bool = True
    channels: tuple[_Many, ...] = Field(min_length=2, max_length=32)
    convs: tuple[_Few, ...]
    padding: Padding = "valid"
    features: _Many = 32
    output_level: PositiveInt | None = None
    encoder: EncoderName = "paper"
    pooling: Pooling = "flatten"

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, plain: Callable[["TextureConfig"], dict[str, object]]) -> dict[str, object]:
        # runs, cells and weights are known by what their config is written as: what came later is written where it is
        # not as it always was
        values = plain(self)
        return {key: value for key, value in values.items() if _LATER.get(key, ()) != value}

    @model_validator(mode="after")
    def _fits(self) -> "TextureConfig":
        if len(self.convs) != len(self.channels):
            raise ValueError(f"convs must say one number a block ({len(self.channels)}), got {len(self.convs)}")
        if self.stem_kernel < self.stem_stride:
            raise ValueError(
                f"stem_kernel must be at least stem_stride, or pixels are skipped; "
                f"got {self.stem_kernel} and {self.stem_stride}"
            )
        if self.output_level is not None and self.output_level >= len(self.channels):
            raise ValueError(
                f"output_level must be at most the number of blocks less one ({len(self.channels) - 1}), "
                f"got {self.output_level}"
            )
        siamese_sizes(self, self.patch_px)
        return self

    @property
    def foreign(self) -> bool:
        """Whether the encoder is none of ours: building it imports and runs somebody's code."""
        return self.encoder not in OURS

    @property
    def up_levels(self) -> int:
        """Levels of the up path."""
        return len(self.channels) - 1 if self.output_level is None else self.output_level

    @property
    def output_block(self) -> int:
        """The block on whose grid the U-Net's output lies; 0 is the stem's grid."""
        return len(self.channels) - 1 - self.up_levels

    @property
    def output_stride_px(self) -> int:
        """Input pixels along the side of one output pixel."""
        return self.stem_stride * 2**self.output_block

    @property
    def period_px(self) -> int:
        """Input pixels along the side of one bottom pixel: windows moved by it see the same pooling grid."""
        return self.stem_stride * 2 ** (len(self.channels) - 1)

    @property
    def stem_before_px(self) -> int:
        """Input pixels that the first stem pixel reaches before its own square.

        Kernel less stride is odd for 5 and 2: the output then stands half an input pixel off centre. Rounded down.
        """
        return (self.stem_kernel - self.stem_stride) // 2


_LATER = {"encoder": "paper", "pooling": "flatten"}


class SiameseSizes(NamedTuple):
    """Sides in px along the Siamese network; `blocks` after every convolution, `pooled` after every block."""

    stem_px: int
    blocks: tuple[tuple[int, ...], ...]
    pooled: tuple[int, ...]

    @property
    def cells_px(self) -> int:
        """Side of what is flattened for the dense layer."""
        return self.pooled[-1]


class UNetSizes(NamedTuple):
    """Sides in px along the U-Net.

    Attributes:
        blocks: before pooling; the last is the bottom.
        ups: after every up level.
        before_px: input pixels of the window before the first output pixel's square; `after_px` behind the last.
        atlas_px: side of the atlas input, which lies on the stem's grid.
        atlas_before_px: stem pixels before the first output pixel's square.
    """

    input_px: int
    stem_px: int
    blocks: tuple[int, ...]
    ups: tuple[int, ...]
    output_px: int
    before_px: int
    after_px: int
    atlas_px: int
    atlas_before_px: int


def siamese_sizes(config: TextureConfig, patch_px: int) -> SiameseSizes:
    """Sizes of the Siamese network for square patches.

    Raises:
        InputError: the patch does not fit; the message says why and in what steps sizes come.
    """
    stem, blocks = _down(config, patch_px, pooled=len(config.channels))
    return SiameseSizes(stem_px=stem, blocks=blocks, pooled=tuple(block[-1] // 2 for block in blocks))


def dense_inputs(config: TextureConfig) -> int:
    """Numbers that the Siamese network's dense layer reads."""
    cells = 1 if config.pooling == "global" else siamese_sizes(config, config.patch_px).cells_px ** 2
    return cells * config.channels[-1]


def unet_sizes(config: TextureConfig, input_px: int) -> UNetSizes:
    """Sizes of the U-Net for square windows: the last block is the bottom and is not pooled.

    Raises:
        InputError: the window does not fit; the message says why and in what steps sizes come.
    """
    stem, downs = _down(config, input_px, pooled=len(config.channels) - 1)
    lost = 0 if config.padding == "same" else 2 * (KERNEL - 1)
    blocks, ups = tuple(block[-1] for block in downs), []
    side = blocks[-1]
    for _ in range(config.up_levels):
        side = 2 * side - lost
        ups.append(side)
    if side <= 0:
        raise _misfit(config, input_px, "nothing is left after the up path", len(config.channels) - 1)
    rim = 0 if config.padding == "same" else rim_px(config)
    before = 0 if config.padding == "same" else rim * config.stem_stride + config.stem_before_px
    return UNetSizes(
        input_px=input_px,
        stem_px=stem,
        blocks=blocks,
        ups=tuple(ups),
        output_px=side,
        before_px=before,
        after_px=input_px - before - side * config.output_stride_px,
        atlas_px=stem,
        atlas_before_px=rim,
    )


def valid_inputs(config: TextureConfig, lo: int, hi: int, net: Literal["siamese", "unet"] = "unet") -> tuple[int, ...]:
    """All sides lo <= px <= hi that fit the network."""
    return tuple(px for px in range(lo, hi + 1) if _fits(config, px, net))


def output_spacing_um(config: TextureConfig) -> float:
    """Spacing of the U-Net's output."""
    return config.spacing_um * config.output_stride_px


def atlas_spacing_um(config: TextureConfig) -> float:
    """Spacing of the atlas input: the stem's grid."""
    return config.spacing_um * config.stem_stride


def rim_px(config: TextureConfig) -> int:
    """Stem pixels that a "valid" U-Net loses on each side."""
    down = sum(convs * 2**level for level, convs in enumerate(config.convs))
    up = sum(2 * 2**level for level in range(config.output_block, len(config.channels) - 1))
    return (down + up) * (KERNEL - 1) // 2


def _down(config: TextureConfig, side: int, pooled: int) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """The stem's side and the sides after every convolution of every block; the first `pooled` blocks are pooled."""
    same = config.padding == "same"
    beyond = side if same else side - config.stem_kernel
    if beyond % config.stem_stride or beyond < 0:
        raise _misfit(config, side, "the stem's steps do not fill it", pooled)
    stem = side // config.stem_stride if same else beyond // config.stem_stride + 1
    blocks, px = [], stem
    for level, convs in enumerate(config.convs):
        sides = tuple(px if same else px - (i + 1) * (KERNEL - 1) for i in range(convs))
        if sides[-1] <= 0:
            raise _misfit(config, side, f"nothing is left after block {level + 1}", pooled)
        if level < pooled and sides[-1] % 2:
            raise _misfit(
                config, side, f"the pool after block {level + 1} would see an odd side of {sides[-1]}", pooled
            )
        blocks.append(sides)
        px = sides[-1] // 2
    return stem, tuple(blocks)


def _misfit(config: TextureConfig, side: int, reason: str, pooled: int) -> InputError:
    step = config.stem_stride * 2**pooled
    return InputError(
        f"a side of {side} px does not fit a {config.padding} network of {len(config.channels)} blocks: {reason}; "
        f"sides that fit come in steps of {step} px (gennari.nets.sizes.valid_inputs lists them)"
    )


def _fits(config: TextureConfig, side: int, net: Literal["siamese", "unet"]) -> bool:
    try:
        (siamese_sizes if net == "siamese" else unet_sizes)(config, side)
    except InputError:
        return False
    return True


_WIDE = (16, 32, 32, 64, 64, 128)

PRESETS: Mapping[str, TextureConfig] = MappingProxyType(
    {
        "s2": TextureConfig(spacing_um=2, patch_px=1019, channels=_WIDE, convs=(2,) * 6),
        "s4": TextureConfig(spacing_um=2, patch_px=2025, stem_stride=4, channels=_WIDE, convs=(1, 2, 2, 2, 2, 2)),
        "coarse16": TextureConfig(spacing_um=16, patch_px=128, stem_stride=1, channels=_WIDE[:4], convs=(2,) * 4),
        "coarse32": TextureConfig(spacing_um=32, patch_px=64, stem_stride=1, channels=(16, 32, 64), convs=(2,) * 3),
        "coarse32-stride2": TextureConfig(spacing_um=32, patch_px=123, channels=(16, 32, 64), convs=(2,) * 3),
        "demo32": TextureConfig(
            spacing_um=32, patch_px=64, channels=(16, 32, 64, 96), convs=(2,) * 4, padding="same", output_level=2
        ),
        "demo32-narrow": TextureConfig(
            spacing_um=32, patch_px=64, channels=(16, 32, 64, 96), convs=(2, 2, 2, 1), padding="same", output_level=2
        ),
        "demo32-residual": TextureConfig(
            spacing_um=32,
            patch_px=64,
            channels=(16, 32, 64, 96),
            convs=(2, 2, 2, 1),
            padding="same",
            output_level=2,
            encoder="residual",
            pooling="global",
        ),
    }
)
"""`s2` and `s4` (Spitzer et al. 2018; `s4` departs: the paper says 1019 px) are fixed; the coarse ones follow their
fields of view; `demo32` and `demo32-narrow` see about 6 and 5 mm with the fewest operations, `demo32-residual` is the
latter with shortcuts and global pooling."""
