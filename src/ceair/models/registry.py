"""The presets, as data: what each network is made of, what it needs of an image, where its weights are."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from ceair.errors import ConfigError
from ceair.models.unet import UNet
from ceair.nn import CEA, GatedConvBlock, TransposedAttentionBlock


@dataclass(frozen=True)
class CEAConfig:
    """Settings of the CEA layers; `pooling` is that of the finest level and halves with each coarser one."""

    rank: int = 16
    key_width: int = 32
    probe_width: int = 64
    heads: int = 4
    pooling: int = 8


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that determines the shape of a network's weights."""

    widths: tuple[int, ...]
    encoder_depths: tuple[int, ...]
    decoder_depths: tuple[int, ...]
    stem_stride: int
    family: Literal["gated_conv", "transposed_attention"]
    cea: CEAConfig = CEAConfig()


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
            encoder_depths=(2, 2, 2, 2),
            decoder_depths=(3, 2, 2),
            stem_stride=2,
            family="gated_conv",
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
    """A network with fresh weights, drawn from torch's global generator as `torch.nn` does."""
    block = {"gated_conv": GatedConvBlock, "transposed_attention": TransposedAttentionBlock}[network.family]

    def conditioning(channels: int, level: int) -> nn.Module:
        cea = network.cea
        pooling = max(1, cea.pooling // 2**level)
        return CEA(channels, cea.rank, cea.key_width, cea.probe_width, cea.heads, pooling)

    return UNet(
        network.widths, network.encoder_depths, network.decoder_depths, network.stem_stride, block, conditioning
    )
