"""Building blocks of the network: plain `torch.nn` modules without any knowledge of files or presets."""

from ceair.nn.attention import TransposedAttentionBlock
from ceair.nn.block import GatedConvBlock
from ceair.nn.cea import CEA, HyperAdapter, assemble
from ceair.nn.norm import ChannelNorm

__all__ = ["CEA", "ChannelNorm", "GatedConvBlock", "HyperAdapter", "TransposedAttentionBlock", "assemble"]
