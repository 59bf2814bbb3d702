"""Training batches as a pure function of the seed and the step: what is drawn, and how it is degraded.

A batch is made of groups. All samples of a group share one entry of the mixture, so a degradation runs once per
group on a batched tensor, and each group has a generator of its own, seeded by (seed, step, group). So a run can
resume at any step without any stored random state, and two processes that take half of the groups each see the
samples that one process would.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int8, UInt8
from torch import Generator, Tensor

from ceair.data.kinds import present, unknown
from ceair.data.sources import Source
from ceair.degradations import DEGRADATIONS, compose, severity_map
from ceair.degradations.fields import uniform
from ceair.errors import ConfigError

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Ingredient:
    """One kind of training sample.

    Attributes:
        source: name of the source of its patches.
        weight: how often it is drawn, relative to the other ingredients.
        degrade: the range of severities of each degradation that may be applied; none for clean or real pairs.
        exposure: two factors between which each degraded patch is made darker or brighter before that: photos so become
            dark ones, as a short exposure makes them, and the brightness of a real pair no longer gives away which one
            it is. Validation takes real pairs as they are.
        enlarge: two factors between which each group's crops are enlarged before anything is done to them: so they are
            as soft as the pixels of a phone or of a film's frame, and what blurs a real pair is as wide as there.
        pick: how many of them to apply to a group, chosen at random; 0 for all.
        uneven: share of groups whose severities vary over the image.
        apart: share of groups in which degradations do not overlap but lie side by side, every second one acting where
            the others do not; decided before `uneven`.
        name: what logs and validation call it; the degradations if empty.
    """

    source: str
    weight: float
    degrade: dict[str, tuple[float, ...]] = field(default_factory=dict)
    exposure: tuple[float, ...] = (1.0, 1.0)
    enlarge: tuple[float, ...] = (1.0, 1.0)
    pick: int = 0
    uneven: float = 0.0
    apart: float = 0.0
    name: str = ""

    @property
    def label(self) -> str:
        """The name, or one made of what it does."""
        return self.name or "+".join(self.degrade) or self.source

    def __post_init__(self) -> None:
        for name, bounds in self.degrade.items():
            if name not in DEGRADATIONS:
                raise ConfigError(f"there is no degradation `{name}`; choose from {', '.join(DEGRADATIONS)}")
            if len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] <= 1:
                raise ConfigError(f"`{name}` needs two severities in [0, 1], the lower first, not {list(bounds)}")
        if len(self.exposure) != 2 or not 0 < self.exposure[0] <= self.exposure[1]:
            raise ConfigError(
                f"`{self.label}`: exposure must be two factors above 0, the lower first, not {list(self.exposure)}"
            )
        if len(self.enlarge) != 2 or not 1 <= self.enlarge[0] <= self.enlarge[1]:
            raise ConfigError(
                f"`{self.label}`: enlarge must be two factors of 1 or more, the lower first, not {list(self.enlarge)}"
            )
        if not 0 <= self.pick <= len(self.degrade) or not 0 <= self.uneven <= 1:
            raise ConfigError(f"`{self.label}`: pick must be 0 to {len(self.degrade)} and uneven in [0, 1]")
        at_once = self.pick or len(self.degrade)
        if not 0 <= self.apart <= 1 or (self.apart and at_once < 2):
            raise ConfigError(f"`{self.label}`: apart must be in [0, 1], and 0 unless two degradations act at once")


@dataclass(frozen=True)
class Batch:
    """Degraded and clean RGB patches in [0, 1].

    `kinds` tells the degradations of each square of 16x16 pixels: 1 for there, 0 for not there, -1 for not known; None
    where the mixture was not asked for it.
    """

    degraded: Float[Tensor, "b 3 p p"]
    clean: Float[Tensor, "b 3 p p"]
    kinds: Int8[Tensor, "b k s s"] | None = None

    def groups(self, size: int) -> list["Batch"]:
        """The batch in parts of so many samples."""
        kinds = repeat(None) if self.kinds is None else torch.split(self.kinds, size)
        return [
            Batch(*part)
            for part in zip(torch.split(self.degraded, size), torch.split(self.clean, size), kinds, strict=False)
        ]


class Mixture:
    """Draws batches of `groups * group_size` patches from weighted ingredients.

    Args:
        kinds: whether batches tell which degradations they have where.

    Raises:
        ConfigError: an ingredient names a source that does not exist, two have one label, or no weight is positive.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        ingredients: Sequence[Ingredient],
        seed: int,
        group_size: int,
        kinds: bool = False,
    ) -> None:
        for ingredient in ingredients:
            if ingredient.source not in sources:
                raise ConfigError(f"there is no source `{ingredient.source}`; the sources are {', '.join(sources)}")
        labels = [ingredient.label for ingredient in ingredients]
        for label in labels:
            if labels.count(label) > 1:
                raise ConfigError(f"two ingredients of the mixture are called `{label}`; give them names of their own")
        total = sum(ingredient.weight for ingredient in ingredients)
        if total <= 0 or min(ingredient.weight for ingredient in ingredients) < 0:
            raise ConfigError("the weights of the mixture must not be negative and one must be positive")
        self.sources, self.ingredients = sources, ingredients
        self.seed, self.group_size, self.kinds = seed, group_size, kinds
        self._edges = (torch.tensor([i.weight for i in ingredients], dtype=torch.float64) / total).cumsum(0)

    def batch(self, step: int, groups: Sequence[int], total_groups: int, patch: int, device: torch.device) -> Batch:
        """The given groups, of `total_groups`, of the batch of a step; patches are made on `device`."""
        parts = []
        for group in groups:
            ingredient, seed = self.ingredient(step * total_groups + group), _number(self.seed, step, group)
            parts.append(self._make(ingredient, seed, self.group_size, patch, device))
        kinds = [part.kinds for part in parts if part.kinds is not None]
        return Batch(
            torch.cat([part.degraded for part in parts]),
            torch.cat([part.clean for part in parts]),
            torch.cat(kinds) if kinds else None,
        )

    def fixed(self, count: int, patch: int, device: torch.device) -> dict[str, Batch]:
        """`count` samples of every ingredient, by its label; always the same ones, for validation."""
        return {
            ingredient.label: self._make(ingredient, _number(self.seed, index), count, patch, device)
            for index, ingredient in enumerate(self.ingredients)
        }

    def ingredient(self, group: int) -> Ingredient:
        """The ingredient of a group, numbered since the first step; any stretch of groups meets the shares closely."""
        place = (_unit(self.seed) + group * _GOLDEN) % 1.0
        index = int(torch.searchsorted(self._edges, place, right=True))
        return self.ingredients[min(index, len(self.ingredients) - 1)]

    def _make(self, ingredient: Ingredient, seed: int, count: int, patch: int, device: torch.device) -> Batch:
        draws = Generator().manual_seed(seed)
        side = _smaller(patch, ingredient.enlarge, draws)
        before, after = (_enlarged(part, patch) for part in self.sources[ingredient.source].draw(count, side, draws))
        before = _exposed(before, ingredient.exposure, draws)
        degraded, clean = _to_unit(before, device), _to_unit(after, device)
        real = not torch.equal(before, after)
        severities: dict[str, Tensor] = {}
        if ingredient.degrade:
            generator = Generator(device).manual_seed(seed)
            severities = draw_severities(degraded, ingredient, generator)
            degraded = compose(degraded, severities, generator)
            degraded = (degraded * 255).round() / 255  # files have 8 bits
        if not self.kinds:
            return Batch(degraded, clean)
        return Batch(degraded, clean, unknown(degraded) if real else present(degraded, clean, severities))


