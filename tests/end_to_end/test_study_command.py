"""`ceair study` from nothing to tables and plots, stopped, resumed, and asked for what it must not do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("study")  # one process, so that the study is trained once

Ceair = Callable[..., tuple[int, str, str]]

GRIDS = "grids=[{variants: [cea, none, rank-1], seeds: [0], steps: 3}]"
SMALL = (
    "made_up=6",
    "sets=[{benchmark: cdd-open, limit: 2, crop: 48}, {noise: [25], limit: 2, crop: 48}]",
    "training.validation.every_steps=2",
    "training.log_every=1",
)
PLOTS = ("quality", "differences", "conditions", "curves", "cost", "ranks")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a study that two processes did."""
    output = tmp_path_factory.mktemp("study") / "out"
    command = [sys.executable, "-m", "ceair", "study", "smoke", f"output={output}", *SMALL, GRIDS, "--jobs", "2"]
    environment = {**os.environ, "JAXTYPING_DISABLE": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr.count(": finished after") == 3
    return output


def words(output: Path, *more: str) -> list[str]:
    return ["study", "smoke", f"output={output}", *SMALL, GRIDS, *more]


def test_every_table_and_plot_is_there(done: Path) -> None:
    tables = json.loads((done / "tables.json").read_text())
    assert tables["runs"] == {"finished": 3, "wanted": 3}
    main = tables["parts"]["main"]
    assert list(main["variants"]) == ["cea", "none", "rank-1"]
    assert list(main["groups"]) == ["single", "composite", "varying", "composite + varying"]
    assert len(main["conditions"]) == 16
    assert {condition["images"] for condition in main["conditions"].values()} == {2}
    for variant in main["variants"].values():
        for group in main["groups"]:
            one = variant["means"]["psnr"][group]
            assert one["interval_95"][0] <= one["mean"] <= one["interval_95"][1]
    gain = main["variants"]["none"]["cea_minus"]["psnr"]["composite"]["mean"]
    cea, none = (main["variants"][name]["means"]["psnr"]["composite"]["mean"] for name in ("cea", "none"))
    assert gain == pytest.approx(cea - none)
    markdown = (done / "tables.md").read_text()
    names = ["main-quality", "main-ssim", "main-differences", "main-conditions", "main-ranks", "costs"]
    assert [name for name in names if f"## {name}\n" not in markdown] == []
    wanted = {f"main-{plot}" for plot in PLOTS}
    assert {path.name for path in (done / "plots").iterdir()} == {f"{n}.{e}" for n in wanted for e in ("png", "svg")}


def test_the_means_are_those_of_the_images(done: Path) -> None:
    results = json.loads((done / "results.json").read_text())
    tables = json.loads((done / "tables.json").read_text())
    run = next(run for run in results["runs"] if (run["part"], run["variant"]) == ("main", "none"))
    low = next(condition for condition in run["conditions"] if condition["name"] == "low")
    mean = sum(image["psnr"] for image in low["images"]) / len(low["images"])
    assert tables["parts"]["main"]["variants"]["none"]["means"]["psnr"]["low"]["mean"] == pytest.approx(mean)
    assert [step for step, _ in run["curves"]["train/loss"]] == [1, 2, 3]


def test_a_second_call_trains_nothing_and_tells_the_same(done: Path, ceair: Ceair) -> None:
    before = (done / "tables.json").read_text()
    stamps = {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("*") if path.is_file()}
    code, out, err = ceair(*words(done, "--json"))
    assert code == 0
    assert "3 of 3 runs are finished already" in err
    assert json.loads(out) == json.loads(before) == json.loads((done / "tables.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("*") if path.is_file()} == stamps


def test_more_images_score_again_without_training(done: Path, ceair: Ceair) -> None:
    """`--run` does one run here; with other sets only the scores are made anew."""
    sets = "sets=[{noise: [25], limit: 1, crop: 48}]"
    weights = done / "runs" / "main" / "none" / "0" / "none.safetensors"
    result, stamp = weights.with_name("result.json"), weights.stat().st_mtime_ns
    before = result.read_bytes()
    try:
        code, _, err = ceair(*words(done, sets, "--run", "main/none/0"))
        assert code == 0, err
        assert len(json.loads(result.read_text())["conditions"]) == 1
        assert weights.stat().st_mtime_ns == stamp
    finally:
        result.write_bytes(before)


def test_other_settings_and_unknown_runs_are_refused(done: Path, ceair: Ceair) -> None:
    code, _, err = ceair(*words(done, "training.optim.lr=1e-3"))
    assert code == 2
    assert "holds a run of other settings" in err
    code, _, err = ceair(*words(done, "--run", "main/prompt/0"))
    assert code == 2
    assert "no run `main/prompt/0`; its runs are main/cea/0" in err
    code, _, err = ceair("study", "nowhere.yaml")
    assert code == 2
    assert "no study `nowhere.yaml`" in err


def test_no_finished_run_is_no_report(tmp_path: Path, ceair: Ceair) -> None:
    code, _, err = ceair(*words(tmp_path / "out", "--report"))
    assert code == 1
    assert "no run of the study is finished" in err


def test_a_failed_run_is_told_and_the_others_are_in_the_tables(done: Path, ceair: Ceair) -> None:
    place = done / "runs" / "main" / "prompt" / "0"
    place.mkdir(parents=True)
    (place / "state.safetensors").write_bytes(b"junk")
    grids = "grids=[{variants: [prompt, cea, none], seeds: [0], steps: 3}]"
    try:
        code, _, err = ceair(*words(done, grids))
    finally:
        shutil.rmtree(place)
    assert code == 1
    assert "main/prompt/0: failed, see" in err
    assert "state.safetensors is no whole safetensors file" in err
    assert list(json.loads((done / "tables.json").read_text())["parts"]["main"]["variants"]) == ["cea", "none"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_a_stopped_study_saves_and_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "out"
    grids = "grids=[{variants: [none], seeds: [0], steps: 100000}]"
    command = [sys.executable, "-m", "ceair", *words(output, grids)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "JAXTYPING_DISABLE": "1"})
    log = output / "runs" / "main" / "none" / "0" / "log.txt"
    try:
        deadline = time.monotonic() + 120
        while not (log.is_file() and "step 3 " in log.read_text()):
            assert time.monotonic() < deadline, process.poll()
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    assert "stopping: saving the state" in log.read_text()
    assert (log.parent / "state.safetensors").is_file()
    assert not (log.parent / "result.json").exists()
