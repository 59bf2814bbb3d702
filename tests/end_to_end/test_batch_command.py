"""`ceair batch` as a user calls it: Ray, two workers, and SIGKILL for one of them and for the driver."""

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ceair.batch.cluster import import_ray
from ceair.restore import Restorer

SHARD = 8
OPTIONS = ("--workers", "2", "--shard", str(SHARD), "--engine", "torch", "--precision", "fp32")

pytestmark = [
    pytest.mark.timeout(600),  # Ray takes its time to start where processors are busy
    pytest.mark.xdist_group("ray"),  # one process, and so one cluster, for all of them
]


@pytest.fixture(scope="module")
def cluster():
    """Ray with two processors, which the commands of this process share."""
    ray = import_ray()
    own = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
    ray.init("local", num_cpus=2, object_store_memory=128 << 20, **own)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def restorer():
    return Restorer.from_pretrained(engine="torch", precision="fp32")


@pytest.fixture
def ceair(ceair, monkeypatch, tmp_path):
    """Runs `ceair batch` in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: ceair("batch", *words)


def content(seed, size=(24, 32), kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


def photos(count, size):
    Path("in").mkdir()
    for index in range(count):
        Path("in", f"{index:03d}.png").write_bytes(content(index, size))
    return [f"{index:03d}.png" for index in range(count)]


def pixels(source):
    with Image.open(source) as image:
        return np.asarray(image)


def records(folder="out"):
    """What the records say, shard by shard."""
    paths = sorted(Path(folder, "_ceair", "shards").glob("*.jsonl"))
    return {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in paths}


def wait_until(condition, seconds=300):
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.003)
    return answer


def process_at_work():
    """A worker that has done some images of its first try at a shard, and not yet most of them, if there is one."""
    for path in Path("out/_ceair/begun").glob("*.json"):
        try:
            note = json.loads(path.read_text())
        except (OSError, ValueError):
            continue  # finished meanwhile
        first = int(path.stem) * SHARD
        done = sum(Path(f"out/{first + index:03d}.png").exists() for index in range(SHARD))
        if note["doing"] == "*" and 1 <= done <= SHARD // 2:
            return note["process"]
    return None


def kill_one_at_work():
    """SIGKILL a worker; it is stopped before, so that it is still at work when the signal comes."""

    def kill():
        process = process_at_work()
        if process is None:
            return False
        os.kill(process, signal.SIGSTOP)
        still = process_at_work() == process
        os.kill(process, signal.SIGKILL if still else signal.SIGCONT)
        return still

    wait_until(kill)


def assert_complete(names, restorer):
    """Each image has one entry and one whole result, and these are what this process would have made of them."""
    entries = [entry for shard in records().values() for entry in shard]
    assert sorted(entry["name"] for entry in entries) == names
    assert sorted(path.name for path in Path("out").iterdir()) == [*names, "_ceair"]
    assert not list(Path("out/_ceair/begun").iterdir())
    for name in names:
        assert pixels(f"out/{name}").shape == pixels(f"in/{name}").shape
    for name in names[:: len(names) // 5]:
        expected = restorer(pixels(f"in/{name}")).astype(int)
        assert np.abs(expected - pixels(f"out/{name}")).max() <= 1


@pytest.mark.usefixtures("cluster")
def test_when_a_worker_is_killed_nothing_is_lost_or_done_twice(ceair, restorer):
    names = photos(200, (48, 64))
    killer = threading.Thread(target=kill_one_at_work, daemon=True)
    killer.start()
    code, out, err = ceair("in", "-o", "out", "--json", *OPTIONS)
    killer.join(0)
    totals = json.loads(out)["totals"]
    assert code == 0
    assert not killer.is_alive()
    assert (totals["restored"], totals["failed"], totals["skipped"], totals["retried"]) == (200, 0, 0, 1)
    assert totals["megapixels_per_second"] > 0
    assert re.fullmatch(r"200 restored, 0 failed, 0 skipped in .* 1 shards begun again after a worker died\n", err)
    assert_complete(names, restorer)


def test_when_the_driver_is_killed_the_same_command_goes_on(ceair, restorer):
    assert ceair  # its folder
    names = photos(96, (48, 64))
    command = [sys.executable, "-m", "ceair", "batch", "in", "-o", "out", "--json", *OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        wait_until(lambda: len(records()) >= 2 or driver.poll() is not None)
        driver.kill()
    assert driver.returncode == -signal.SIGKILL, "it should have been at work"
    for path in Path("out").glob("*.png"):
        assert pixels(path).shape == (48, 64, 3), "results are whole at any time"
    before = records()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    totals = json.loads(done.stdout)["totals"]
    assert totals["restored"] + totals["skipped"] == 96
    assert totals["skipped"] >= 2 * SHARD
    assert re.fullmatch(r"\d+ restored, 0 failed, \d+ skipped in .*megapixels/s\n", done.stderr), "and no word of Ray's"
    assert before.items() <= records().items()
    assert_complete(names, restorer)


@pytest.mark.usefixtures("cluster")
def test_parquet_in_and_out_with_rows_that_are_no_images(ceair, restorer):
    kinds = ("PNG", "JPEG", "WEBP")
    rows = [content(index, kind=kinds[index % 3]) for index in range(20)]
    rows[3], rows[11] = rows[3][:200], None
    Path("in").mkdir()
    table = pa.table({"name": [f"photo {index}" for index in range(20)], "photo": rows, "year": range(20)})
    pq.write_table(table, "in/all.parquet", row_group_size=6)
    command = ("in", "-o", "out", "--column", "photo", *OPTIONS)
    code, _, err = ceair(*command)
    assert code == 1
    assert [line for line in err.splitlines() if "photo 3" in line or "photo 11" in line] == err.splitlines()[:2]
    assert re.fullmatch(r"18 restored, 2 failed, 0 skipped .*", err.splitlines()[2])
    paths = sorted(Path("out").glob("*.parquet"))
    result = pa.concat_tables(pq.read_table(path) for path in paths)
    assert result.select(table.column_names).equals(table)
    for index, row in enumerate(result.to_pylist()):
        if index in (3, 11):
            assert (row["status"], row["restored"]) == ("failed", None)
            assert f"photo {index}" in row["error"]
        else:
            assert (row["status"], row["error"]) == ("restored", None)
            with Image.open(io.BytesIO(row["restored"])) as image:
                assert (image.format, image.size) == (kinds[index % 3], (32, 24))
    expected = restorer(pixels(io.BytesIO(rows[0]))).astype(int)
    assert np.abs(expected - pixels(io.BytesIO(result.column("restored")[0].as_py()))).max() <= 1

    times = [path.stat().st_mtime_ns for path in paths]
    code, out, _ = ceair(*command, "--json")
    document = json.loads(out)
    assert code == 1, "what failed is still missing"
    assert [failure["name"] for failure in document["failures"]] == ["photo 3", "photo 11"]
    assert (document["totals"]["restored"], document["totals"]["skipped"]) == (0, 18)
    assert times == [path.stat().st_mtime_ns for path in paths]

    code, out, err = ceair(*command, "--tile", "256")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "other settings (tile)" in err


@pytest.mark.usefixtures("cluster")
def test_what_failed_is_tried_again_on_request_and_nothing_else(ceair):
    names = photos(3, (16, 16))
    Path("in/001.png").write_bytes(b"")
    uris = [Path(folder).absolute().as_uri() for folder in ("in", "out")]
    code, _, err = ceair(uris[0], "-o", uris[1], *OPTIONS)
    assert (code, "001.png" in err) == (1, True)
    times = [Path("out", name).stat().st_mtime_ns for name in (names[0], names[2])]
    Path("in/001.png").write_bytes(content(1))
    assert ceair(uris[0], "-o", uris[1], *OPTIONS)[0] == 1
    code, out, _ = ceair(uris[0], "-o", uris[1], *OPTIONS, "--again", "--json")
    assert (code, json.loads(out)["totals"]["restored"]) == (0, 1)
    assert times == [Path("out", name).stat().st_mtime_ns for name in (names[0], names[2])]
    assert pixels("out/001.png").shape == (24, 32, 3)


@pytest.mark.usefixtures("cluster")
def test_a_device_that_is_not_there_ends_the_job_in_one_sentence(ceair):
    photos(2, (16, 16))
    code, _, err = ceair("in", "-o", "out", *OPTIONS, "--device", "gpu")
    assert (code, err.count("\n")) == (1, 1)
    assert "there is no device `gpu`" in err
    assert not list(Path("out").glob("*.png"))


def test_wrong_words_end_before_any_work(ceair):
    photos(1, (16, 16))
    for words, code, hint in (
        (("gone", "-o", "out"), 2, "there is no gone"),
        (("in", "-o", "in"), 2, "choose another folder"),
        (("in", "-o", "out", "--weights", "gone"), 1, "there is no weights file"),
        (("in", "-o", "out", "--workers", "0"), 2, "--workers"),
        (("in", "-o", "out", "--memory", "much"), 2, "--memory"),
    ):
        answer, out, err = ceair(*words)
        assert (answer, out) == (code, ""), words
        assert hint in " ".join(err.split())
        assert not Path("out").exists()


def test_without_ray_one_sentence_says_what_to_install(ceair, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, out, err = ceair("in", "-o", "out")
    assert (code, out) == (1, "")
    assert err == "ceair: `ceair batch` needs Ray; run `pip install 'ceair[ray]'`\n"


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['ceair', 'batch', '--help']\nfrom ceair.cli import main\n"
    code += "try:\n    main()\nfinally:\n    sys.exit(bool({'torch', 'ray', 'pyarrow', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--gpus-per-worker" in done.stdout
