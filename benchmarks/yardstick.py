"""The yardstick that speed is told in: one 3x3 convolution 64 -> 64 on 1x64x512x512, float32, eager torch.

It runs in a process of its own with torch as it comes. In ours `mallopt` keeps large blocks, which makes this very
convolution 1.7 times as fast: a unit that our own settings change would be none.
"""

import subprocess
import sys
from types import TracebackType

_PROGRAM = """
import sys, time, torch
{first}
convolution, planes = torch.nn.Conv2d(64, 64, 3, padding=1), torch.rand(1, 64, 512, 512)
with torch.no_grad():
    convolution(planes)
    for _ in sys.stdin:
        begin = time.perf_counter()
        convolution(planes)
        print(time.perf_counter() - begin, flush=True)
"""
_KEEPING = "from ceair.cli.process import keep_large_blocks; keep_large_blocks()"


class Yardstick:
    """Each call runs the yardstick once and gives its seconds, while the context is entered.

    Args:
        keeping: with `mallopt` as in our processes, to tell how much that changes.
    """

    def __init__(self, keeping: bool = False) -> None:
        self._words = [sys.executable, "-c", _PROGRAM.format(first=_KEEPING if keeping else "")]

    def __enter__(self) -> "Yardstick":
        self._process = subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __call__(self) -> float:
        asking, telling = self._process.stdin, self._process.stdout
        assert asking is not None
        assert telling is not None
        asking.write("\n")
        asking.flush()
        return float(telling.readline())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
