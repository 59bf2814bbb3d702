"""Conditioning by learned prompts: the baseline of the PromptIR line."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ceair.nn.depthwise import DepthwiseConv
from ceair.nn.feedforward import gate
from ceair.nn.norm import ChannelNorm

Prompt = Float[Tensor, "#b p"]
"""The mixed prompt of each image, or of one that all are crops of."""


class PromptInjection(nn.Module):
    """A few learned prompts, mixed by a softmax over the averaged features, interact with the features of each pixel.

    `b c h w` in, `b c h w` out: `X + project(gate(mix(W_x X^ + W_p P)))` with `P = sum_i softmax(W mean(X^))_i P_i`.

    Args:
        channels: width c of the features.
        components: how many prompts there are to mix.
        prompt_width: width p of each.
        hidden: width in which prompt and features interact.

    Source: Potlapalli et al., PromptIR (arXiv 2306.13090), section 3.1, prompt generation and prompt interaction.
    Differs: a component is a vector and not a grid of vectors that is stretched to the frame, so that a pixel does not
    depend on where the borders of the frame are and tiles can share the prompt; the interaction is a gated 3x3
    convolution over features and prompt side by side (a prompt without extent enters it as a bias of each image) where
    theirs is a block of transposed attention; it adds to the features, where theirs replaces them.
    """

    def __init__(self, channels: int, components: int, prompt_width: int, hidden: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.components = nn.Parameter(torch.randn(components, prompt_width) / math.sqrt(prompt_width))
        self.to_weights = nn.Linear(channels, components)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1)
        self.expand_prompt = nn.Linear(prompt_width, 2 * hidden, bias=False)
        self.mix = DepthwiseConv(2 * hidden, 3)
        self.project = nn.Conv2d(hidden, channels, 1)

    def forward(self, features: Float[Tensor, "b c h w"], prompt: Prompt | None = None) -> Float[Tensor, "b c h w"]:
        """Features plus what the prompt makes of them: the image's own prompt, or that of a larger image."""
        normed = self.norm(features)
        if prompt is None:
            prompt = self._prompt(normed.mean(dim=(2, 3)))
        expanded = self.expand(normed) + self.expand_prompt(prompt)[:, :, None, None]
        return features + self.project(gate(self.mix(expanded)))

    def summary(self, crops: Float[Tensor, "b c h w"]) -> Prompt:
        """The prompt of one image of which these are crops."""
        return self._prompt(self.norm(crops).mean(dim=(0, 2, 3))[None])

    def _prompt(self, averages: Float[Tensor, "b c"]) -> Prompt:
        return self.to_weights(averages).softmax(dim=-1) @ self.components
