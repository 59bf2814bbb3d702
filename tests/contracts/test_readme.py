"""What the README shows exists: its files and the two commands that everything starts with."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```\w*\n(.*?)```", README, flags=re.DOTALL))


@pytest.mark.parametrize(
    "path", re.findall(r"\]\(([^):]+)\)", README) + re.findall(r"^\| `([^`]+[/.][^`]*)`", README, flags=re.M)
)
def test_each_file_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_two_commands_are_there_and_ci_runs_the_second() -> None:
    assert "pip install '.[cpu]' && ceair restore examples/*.jpg -o restored/" in CODE
    assert "pip install -e '.[dev]' && make test" in CODE
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "-e '.[dev]'" in script
    assert "\nmake test\n" in script


def test_the_tables_are_those_of_the_card_and_of_the_code() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "readme_tables.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    card = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    for text, name in ((README, "results"), (README, "cost"), (card, "results"), (card, "beside"), (card, "runs")):
        assert f"<!-- {name}: " in text, "without its mark a table is not checked"


def test_the_tables_of_the_study_are_those_of_its_results() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "study_page.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
