"""Jobs that are killed, disks that are full, folders that cannot be written, folders that are watched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
BENCHMARKS = str(ROOT / "benchmarks")
PRELUDE = f"""
import sys
sys.path.insert(0, {BENCHMARKS!r})
from fuzzing.checks import make_unchanged_restorer
import ceair.cli.restore as command
from ceair.cli import main
command.make_restorer = lambda *_: make_unchanged_restorer()
"""


def script(before, *words):
    return [sys.executable, "-c", f"{PRELUDE}\n{before}\nsys.argv = {['ceair', 'restore', *words]!r}\nmain()"]


def photo(path, size=(20, 24), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(path)


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def test_a_job_that_is_killed_four_times_leaves_whole_files_and_goes_on():
    sys.path.insert(0, BENCHMARKS)
    try:
        from kill_and_resume import kill_and_resume

        facts = kill_and_resume(4, 24)
    finally:
        sys.path.remove(BENCHMARKS)
    assert facts["kills"] == 4
    counts, edges = facts["whole_after_each"], [0, *facts["begun_again_before"]]
    for first, end in zip(edges, [*edges[1:], None], strict=True):
        assert counts[first:end] == sorted(counts[first:end]), "finished results must stay"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_a_disk_that_gets_full_costs_the_files_that_do_not_fit_and_no_other(tmp_path, ending):
    photo(tmp_path / f"in/a{ending}", (8, 8))
    photo(tmp_path / f"in/b{ending}", (300, 300))
    photo(tmp_path / f"in/c{ending}", (8, 8))
    # a write beyond the limit fails with EFBIG, at the place where ENOSPC would come, if its signal is ignored
    full = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    full += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    done = subprocess.run(
        script(full, "in", "-o", "out"), cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert sum(f"b{ending}" in line for line in done.stderr.splitlines()) == 1
    assert f"cannot write out/b{ending}: File too large" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"a{ending}", f"c{ending}"]


def test_an_output_that_cannot_be_written_is_named_for_each_file(ceair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.path.insert(0, BENCHMARKS)
    from fuzzing.checks import make_unchanged_restorer

    monkeypatch.setattr("ceair.cli.restore.make_restorer", lambda *_: make_unchanged_restorer())
    photo(tmp_path / "in/a.png")
    photo(tmp_path / "in/b.png")
    real = os.open

    def refuse(path, flags, *rest, **more):  # as a file system that is read-only, whoever asks
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).endswith(".part"):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr("ceair.files._open_temporary", lambda folder: refuse(f"{folder}/x.part", os.O_WRONLY))
    code, _, err = ceair("restore", "in", "-o", "out")
    assert code == 1
    assert err.count("Read-only file system") == 2
    assert "Traceback" not in err
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="an administrator may write anywhere")
def test_a_read_only_folder_is_named(ceair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "in/a.png")
    (tmp_path / "out").mkdir(mode=0o500)
    code, _, err = ceair("restore", "in", "-o", "out")
    assert (code, "Permission denied" in err) == (1, True)


def test_names_that_are_too_long_fail_alone(ceair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.path.insert(0, BENCHMARKS)
    from fuzzing.checks import make_unchanged_restorer

    monkeypatch.setattr("ceair.cli.restore.make_restorer", lambda *_: make_unchanged_restorer())
    photo(tmp_path / f"in/{'n' * 250}.png")
    photo(tmp_path / "in/a.png")
    code, _, err = ceair("restore", "in", "-o", "out", "--suffix", "_restored")
    assert (code, "File name too long" in err) == (1, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_restored.png"]
    code, _, err = ceair("restore", "m" * 300 + ".png", "-o", "b.png")
    assert (code, "Traceback" in err) == (2, False)


def test_a_watched_folder_is_restored_as_files_arrive(tmp_path):
    photo(tmp_path / "in/a.png")
    words = ("in", "-o", "out", "--watch", "--interval", "0.1", "--json", "--report", "report.json")
    with subprocess.Popen(
        script("", *words), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: (tmp_path / "out/a.png").exists())
            (tmp_path / "in/bad.png").write_bytes(b"no image")
            photo(tmp_path / "arriving/b.png", seed=1)
            (tmp_path / "arriving/b.png").replace(tmp_path / "in/b.png")
            wait_until(lambda: (tmp_path / "out/b.png").exists())
            wait_until(lambda: "bad.png" in (tmp_path / "report.json").read_text())
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["interrupted"]
    assert {image["input"]: image["status"] for image in document["images"]} == {
        "in/a.png": "restored",
        "in/b.png": "restored",
        "in/bad.png": "failed",
    }
    assert json.loads((tmp_path / "report.json").read_text())["images"] == document["images"]
    assert "Traceback" not in err
    assert "2 restored, 1 failed" in err.splitlines()[-1]
