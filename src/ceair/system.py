"""What a result or a choice depends on besides the data: commit, versions of packages, hardware, free memory."""

import ctypes
import os
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("ceair", "torch", "numpy", "scikit-image")
"""Those whose version can change a score."""

_GROUPS = Path("/sys/fs/cgroup")
_NAMES_V2 = ("memory.max", "memory.current", "inactive_file")
_NAMES_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def versions() -> dict[str, str | None]:
    """The versions of `PACKAGES`; None for one that is not installed."""
    return {name: version_of(name) for name in PACKAGES}


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
    return {"system": f"{platform.system()} {platform.machine()}", "cpu": cpu_name(), "device": device, "gpu": gpu}


def version_of(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def computes_bf16() -> bool:
    """Whether this processor has instructions for bfloat16; without them it is many times slower than float32."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    flags = {flag for line in text.splitlines() if line.startswith(("flags", "Features")) for flag in line.split()}
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def available_memory() -> int | None:
    """Bytes that this process may still take: of the machine and of its control group; None where unknown."""
    known = [number for number in (_free_of_machine(), _free_of_groups()) if number is not None]
    return min(known) if known else None


def resident_memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def give_memory_back() -> None:
    """Let glibc return to the system what is free in the heaps of all threads; elsewhere nothing happens.

    A thread that decoded a large image keeps what that took in a heap of its own, where no other thread can use it.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return


def _free_of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS tells the total only
    except (OSError, ValueError, AttributeError):
        return None


def _free_of_groups() -> int | None:
    """What the control groups allow that this process is in: its own, those around it, a container's at the root."""
    known = [_free_of_group(group, *names) for group, names in _groups()]
    return min((number for number in known if number is not None), default=None)


def _groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Folders of control groups of both versions, with the names that limit, use and files' cache have there."""
    for line in _membership():
        _, controllers, place = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, names = (_GROUPS / "memory", _NAMES_V1) if controllers else (_GROUPS, _NAMES_V2)
        own = root / place.lstrip("/")
        yield from ((group, names) for group in (own, *own.parents) if group.is_relative_to(root))


def _membership() -> list[str]:
    """Lines of `number:controllers:group`; the second version has no controllers."""
    try:
        return Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _free_of_group(group: Path, limit: str, used: str, cache: str) -> int | None:
    try:
        most, now = (int((group / name).read_text(encoding="ascii")) for name in (limit, used))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # no such group, or `max`
        return None
    files = sum(int(line.split()[1]) for line in lines if line.split()[0] == cache)
    return max(0, most - now + files)  # files that were read or written make room for what is asked for
