"""Any subset of the degradations, in the order in which they happen."""

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Generator, Tensor

from ceair.degradations.camera import defocus, jpeg, noise
from ceair.degradations.sensor import sensor_noise
from ceair.degradations.shake import motion_blur
from ceair.degradations.weather import haze, low_light, rain, snow
from ceair.errors import ConfigError

Degradation = Callable[[Tensor, Tensor, Generator], Tensor]

DEGRADATIONS: dict[str, Degradation] = {
    "low_light": low_light,
    "rain": rain,
    "snow": snow,
    "haze": haze,
    "defocus": defocus,
    "motion_blur": motion_blur,
    "sensor_noise": sensor_noise,
    "noise": noise,
    "jpeg": jpeg,
}
"""All degradations by name, in the order of the physical process: scene, lens, shake, sensor, file (CDD-11's order)."""


def compose(
    image: Float[Tensor, "b 3 h w"], severities: Mapping[str, Float[Tensor, "b 1 #h #w"]], generator: Generator
) -> Float[Tensor, "b 3 h w"]:
    """Apply the named degradations at their severities; the order of the mapping does not matter.

    Raises:
        ConfigError: a name is no degradation.
    """
    for name in severities:
        if name not in DEGRADATIONS:
            raise ConfigError(f"there is no degradation `{name}`; choose from {', '.join(DEGRADATIONS)}")
    for name, degradation in DEGRADATIONS.items():
        if name in severities:
            image = degradation(image, severities[name], generator)
    return image
