"""What an import may cost: the core needs no extra, and `ceair --help` needs no torch."""

import subprocess
import sys

import pytest

EXTRAS = (
    "lightning",
    "tensorboard",
    "skimage",
    "openvino",
    "onnx",
    "onnxruntime",
    "gradio",
    "ray",
    "matplotlib",
    "torchvision",
)
CORE = (
    "ceair.nn",
    "ceair.models",
    "ceair.restore",
    "ceair.degradations",
    "ceair.image",
    "ceair.checkpoint",
    "ceair.cost",
)


def loaded_after(code: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter has loaded after running `code`."""
    report = f"{code}\nimport sys; print('modules:', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("module", CORE)
def test_core_modules_load_no_extra(module: str) -> None:
    assert not loaded_after(f"import {module}") & set(EXTRAS)


def test_importing_the_package_loads_no_torch() -> None:
    assert "torch" not in loaded_after("import ceair")


def test_help_loads_neither_torch_nor_numpy() -> None:
    answer = (
        "import ceair.cli, sys\nsys.argv = ['ceair', '--help']\ntry:\n    ceair.cli.main()\nexcept SystemExit: pass"
    )
    assert not loaded_after(answer) & {"torch", "numpy", "PIL", "cv2"}
