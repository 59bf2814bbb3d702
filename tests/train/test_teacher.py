"""A teacher's targets: the mean over quarter turns, for those who are taught, and a run that learns from them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ceair.checkpoint import load_network, load_tensors
from ceair.config import load, parse
from ceair.data.mixture import Batch
from ceair.errors import ConfigError, WeightsError
from ceair.models import preset
from ceair.train.inputs import training_mixture, validation_batches
from ceair.train.loop import train
from ceair.train.settings import TeacherSettings, TrainSettings
from ceair.train.teacher import Teacher, make_teacher

TAUGHT = (
    "data.mixture=[{weight: 2, source: photos, degrade: {noise: [0.2, 0.8]}, taught: true},"
    " {weight: 1, source: photos}]"
)


class Ramp(nn.Module):
    """Adds a number to each pixel that depends on where it is."""

    def forward(self, images: Tensor) -> Tensor:
        return images + ramp(images.shape[-1])


def ramp(side: int) -> Tensor:
    return 0.001 * torch.arange(side * side, dtype=torch.float32).view(side, side)


def batch(taught: Tensor | None) -> Batch:
    generator = torch.Generator().manual_seed(0)
    degraded, clean = (0.2 + 0.3 * torch.rand(4, 3, 8, 8, generator=generator) for _ in range(2))
    return Batch(degraded, clean, None, taught)


def test_the_answer_is_the_mean_of_four_positions_each_turned_back() -> None:
    degraded = batch(None).degraded
    seen = torch.stack([ramp(8).rot90(turns) for turns in range(4)]).mean(0)
    torch.testing.assert_close(Teacher(Ramp(), 1.0).answer(degraded), degraded + seen)
    assert not torch.allclose(seen, ramp(8))
    torch.testing.assert_close(Teacher(nn.Identity(), 1.0).answer(degraded * 4), (degraded * 4).clamp(0, 1))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_those_who_are_taught_get_the_answer_at_its_share_and_the_others_keep_the_truth(share: float) -> None:
    taught = torch.tensor([True, False, False, True])
    before, teacher = batch(taught), Teacher(Ramp(), share)
    after = teacher.teach(before)
    torch.testing.assert_close(after.clean[~taught], before.clean[~taught], rtol=0, atol=0)
    wanted = (1 - share) * before.clean[taught] + share * teacher.answer(before.degraded[taught])
    torch.testing.assert_close(after.clean[taught], wanted)
    assert torch.equal(after.degraded, before.degraded)
    torch.testing.assert_close(before.clean, batch(None).clean, rtol=0, atol=0)


@pytest.mark.parametrize("taught", [None, torch.zeros(4, dtype=torch.bool)])
def test_where_nobody_is_taught_the_network_is_not_asked(taught: Tensor | None) -> None:
    class Refusing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise AssertionError(f"asked about {len(images)} images")

    before = batch(taught)
    assert Teacher(Refusing(), 1.0).teach(before) is before


def test_batches_tell_whose_ingredient_is_taught_and_validation_keeps_the_truth(config: Path, tmp_path: Path) -> None:
    words = [TAUGHT, "teacher.weights=ceair-t", f"output={tmp_path}"]
    settings = load(TrainSettings, config, words)
    mixture = training_mixture(settings)
    drawn = mixture.batch(0, range(6), 6, 32, torch.device("cpu"))
    wanted = torch.tensor([mixture.ingredient(group).taught for group in range(6)]).repeat_interleave(2)
    assert drawn.taught is not None
    assert torch.equal(drawn.taught, wanted)
    assert set(wanted.tolist()) == {True, False}
    plain = load(TrainSettings, config, [TAUGHT.replace(", taught: true", ""), f"output={tmp_path}"])
    other = training_mixture(plain).batch(0, range(6), 6, 32, torch.device("cpu"))
    assert other.taught is None
    assert torch.equal(other.clean, drawn.clean)
    device = torch.device("cpu")
    for label, sample in validation_batches(settings, device).items():
        assert torch.equal(sample.clean, validation_batches(plain, device)[label].clean)


def run(config: Path, output: Path, *words: str) -> dict[str, Tensor]:
    train(load(TrainSettings, config, [f"output={output}", "init_from=ceair-t", "train.steps=4", *words]))
    return load_tensors(output / "state.safetensors")[0]


def test_a_run_learns_from_its_teacher_and_gives_the_same_again(config: Path, tmp_path: Path) -> None:
    taught = run(config, tmp_path / "one", TAUGHT, "teacher.weights=ceair-t")
    again = run(config, tmp_path / "two", TAUGHT, "teacher.weights=ceair-t")
    truth = run(config, tmp_path / "three", TAUGHT, "teacher.weights=ceair-t", "teacher.share=0")
    plain = run(config, tmp_path / "four", TAUGHT.replace(", taught: true", ""))
    assert taught.keys() == plain.keys()
    assert all(torch.equal(taught[name], again[name]) for name in taught)
    assert all(torch.equal(truth[name], plain[name]) for name in truth)
    assert any(not torch.equal(taught[name], plain[name]) for name in taught)


def test_a_teacher_cannot_learn_and_has_the_weights_that_are_named() -> None:
    teacher = make_teacher(TeacherSettings(Path("ceair-t")), preset("ceair-t").network, torch.device("cpu"))
    assert teacher is not None
    degraded = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert not teacher.answer(degraded).requires_grad
    network = load_network("ceair-t").eval()
    with torch.no_grad():
        answers = [network(degraded.rot90(k, (2, 3))).clamp(0, 1).rot90(-k, (2, 3)) for k in range(4)]
    torch.testing.assert_close(teacher.answer(degraded), torch.stack(answers).mean(0))
    assert make_teacher(TeacherSettings(), preset("ceair-t").network, torch.device("cpu")) is None


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="ceair-t"):
        make_teacher(TeacherSettings(Path("ceair-t")), preset("ceair-s").network, torch.device("cpu"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["teacher.weights=ceair-t"], "need each other"),
        ([TAUGHT], "need each other"),
        ([TAUGHT, "teacher.weights=ceair-t", "teacher.share=1.5"], r"teacher.share must be in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], message: str, config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load(TrainSettings, config, [*words, f"output={tmp_path}"])


def test_a_share_must_be_a_number() -> None:
    with pytest.raises(ConfigError, match="share"):
        parse(TeacherSettings, {"weights": "ceair-t", "share": "much"})
