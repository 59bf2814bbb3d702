"""One run of a study: train a variant, or go on where it stopped, score it, and keep the result."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ceair.checkpoint import load_into, load_tensors
from ceair.config import dump
from ceair.errors import ConfigError, DataError
from ceair.evaluate import judge, restored_pixels
from ceair.files import write_atomically
from ceair.models import build
from ceair.models.variants import VARIANTS
from ceair.restore import Restorer
from ceair.study.sets import Condition, conditions, prepare, samples
from ceair.study.settings import Run, StudySettings, folder, train_settings
from ceair.system import commit, hardware, versions
from ceair.train.loop import train

RESULT = "result.json"


def finished(settings: StudySettings, run: Run) -> dict[str, Any] | None:
    """The result of a run, None if it is not there yet or was scored on other sets.

    Raises:
        ConfigError: the folder of the run holds one of other settings.
        DataError: the result is damaged.
    """
    path = folder(settings, run) / RESULT
    _check(settings, run)
    if not path.is_file():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        same = result["sets"] == _sets(settings)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged; remove it, and the run is scored again") from error
    return result if same else None


def perform(settings: StudySettings, run: Run) -> None:
    """Train and score one variant; what an earlier call did is not done again.

    Raises:
        CeairError: the data does not fit, or the folder holds a run of other settings.
        SystemExit: a signal stopped the training, after its state was saved.
    """
    if finished(settings, run) is not None:
        return
    prepare(settings)
    asked = conditions(settings)  # a set that cannot be scored is found before hours of training
    ours = train_settings(settings, run)
    write_atomically(ours.output / "asked.json", json.dumps(_asked(settings, run), indent=2).encode())
    network = VARIANTS[run.variant]
    train(ours, network)
    weights = ours.output / f"{run.variant}.safetensors"
    restored = build(network)
    load_into(restored, load_tensors(weights)[0], str(weights))
    accelerator = settings.training.devices.accelerator
    restorer = Restorer(restored.eval(), "cpu" if accelerator == "cpu" else "auto", engine="torch", precision="fp32")
    result = _told(settings, run, restorer, asked)
    write_atomically(ours.output / RESULT, json.dumps(result, allow_nan=False).encode())


def _told(settings: StudySettings, run: Run, restorer: Restorer, asked: list[Condition]) -> dict[str, Any]:
    """The scores of a trained network, how long it took and what it ran on, and the curves of its training."""
    place, started = folder(settings, run), time.monotonic()
    scores = [_score(condition, restorer) for condition in asked]
    print(f"scored in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    _, clock = load_tensors(place / "state.safetensors")
    return {
        "part": run.part,
        "variant": run.variant,
        "seed": run.seed,
        "steps": run.steps,
        "seconds": round(clock["seconds"], 1),
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(str(restorer.device)),
        "sets": _sets(settings),
        "curves": _curves(place / "tensorboard"),
        "conditions": scores,
    }


def _score(condition: Condition, restorer: Restorer) -> dict[str, Any]:
    images = []
    for sample in samples(condition):
        result = judge(sample, restored_pixels(sample, restorer.restore_tensor))
        score = result.score
        images.append(
            {
                "name": result.name,
                "input_psnr": result.input_psnr,
                "psnr": score.psnr,
                "ssim_uniform": score.ssim_uniform,
                "ssim_gaussian": score.ssim_gaussian,
            }
        )
    return {"name": condition.name, "set": condition.imageset, "group": condition.group, "images": images}


def _curves(board: Path) -> dict[str, list[tuple[int, float]]]:
    """Loss and validation PSNR by step, as TensorBoard has them; of a step that was made twice the last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(board), size_guidance={"scalars": 0, "images": 1})
    events.Reload()
    curves = {}
    for tag in events.Tags()["scalars"]:
        if tag == "train/loss" or tag.startswith("validation/"):
            points = {event.step: round(float(event.value), 5) for event in events.Scalars(tag)}
            curves[tag] = sorted(points.items())
    return curves


def _check(settings: StudySettings, run: Run) -> None:
    path = folder(settings, run) / "asked.json"
    if not path.is_file():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged; remove the folder {path.parent} to train that run again") from error
    if before != _asked(settings, run):
        raise ConfigError(
            f"{path.parent} holds a run of other settings; set output=DIR to another folder, or remove that one"
        )


def _asked(settings: StudySettings, run: Run) -> Mapping[str, Any]:
    """What settles the weights of a run, but for the files of the data."""
    training = dump(settings.training)
    for name in ("validation", "checkpoint_minutes", "log_every"):  # what is looked at changes no weight
        del training[name]
    data = dump(settings.data)
    kept = {key: data[key] for key in ("sources", "mixture", "group_size")}
    text = json.dumps({"network": repr(VARIANTS[run.variant]), "steps": run.steps, "training": training, "data": kept})
    asked: Mapping[str, Any] = json.loads(text)
    return asked


def _sets(settings: StudySettings) -> Any:
    return json.loads(json.dumps([dump(one) for one in settings.sets]))
