"""A run that was stopped and resumed is the run that was never stopped, bit for bit."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ceair.checkpoint import load_into, load_network, load_tensors, save_tensors
from ceair.config import load
from ceair.errors import CeairError, WeightsError
from ceair.models import build, preset
from ceair.train.loop import Stopwatch, train
from ceair.train.optim import MovingAverage, make_optimizers
from ceair.train.settings import OptimSettings, TrainSettings
from ceair.train.state import Clock, load_state, save_state

Start = Callable[..., "subprocess.Popen[str]"]


def run(config: Path, output: Path, *words: str) -> dict[str, Tensor]:
    """Train in this process; the tensors of the state that is left."""
    train(load(TrainSettings, config, [f"output={output}", *words]))
    return load_tensors(output / "state.safetensors")[0]


@pytest.fixture(scope="module")
def uninterrupted(config: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return run(config, tmp_path_factory.mktemp("uninterrupted"))


def check_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different, f"{len(different)} of {len(one)} tensors differ, for example {different[:3]}"


def test_the_state_holds_weights_average_and_moments_that_all_moved(uninterrupted: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    fresh = build(preset("ceair-t").network).state_dict()
    for name, tensor in fresh.items():
        assert not torch.equal(uninterrupted[f"weights/{name}"], tensor), name
        assert not torch.equal(uninterrupted[f"weights/{name}"], uninterrupted[f"average/{name}"]), name
    kinds = {name.split("/")[-1] for name in uninterrupted if name.startswith("optim/")}
    assert kinds == {"momentum", "step", "exp_avg", "exp_avg_sq"}


def test_the_same_run_twice_gives_the_same(config: Path, uninterrupted: dict[str, Tensor], tmp_path: Path) -> None:
    check_equal(run(config, tmp_path), uninterrupted)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_run_stopped_by_a_signal_goes_on_bit_for_bit(
    number: int, code: int, config: Path, uninterrupted: dict[str, Tensor], start: Start, tmp_path: Path
) -> None:
    often = ["checkpoint_minutes=0"] if number == signal.SIGKILL else []
    process = start(config, f"output={tmp_path}", *often)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("step 3 "):
            process.send_signal(number)
            break
    rest = process.communicate(timeout=120)[1]
    assert process.returncode == code, "".join(lines) + rest
    assert ("stopping: saving the state" in rest) == (number != signal.SIGKILL)
    assert "Traceback" not in rest
    _, metadata = load_tensors(tmp_path / "state.safetensors")
    assert 2 <= metadata["step"] < 8
    assert not list(tmp_path.glob(".ceair*")) or number == signal.SIGKILL
    check_equal(run(config, tmp_path), uninterrupted)
    assert load_tensors(tmp_path / "state.safetensors")[1]["step"] == 8


def test_each_step_can_be_a_session_of_its_own(
    config: Path, uninterrupted: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ceair.train.loop.Run._agree", lambda *_: int(signal.SIGINT))
    for step in range(1, 6):
        with pytest.raises(SystemExit) as ended:
            run(config, tmp_path)
        assert ended.value.code == 130
        assert load_tensors(tmp_path / "state.safetensors")[1]["step"] == step
    monkeypatch.undo()
    check_equal(run(config, tmp_path), uninterrupted)


def test_a_finished_run_does_nothing_more(config: Path, tmp_path: Path) -> None:
    first = run(config, tmp_path, "train.steps=1")
    check_equal(run(config, tmp_path, "train.steps=1"), first)


def test_the_weights_are_the_average_and_load_as_the_preset(config: Path, tmp_path: Path) -> None:
    state = run(config, tmp_path, "train.steps=2")
    network = load_network(tmp_path / "ceair-t.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[f"average/{name}"].half().float()), name


def test_init_from_starts_from_those_weights_but_never_undoes_a_resumed_run(config: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    start = {name: 1.1 * tensor for name, tensor in build(preset("ceair-t").network).state_dict().items()}
    save_tensors(tmp_path / "start.safetensors", start, {})
    words = [f"init_from={tmp_path / 'start.safetensors'}", "optim.lr=1e-6"]
    first = run(config, tmp_path / "out", *words, "train.steps=1")
    for name, tensor in start.items():
        torch.testing.assert_close(first[f"weights/{name}"], tensor, atol=1e-4, rtol=1e-4)
    save_tensors(tmp_path / "start.safetensors", {name: 0 * tensor for name, tensor in start.items()}, {})
    second = run(config, tmp_path / "out", *words, "train.steps=2")
    for name, tensor in start.items():
        torch.testing.assert_close(second[f"weights/{name}"], tensor, atol=1e-4, rtol=1e-4)


def test_init_from_of_another_network_is_refused(config: Path, tmp_path: Path) -> None:
    save_tensors(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {})
    with pytest.raises(WeightsError, match=r"other\.safetensors lacks weights"):
        run(config, tmp_path / "out", f"init_from={tmp_path / 'other.safetensors'}")


def test_a_run_that_diverged_says_so_and_keeps_the_last_good_state(config: Path, tmp_path: Path) -> None:
    good = run(config, tmp_path, "train.steps=1")
    with pytest.raises(CeairError, match=r"not finite after step 4.*optim\.lr"):
        run(config, tmp_path, "train.steps=4", "optim.lr=1e30")
    check_equal(load_tensors(tmp_path / "state.safetensors")[0], good)


@pytest.mark.parametrize(("before", "after"), [("adamw", "muon"), ("muon", "adamw")])
def test_a_state_of_another_optimiser_is_refused(before: str, after: str, config: Path, tmp_path: Path) -> None:
    run(config, tmp_path, f"optim.kind={before}", "train.steps=1")
    with pytest.raises(WeightsError, match="another optimiser"):
        run(config, tmp_path, f"optim.kind={after}", "train.steps=2")


def test_a_state_comes_back_as_it_was_and_a_partial_one_is_refused(tmp_path: Path) -> None:
    def parts(seed: int) -> tuple[torch.nn.Module, MovingAverage, list[torch.optim.Optimizer]]:
        torch.manual_seed(seed)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.LayerNorm(4))
        return network, MovingAverage(network, 0.9), make_optimizers(network, OptimSettings())

    path, (network, average, optimizers) = tmp_path / "state.safetensors", parts(0)
    for _ in range(2):
        network(torch.rand(2, 3, 3, 6)).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
        average.update(network, 1)
    save_state(path, network, average, optimizers, Clock(2, 1.5))
    other, other_average, other_optimizers = parts(1)
    assert load_state(path, other, other_average, other_optimizers) == Clock(2, 1.5)
    save_state(tmp_path / "again.safetensors", other, other_average, other_optimizers, Clock(2, 1.5))
    tensors, metadata = load_tensors(path)
    check_equal(load_tensors(tmp_path / "again.safetensors")[0], tensors)
    for prefix, message in (("average/", "moving average"), ("optim/0", "optimiser"), ("weights/1", "lacks weights")):
        kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
        save_tensors(tmp_path / "partial.safetensors", kept, metadata)
        with pytest.raises(WeightsError, match=message):
            load_state(tmp_path / "partial.safetensors", *parts(1))


def test_the_clock_counts_steps_and_not_the_time_that_a_process_was_suspended() -> None:
    time = 0.0
    stopwatch = Stopwatch(lambda: time)

    def step(seconds: float) -> float:
        nonlocal time
        stopwatch.start()
        time += seconds
        return stopwatch.stop()

    assert step(30.0) == 30.0, "the first step may compile"
    assert [step(1.0) for _ in range(10)] == [1.0] * 10
    time += 500.0  # saving or validating between two steps
    assert step(1.0) == 1.0
    assert step(3600.0) == 10.0, "a suspended process does not train"
    assert step(4.0) == 4.0, "a larger patch is slower"


def test_load_into_is_exact(uninterrupted: dict[str, Tensor]) -> None:
    network = build(preset("ceair-t").network)
    weights = {name.removeprefix("weights/"): t for name, t in uninterrupted.items() if name.startswith("weights/")}
    load_into(network, weights, "state")
    check_equal(network.state_dict(), weights)
