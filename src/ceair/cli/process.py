"""Settings of the process, made only where the process is ours and never on import."""

import ctypes


def keep_large_blocks() -> None:
    """Let glibc reuse large blocks instead of mapping and unmapping each tensor over 32 MiB.

    This halves the CPU time of large networks at the same peak memory. Where the C library has no `mallopt`, nothing
    happens.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 512 << 20)