def draw_severities(
    images: Float[Tensor, "b 3 h w"], ingredient: Ingredient, generator: Generator
) -> dict[str, Float[Tensor, "b 1 #h #w"]]:
    """Severities for a group of images: which degradations, how strong for each image, even, uneven or side by side."""
    names = list(ingredient.degrade)
    if ingredient.pick:
        order = torch.randperm(len(names), generator=generator, device=images.device)
        names = [names[index] for index in order.tolist()[: ingredient.pick]]

    def strength(name: str) -> Float[Tensor, "b 1 1 1"]:
        return uniform(images, generator, *ingredient.degrade[name])

    if ingredient.apart and uniform(images[:1], generator).item() < ingredient.apart:
        here = severity_map(images, generator)
        return {name: strength(name) * (1 - here if index % 2 else here) for index, name in enumerate(names)}
    uneven = torch.rand(len(names), generator=generator, device=images.device) < ingredient.uneven
    severities = {}
    for name, is_uneven in zip(names, uneven.tolist(), strict=True):
        severity = strength(name)
        severities[name] = severity * severity_map(images, generator) if is_uneven else severity
    return severities


def _factors(count: int, bounds: Sequence[float], generator: Generator) -> Float[Tensor, "count"] | None:
    """So many factors between two bounds, uniform in their logarithm; none, and nothing drawn, if both bounds are 1."""
    least, most = bounds
    if least == most == 1:
        return None
    return least * (most / least) ** torch.rand(count, generator=generator)


def _smaller(patch: int, bounds: Sequence[float], generator: Generator) -> int:
    """The side of crops that a factor between two bounds makes patches of."""
    factor = _factors(1, bounds, generator)
    return patch if factor is None else math.ceil(patch / factor.item())


def _enlarged(crops: UInt8[Tensor, "b 3 s s"], patch: int) -> UInt8[Tensor, "b 3 p p"]:
    if crops.shape[-1] == patch:
        return crops
    return F.interpolate(crops.float(), (patch, patch), mode="bicubic").round().clamp(0, 255).to(torch.uint8)


def _exposed(
    crops: UInt8[Tensor, "b 3 p p"], bounds: Sequence[float], generator: Generator
) -> UInt8[Tensor, "b 3 p p"]:
    """Each crop times a factor of its own between two bounds."""
    factors = _factors(len(crops), bounds, generator)
    if factors is None:
        return crops
    return (crops * factors[:, None, None, None]).round().clamp(max=255).to(torch.uint8)


def _to_unit(crops: Tensor, device: torch.device) -> Tensor:
    return crops.to(device, non_blocking=True).float().div_(255)


def _number(*parts: int) -> int:
    """A 63-bit seed from a few integers; neighbouring inputs give unrelated seeds."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _unit(*parts: int) -> float:
    return _number(*parts) / 2**63
