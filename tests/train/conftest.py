"""A training run that takes seconds: six small images, patches of 32 pixels, the smallest preset."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration file; its folder holds the images, and `output` must be given by each test."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "data" / "photos").mkdir(parents=True)
    rows, columns = np.mgrid[0:40, 0:44]
    for index in range(6):
        waves = [128 + 100 * np.sin(rows / (3 + index) + columns / (4 + c)) for c in range(3)]
        Image.fromarray(np.stack(waves, -1).astype(np.uint8)).save(folder / "data" / "photos" / f"p{index}.png")
    (folder / "held_out.txt").write_text("# kept for validation\np5\n")
    settings = {
        "preset": "ceair-t",
        "output": str(folder / "unset"),
        "train": {"steps": 8},
        "stages": [{"until": 0.55, "patch": 32, "batch": 4}, {"until": 1.0, "patch": 16, "batch": 8}],
        "devices": {"accelerator": "cpu", "threads": 1},
        "validation": {"images": 1, "crop": 24},
        "checkpoint_minutes": 60.0,
        "log_every": 1,
        "data": {
            "root": str(folder / "data"),
            "group_size": 2,
            "held_out": str(folder / "held_out.txt"),
            "sources": {"photos": {"path": "photos"}},
            "mixture": [
                {"weight": 2, "source": "photos", "degrade": {"noise": [0.2, 0.8]}},
                {"weight": 1, "source": "photos", "degrade": {"haze": [0.2, 0.8]}, "uneven": 0.5},
            ],
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder / "config.yaml"


def command_line(config: Path, *words: str) -> subprocess.Popen[str]:
    """`python -m ceair train` in a process of its own."""
    command = [sys.executable, "-u", "-m", "ceair", "train", str(config), *words]
    environment = {**os.environ, "JAXTYPING_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    for name in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture
def start():
    """`command_line`, with every process that a failed test would leave behind ended."""
    running: list[subprocess.Popen[str]] = []

    def begin(config: Path, *words: str) -> subprocess.Popen[str]:
        running.append(command_line(config, *words))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()
