"""Degradations as batched tensor functions: `(image, severity, generator) -> image`, pure and seeded."""

from ceair.degradations.compose import DEGRADATIONS, Degradation, compose
from ceair.degradations.fields import severity_map

__all__ = ["DEGRADATIONS", "Degradation", "compose", "severity_map"]
