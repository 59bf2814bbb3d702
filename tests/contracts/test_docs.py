"""What README and documentation show exists: pages, commands and options, configurations, and Python that runs."""

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml
from typer.main import get_command

from ceair.cli.app import app
from ceair.models import PRESETS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
OURS = ("index", "restore", "train", "integrations", "onnx", "faq", "layer")
SHOWN = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in OURS))
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in SHOWN)
CODE = "\n".join(re.findall(r"```\w*\n(.*?)```", TEXT, flags=re.DOTALL))
COMMANDS = sorted(set(re.findall(r"(?:^\$? ?|&& )(ceair [^#&\n]+)", CODE, flags=re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_and_its_options_exist(line: str) -> None:
    _, name, *words = shlex.split(line)
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_and_files_that_pages_name_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert all((page.parent / path).is_file() for path in re.findall(r"!\[[^\]]*\]\(([^):]+)\)", text))
    named = re.findall(r"`((?:configs|examples|scripts|src)/[\w./-]+)`", text)
    assert all((ROOT / path).exists() for path in named)


def test_each_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = set(re.findall(r"[\w-]+\.md", yaml.safe_dump(yaml.safe_load(text)["nav"])))
    assert {page.name for page in PAGES} <= navigation


def test_the_site_fetches_nothing_from_others() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    assert settings["strict"] is True
    assert "http" not in (ROOT / "docs" / "style.css").read_text(encoding="utf-8")


def test_the_python_about_the_layer_runs() -> None:
    page = (ROOT / "docs" / "layer.md").read_text(encoding="utf-8")
    given = {"queries": torch.rand(1, 5, 4), "bases": torch.rand(1, 3, 4), "directions": torch.rand(1, 3, 8)}
    first, looking, tokens = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(first + looking.replace("bases, directions =", "_, _ ="), given)
    exec("import ceair\n" + tokens, given)
    assert given["affinities"].shape == (2, 16, 40, 56)
    assert given["update"].shape == (1, 5, 8)


def test_the_page_about_weights_names_those_that_are_bundled() -> None:
    assert {name for name, preset in PRESETS.items() if preset.weights} == {"ceair-t"}  # as restore.md and faq.md say
