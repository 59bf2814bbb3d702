"""What a result depends on besides the data: the commit, the versions of the packages, the hardware."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("ceair", "torch", "numpy", "scikit-image")
"""Those whose version can change a score."""


def versions() -> dict[str, str | None]:
    """The versions of `PACKAGES`; None for one that is not installed."""
    return {name: _version(name) for name in PACKAGES}


def commit() -> str | None:
    """The git commit of the checkout that this package runs from, with `+` if files differ; None without one."""
    package = Path(__file__).parent
    root = package.parents[1]
    if not (root / ".git").exists():
        return None
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", str(package)))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changes else "")


def hardware(device: str) -> dict[str, str | None]:
    """Names of the system, the processor and, if it was used, the GPU.

    Args:
        device: what the network ran on, such as `cuda:0`.
    """
    gpu = None
    if device.startswith("cuda"):
        import torch

        gpu = torch.cuda.get_device_name(device)
    return {"system": f"{platform.system()} {platform.machine()}", "cpu": _cpu(), "device": device, "gpu": gpu}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
