"""What one CEA layer did to one image, as arrays, and what follows from them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64


@dataclass(frozen=True)
class Layer:
    """What one CEA layer did to one image: `update = S B'`, where B' are the directions times gamma.

    Energies are mean squares over the channels: of an update `u` of c channels `|u|^2 / c`. A map has a value for each
    square of `cell` pixels, the mean over its tokens; the last row and column may belong to smaller squares.

    Attributes:
        level: 0 is the finest, the highest the bottleneck.
        height, width: of the image, in pixels.
        stride: pixels of the image for each token, along each axis.
        cell: pixels of the image for each value of a map, along each axis; `stride` unless maps were averaged.
        affinities: S, signed.
        energy: of the update.
        additive, subtractive: of the parts of the update that positive and negative affinities make.
        bases: A.
        directions: B'.
        mean, mean_absolute: of the affinities of each rank, over all tokens.
        moments: mean of `s_i s_j` over all tokens, s being a token's affinities.
        features_energy: of what the update is added to, over all tokens.
        looked: pixels of the image, along each axis, of the squares that the probes look at.
        attention: how much each probe looks at each of those squares, shares of 1; None if read in tiles.
    """

    level: int
    height: int
    width: int
    stride: int
    cell: int
    affinities: Float32[np.ndarray, "r h w"]
    energy: Float32[np.ndarray, "h w"]
    additive: Float32[np.ndarray, "h w"]
    subtractive: Float32[np.ndarray, "h w"]
    bases: Float32[np.ndarray, "r k"]
    directions: Float32[np.ndarray, "r c"]
    mean: Float64[np.ndarray, "r"]
    mean_absolute: Float64[np.ndarray, "r"]
    moments: Float64[np.ndarray, "r r"]
    features_energy: float
    looked: int
    attention: Float32[np.ndarray, "r h2 w2"] | None = None

    @property
    def rank(self) -> int:
        """How many bases and directions there are."""
        return len(self.mean)

    @cached_property
    def gram(self) -> Float64[np.ndarray, "r r"]:
        """Products of the directions, over the number of channels: `s gram s` is the energy of a token's update."""
        directions = self.directions.astype(np.float64)
        return directions @ directions.T / directions.shape[1]

    @cached_property
    def total_energy(self) -> float:
        """The mean energy of the update over all tokens."""
        return float((self.moments * self.gram).sum())

    @property
    def relative_energy(self) -> float:
        """The energy of the update by that of the features that it is added to."""
        return self.total_energy / max(self.features_energy, 1e-30)

    @cached_property
    def shares(self) -> Float64[np.ndarray, "r"]:
        """What each rank adds, by itself: its energy by the sum of those of all ranks. They sum to 1."""
        own = np.diag(self.moments) * np.diag(self.gram)
        return own / max(own.sum(), 1e-30)

    @cached_property
    def contributions(self) -> Float64[np.ndarray, "r"]:
        """What of the update's energy each rank makes, with the others: `mean(<s_r b_r, u>) / mean(<u, u>)`.

        They sum to 1; one that is negative takes away what other ranks add.
        """
        return (self.moments * self.gram).sum(1) / max(self.total_energy, 1e-30)

    @cached_property
    def singular_values(self) -> Float64[np.ndarray, "m"]:
        """Of `A^T B'`, the weight that this layer made for this image, from large to small."""
        product = self.bases.T.astype(np.float64) @ self.directions.astype(np.float64)
        return np.linalg.svd(product, compute_uv=False)[: self.rank]

    @property
    def effective_rank(self) -> float:
        """Of `A^T B'`: `exp(-sum p log p)` with `p` the singular values over their sum; between 1 and the rank.

        Source: Roy and Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007.
        """
        values = self.singular_values
        shares = values / max(values.sum(), 1e-30)
        shares = shares[shares > 0]
        return float(np.exp(-(shares * np.log(shares)).sum()))

    def principal(self, count: int = 3) -> Float64[np.ndarray, "count h w"]:
        """Maps of the first principal components of the affinities, each rank weighted by its direction's length.

        So distances are those of what is added. Components are centred and of unit variance over all tokens; the sign
        of each is such that its largest loading is positive. If there are fewer than `count`, the rest is 0.
        """
        lengths = np.sqrt(np.diag(self.gram))
        covariance = (self.moments - np.outer(self.mean, self.mean)) * np.outer(lengths, lengths)
        values, vectors = np.linalg.eigh(covariance)
        maps = np.zeros((count, *self.affinities.shape[1:]))
        centred = (self.affinities - self.mean[:, None, None]) * lengths[:, None, None]
        for index in range(min(count, self.rank)):
            vector = vectors[:, -1 - index]
            vector = vector * np.sign(vector[np.abs(vector).argmax()])
            maps[index] = np.tensordot(vector, centred, 1) / np.sqrt(max(values[-1 - index], 1e-30))
        return maps

    def at(self, x: int, y: int) -> tuple[int, int]:
        """Row and column, in the maps, of a pixel of the image."""
        return y // self.cell, x // self.cell

    def shared_routing(self, x: int, y: int) -> Float64[np.ndarray, "h w"]:
        """How much of a pixel's update every other pixel gets, too: 1 at the pixel itself; negative where it is undone.

        It is the kernel of the linear-attention reading: with `u_i = s_i B'` it is
        `<u_i, u_j> / <u_i, u_i> = s_i (B' B'^T) s_j / s_i (B' B'^T) s_i`. All 0 if the pixel's update is 0.
        """
        row, column = self.at(x, y)
        own = self.affinities[:, row, column].astype(np.float64)
        energy = own @ self.gram @ own
        return np.tensordot(own @ self.gram, self.affinities.astype(np.float64), 1) / max(energy, 1e-30)

    def sources(self, x: int, y: int) -> Float64[np.ndarray, "h2 w2"] | None:
        """From where in the image the directions that a pixel takes were read: shares of 1 of each square.

        Each rank counts by how much of it the pixel takes, `|s_r| |b_r|`, and spreads that over the image as its probe
        looked at it. None if the image was read in tiles.
        """
        if self.attention is None:
            return None
        row, column = self.at(x, y)
        taken = np.abs(self.affinities[:, row, column]) * np.sqrt(np.diag(self.gram))
        mixed = np.tensordot(taken / max(taken.sum(), 1e-30), self.attention.astype(np.float64), 1)
        return mixed / max(mixed.sum(), 1e-30)
