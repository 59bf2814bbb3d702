"""Networks and the presets that name them."""

from ceair.models.conditioning import CEAConfig
from ceair.models.registry import PRESETS, NetworkConfig, Preset, build, preset
from ceair.models.unet import UNet

__all__ = ["PRESETS", "CEAConfig", "NetworkConfig", "Preset", "UNet", "build", "preset"]
