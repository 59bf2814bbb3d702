"""The command line over a folder of nasty files: each bad one gets a line, every good one is done, nothing is left."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 1_000_000_000  # bytes
LISTED = (
    *("empty", "truncated", "png-named-jpg", "text", "html", "svg", "bomb", "one-pixel", "1x20000", "20000x1", "cmyk"),
    *("palette-alpha", "grey-alpha", "deep-grey", "float", "nan", "exif-5-mb", "bad-profile", "gif-animation", "pages"),
    *("heic", "folder", "loop", "locked", "größe", "new\nline"),
)

# The whole command with a network that changes nothing; the last line on stdout is the most memory that it held.
COMMAND = """
import sys
from pathlib import Path
sys.path.insert(0, {benchmarks!r})
from fuzzing.checks import make_unchanged_restorer
import ceair.cli.restore as command
from ceair.cli import main
command.make_restorer = lambda *_: make_unchanged_restorer()
try:
    main()
finally:
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The nasty files, and `files` that a folder job does not take for images but somebody may name."""
    path = tmp_path_factory.mktemp("nasty")
    subprocess.run([sys.executable, ROOT / "scripts" / "nasty_files.py", path / "in"], check=True)
    return path


@pytest.fixture(scope="module")
def run(folder):
    """What the command answers: exit code, document, lines on stderr, bytes of memory."""
    code = COMMAND.format(benchmarks=str(ROOT / "benchmarks"))
    words = ["ceair", "restore", "in", "in/folder.png", "in/loop.png", "in/broken-link.png", "in/pipe.png", "-o", "out"]
    words = [word for word in words if "/" not in word or os.path.lexists(folder / word)]
    script = f"import sys; sys.argv = {[*words, '--json']!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, timeout=240, check=False, env=dict(os.environ)
    )
    document, _, peak = done.stdout.decode().strip().rpartition("\n")
    return done.returncode, json.loads(document), done.stderr.decode().splitlines(), int(peak) * 1024


def names(document, status):
    return {Path(image["input"]).name for image in document["images"] if image["status"] == status}


def test_there_are_at_least_sixty_and_all_listed_kinds(folder):
    there = sorted(path.name for path in (folder / "in").iterdir())
    assert len(there) >= 60
    for kind in LISTED:
        assert any(kind in name for name in there), kind


def test_good_ones_are_done_and_bad_ones_are_not(folder, run):
    code, document, _, _ = run
    assert code == 1
    restored, failed = names(document, "restored"), names(document, "failed")
    assert {name for name in failed if name.startswith("good") or name.endswith(" good.png")} == set()
    assert {name for name in restored if name.startswith("bad") or name.endswith(" bad.png")} == set()
    wanted = {path.name for path in (folder / "in").iterdir() if path.is_file()}
    assert wanted <= restored | failed
    assert len(restored) > 40
    assert len(failed) > 60
    assert document["totals"]["restored"] == len(restored)


def test_each_gets_one_line_and_nothing_else_is_printed(run):
    _, document, lines, _ = run
    assert len(lines) == len(document["images"]) + 1
    for image in document["images"]:
        if image["status"] == "failed":
            error = image["error"]
            assert lines.count(f"ceair: {error}") == 1
            name = image["input"] if image["input"].isprintable() else ascii(image["input"])[1:-1]
            assert name in error
            assert re.search(r": \S.{10,}", error), "a reason"
    assert not [line for line in lines if "Traceback" in line or "Warning" in line or "libtiff" in line.lower()]


def test_nothing_partial_is_left_and_results_are_whole_images(folder, run):
    from ceair.image import read_picture

    _, document, _, _ = run
    there = {path.name for path in (folder / "out").iterdir()}
    assert there == names(document, "restored")
    for name in sorted(there):
        source, result = read_picture(folder / "in" / name), read_picture(folder / "out" / name)
        assert source.samples.shape == result.samples.shape
        assert (source.depth, source.alpha is None) == (result.depth, result.alpha is None)


def test_memory_stays_below_one_gigabyte(run):
    assert run[3] < LIMIT


def test_each_bad_file_that_is_named_alone_ends_in_one_sentence(ceair, folder, monkeypatch):
    """In this process, where an exception would be seen; the reader is the same for all, so one of each kind does."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("ceair.cli.restore.make_restorer", lambda *_: pytest.fail("no restorer is needed"))
    for name in ("folder.png", "loop.png", "broken-link.png"):
        code, out, err = ceair("restore", f"in/{name}", "-o", "alone.png")
        assert (code, out) in ((1, ""), (2, "")), name
        assert "Traceback" not in err
        assert not Path("alone.png").exists()
