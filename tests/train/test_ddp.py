"""Two processes that share a batch train as one process with the whole of it, and stop together."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ceair.checkpoint import load_tensors

Start = Callable[..., "subprocess.Popen[str]"]
TWO = "devices.count=2"


def finish(process: "subprocess.Popen[str]") -> str:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.parametrize("each", ["null", "0.05"])
def test_two_processes_give_what_one_with_the_same_batch_gives(
    config: Path, start: Start, tmp_path: Path, each: str
) -> None:
    states, told = [], ""
    words = ("train.steps=1", "optim.clip=1e9", f"optim.clip_each={each}")
    # Moments are linear in the gradients of the one step; weights of later steps would amplify rounding.
    for count in (1, 2):
        output = tmp_path / str(count)
        told = finish(start(config, f"output={output}", f"devices.count={count}", *words))
        states.append(load_tensors(output / "state.safetensors")[0])
    one, two = states
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        if name.endswith(("/momentum", "/exp_avg")):
            scale = tensor.abs().max().item()
            assert scale > 0, name
            torch.testing.assert_close(two[name], tensor, atol=1e-4 * scale + 1e-9, rtol=1e-4)
    for line in ("step 1 ", "validation at step 1 ", "weights: "):
        assert sum(text.startswith(line) for text in told.splitlines()) == 1, "one process reports"


def test_a_signal_to_the_first_process_saves_and_ends_both(config: Path, start: Start, tmp_path: Path) -> None:
    process = start(config, f"output={tmp_path}", TWO, "train.steps=200")
    for line in process.stderr:
        if line.startswith("step 2 "):
            process.send_signal(signal.SIGTERM)
            break
    # The pipe ends only when the second process, which inherited it, has ended too.
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 143, errors
    assert errors.count("stopping: saving the state") == 1
    assert "Traceback" not in errors
    _, metadata = load_tensors(tmp_path / "state.safetensors")
    assert 2 <= metadata["step"] < 200
