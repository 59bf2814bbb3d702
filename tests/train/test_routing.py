"""The reader of the routing learns to name degradations, teaches the network to show them, and leaves no trace."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ceair.checkpoint import load_network, load_tensors
from ceair.config import load
from ceair.data.kinds import present
from ceair.degradations import DEGRADATIONS, compose
from ceair.errors import ConfigError, WeightsError
from ceair.models import build, preset
from ceair.models.rank_scale import cea_layers
from ceair.models.variants import VARIANTS
from ceair.train.loop import train
from ceair.train.routing import Gatherer, RoutingReader, misreading
from ceair.train.settings import TrainSettings

KINDS = len(DEGRADATIONS)


def run(config: Path, output: Path, *words: str) -> dict[str, Tensor]:
    train(load(TrainSettings, config, [f"output={output}", "loss.routing=2", *words]))
    return load_tensors(output / "state.safetensors")[0]


def test_an_undecided_reader_is_wrong_by_a_bit_and_a_sure_one_by_none_or_much() -> None:
    kinds = torch.randint(0, 2, (2, KINDS, 3, 4), dtype=torch.int8)
    sure = 40.0 * (2 * kinds.float() - 1)
    torch.testing.assert_close(misreading(torch.zeros(kinds.shape), kinds), torch.tensor(2.0).log())
    torch.testing.assert_close(misreading(sure, kinds), torch.tensor(0.0))
    torch.testing.assert_close(misreading(-sure, kinds), torch.tensor(40.0))


def test_squares_of_which_nothing_is_known_do_not_count() -> None:
    kinds = torch.ones(1, KINDS, 2, 2, dtype=torch.int8)
    kinds[..., 0] = -1
    logits = torch.full(kinds.shape, 3.0)
    wild = torch.where(kinds < 0, torch.tensor(-1e4), logits)
    assert misreading(wild, kinds) == misreading(logits, kinds) > 0
    assert misreading(wild, torch.full_like(kinds, -1)) == 0


def test_every_layer_is_read_and_taught() -> None:
    torch.manual_seed(0)
    network = build(preset("ceair-t").network)
    reader, gatherer = RoutingReader(network, KINDS), Gatherer()
    image = torch.rand(2, 3, 40, 32)
    restored, _ = network.restore_with_penalty(image, gatherer)
    torch.testing.assert_close(restored, network(image))
    logits = reader(gatherer.affinities, (3, 2))
    assert logits.shape == (2, KINDS, 3, 2)
    misreading(logits, torch.ones(2, KINDS, 3, 2, dtype=torch.int8)).backward()
    taught = [*reader.parameters()]
    for layer in cea_layers(network).values():
        taught += [layer.to_query.weight, layer.adapter.probes, layer.adapter.to_bases.weight]
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in taught)


def test_a_reader_of_a_fixed_network_learns_to_tell_the_noisy_half_from_the_dark_one() -> None:
    network = load_network("ceair-t").requires_grad_(False)
    torch.manual_seed(0)
    reader = RoutingReader(network, KINDS)
    optimizer = torch.optim.Adam(reader.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(1)
    side = (torch.arange(64) < 32).float().expand(4, 1, 64, 64)
    both = [list(DEGRADATIONS).index(name) for name in ("noise", "low_light")]

    def read() -> tuple[Tensor, Tensor]:
        """Logits and truth of images of which one half, the left or the right one by chance, is noisy."""
        clean = (0.4 + 0.3 * torch.rand(4, 3, 4, 4, generator=generator)).repeat_interleave(16, 2)
        clean = clean.repeat_interleave(16, 3)
        left = torch.rand(4, 1, 1, 1, generator=generator).round()
        noisy = side * left + (1 - side) * (1 - left)
        severities = {"noise": 0.8 * noisy, "low_light": 0.8 * (1 - noisy)}
        degraded, gatherer = compose(clean, severities, generator).clamp(0, 1), Gatherer()
        network.restore_with_penalty(degraded, gatherer)
        return reader(gatherer.affinities, (4, 4)), present(degraded, clean, severities)

    for _ in range(30):
        optimizer.zero_grad()
        misreading(*read()).backward()
        optimizer.step()
    logits, kinds = (values[:, both] > 0 for values in read())
    assert (logits == kinds).float().mean() > 0.9


def test_a_run_with_it_moves_and_resumes_the_reader_and_ships_the_network_alone(config: Path, tmp_path: Path) -> None:
    whole = run(config, tmp_path / "whole")
    first = run(config, tmp_path / "parts", "train.steps=3")
    second = run(config, tmp_path / "parts")
    readers = [name for name in whole if name.startswith("reader/")]
    assert readers
    for name in readers:
        assert not torch.equal(first[name], second[name]), name
    assert second.keys() == whole.keys()
    shipped, _ = load_tensors(tmp_path / "whole" / "ceair-t.safetensors")
    assert shipped.keys() == load_network(tmp_path / "whole" / "ceair-t.safetensors").state_dict().keys()


def test_a_state_without_a_reader_is_refused(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path, "loss.routing=0", "train.steps=1")
    with pytest.raises(WeightsError, match=r"another loss\.routing"):
        run(config, tmp_path, "train.steps=2")


def test_a_network_without_cea_has_nothing_to_read() -> None:
    with pytest.raises(ConfigError, match=r"loss\.routing .* set it to 0"):
        RoutingReader(build(VARIANTS["none"]), KINDS)
