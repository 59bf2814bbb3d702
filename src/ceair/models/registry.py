"""The presets, as data: what each network is made of, what it needs of an image, where its weights are."""

from dataclasses import dataclass, field
from typing import Literal

from ceair.errors import ConfigError
from ceair.models.conditioning import CEAConfig, ConditioningFactory
from ceair.models.unet import BlockFactory, UNet
from ceair.nn import GatedConvBlock, TransposedAttentionBlock


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that determines the shape of a network's weights.

    `conditioning` sits where CEA would: a baseline or an ablation of `ceair.models.conditioning`; None for CEA.
    `kernels` are the sides of the windows in which the blocks of each level mix neighbours, the finest first; None for
    3 at each, which is all that the transposed attention family has.
    """

    widths: tuple[int, ...]
    encoder_depths: tuple[int, ...]
    decoder_depths: tuple[int, ...]
    stem_stride: int
    family: Literal["gated_conv", "transposed_attention"]
    cea: CEAConfig = field(default_factory=CEAConfig)
    conditioning: ConditioningFactory | None = None
    kernels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Preset:
    """A named network: its configuration, the weights bundled with the package (or None), and what it is for."""

    name: str
    network: NetworkConfig
    weights: str | None
    purpose: str


_PRESETS = (
    Preset(
        name="ceair-t",
        network=NetworkConfig(
            widths=(48, 72, 104, 136),
            encoder_depths=(2, 2, 3, 2),
            decoder_depths=(3, 2, 3),
            stem_stride=2,
            family="gated_conv",
            kernels=(3, 9, 7, 5),
        ),
        weights="ceair-t.safetensors",
        purpose="CPUs and small devices; its weights come with the package",
    ),
    Preset(
        name="ceair-s",
        network=NetworkConfig(
            widths=(44, 88, 160, 288),
            encoder_depths=(2, 3, 4, 7),
            decoder_depths=(4, 3, 3),
            stem_stride=1,
            family="gated_conv",
            cea=CEAConfig(rank=32, key_width=64, probe_width=96, pooling=16),
        ),
        weights=None,
        purpose="one consumer GPU",
    ),
    Preset(
        name="ceair-b",
        network=NetworkConfig(
            widths=(48, 96, 192, 352),
            encoder_depths=(2, 3, 4, 6),
            decoder_depths=(4, 3, 4),
            stem_stride=1,
            family="transposed_attention",
            cea=CEAConfig(rank=32, key_width=64, probe_width=128, pooling=16),
        ),
        weights=None,
        purpose="the tables of papers",
    ),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _PRESETS}
"""All presets by name, the smallest first."""


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ConfigError: there is none; the message lists those that exist.
    """
    if name not in PRESETS:
        raise ConfigError(f"there is no preset `{name}`; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def build(network: NetworkConfig) -> UNet:
    """A network with fresh weights, drawn from torch's global generator as `torch.nn` does.

    Raises:
        ValueError: its numbers of levels differ, or its family does not take its kernels.
    """
    conditioning = network.conditioning or network.cea
    return UNet(
        network.widths,
        network.encoder_depths,
        network.decoder_depths,
        network.stem_stride,
        _blocks(network),
        conditioning,
    )


def _blocks(network: NetworkConfig) -> BlockFactory:
    if network.family == "transposed_attention":
        if network.kernels is not None:
            raise ValueError("blocks of the transposed attention family have windows of 3 alone: leave out kernels")
        return lambda channels, _level: TransposedAttentionBlock(channels)
    kernels = network.kernels or (3,) * len(network.widths)
    if len(kernels) != len(network.widths):
        raise ValueError("kernels needs one side per width")
    return lambda channels, level: GatedConvBlock(channels, kernels[level])
