"""The names that users may rely on; a change of this list is a change of the interface and belongs in the changelog."""

import ceair

PUBLIC = [
    "CEA",
    "PRESETS",
    "CeairError",
    "HyperAdapter",
    "Restorer",
    "UNet",
    "__version__",
    "assemble",
    "build",
    "preset",
]


def test_the_package_offers_exactly_these_names() -> None:
    assert ceair.__all__ == PUBLIC
    assert all(getattr(ceair, name) is not None for name in PUBLIC)
