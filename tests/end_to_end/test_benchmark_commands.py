"""`ceair evaluate BENCHMARK` and `ceair compare` as a user calls them, on small trees of the published layouts."""

import csv
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ceair import metrics
from ceair.data import benchmarks

DATA = os.environ.get("CEAIR_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="CEAIR_DATA names no folder of benchmark images")
IDENTITY = ("--method", "identity")
COUNT = 3
FOLDERS = {
    "PromptIR": {
        "sots-outdoor": ("test/dehaze/input", "test/dehaze/target"),
        "rain100l": ("test/derain/Rain100L/input", "test/derain/Rain100L/target"),
        "cbsd68": (None, "test/denoise/bsd68"),
        "gopro": ("test/deblur/gopro/input", "test/deblur/gopro/target"),
        "lol-v1": ("test/enhance/lol/input", "test/enhance/lol/target"),
    },
    "MoCE-IR": {
        "sots-outdoor": ("dehazing/SOTS/outdoor/hazy", "dehazing/SOTS/outdoor/gt"),
        "rain100l": ("deraining/Rain100L/rainy", "deraining/Rain100L/gt"),
        "cbsd68": (None, "denoising/cBSD68/original_png"),
        "gopro": ("deblurring/GoPro/test/input", "deblurring/GoPro/test/target"),
        "lol-v1": ("llie/LOLv1/Test/input", "llie/LOLv1/Test/target"),
    },
}


@pytest.fixture(autouse=True)
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks with sets of `COUNT` images."""
    for name, benchmark in benchmarks.BENCHMARKS.items():
        columns = tuple(
            replace(column, testset=replace(column.testset, count=column.testset.count and COUNT))
            for column in benchmark.columns
        )
        monkeypatch.setitem(benchmarks.BENCHMARKS, name, replace(benchmark, columns=columns))


def photo(path: Path, seed: int, noise: float, size: tuple[int, int] = (34, 50)) -> None:
    clean = np.add.outer(np.linspace(0, 200, size[0]), np.linspace(0, 55, size[1]))[..., None].repeat(3, axis=-1)
    degraded = clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(degraded.clip(0, 255).astype(np.uint8)).save(path)


def plant(root: Path, degraded: str | None, clean: str, haze: bool = False, moce_rain: bool = False) -> None:
    """`COUNT` pairs in two folders, or clean images in one."""
    for index in range(COUNT):
        target, source = (f"norain-{index}", f"rain-{index}") if moce_rain else (f"{index}", f"{index}")
        photo(root / clean / f"{target}.png", index, 0)
        if degraded:
            name = f"{source}_0.8_0.2.jpg" if haze else f"{source}.png"
            photo(root / degraded / name, index, 10 + index)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Plain folders of Rain100L, CBSD68 and LOL-v1."""
    for name in ("Rain100L", "LOL-v1"):
        plant(tmp_path / "data", f"{name}/input", f"{name}/target")
    plant(tmp_path / "data", None, "CBSD68/target")
    return tmp_path / "data"


def read(out: str) -> dict[str, dict]:  # type: ignore[type-arg]
    return {condition["condition"]: condition for condition in json.loads(out)["conditions"]}


@pytest.mark.parametrize("layout", sorted(FOLDERS))
def test_a_whole_benchmark_has_an_average_in_each_layout(ceair, tmp_path: Path, layout: str) -> None:  # type: ignore[no-untyped-def]
    for name, folders in FOLDERS[layout].items():
        plant(tmp_path, *folders, haze="sots" in name, moce_rain=name == "rain100l" and layout == "MoCE-IR")
    code, out, _ = ceair("evaluate", "aio5", "--data", tmp_path, *IDENTITY, "--json")
    document = json.loads(out)
    means = [condition["means"]["psnr"] for condition in document["conditions"]]
    assert code == 0
    assert {condition["status"] for condition in document["conditions"]} == {"complete"}
    assert document["average"]["psnr"] == pytest.approx(np.mean(means))
    lines = ceair("evaluate", "aio5", "--data", tmp_path, *IDENTITY)[1].splitlines()
    assert lines[6].split()[:2] == ["average", f"{np.mean(means):.2f}"]


def test_cdd11_is_read_in_the_authors_layout_and_not_cropped(ceair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for column in benchmarks.BENCHMARKS["cdd11"].columns:
        plant(tmp_path, f"CDD-11_test/{column.title}", "CDD-11_test/clear")
    code, out, _ = ceair("evaluate", "cdd11", "--data", tmp_path, *IDENTITY, "--json")
    document = json.loads(out)
    assert code == 0
    assert len(document["conditions"]) == 11
    assert document["average"] is not None
    image = document["conditions"][0]["images"][0]
    assert (image["height"], image["width"]) == (34, 50)


def test_composites_of_ceair_degrade_are_a_benchmark(ceair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    photo(tmp_path / "photos/a.png", 1, 0, (32, 48))
    assert ceair("degrade", tmp_path / "photos", "-o", tmp_path / "open", "--preset", "cdd-open")[0] == 0
    code, out, _ = ceair("evaluate", "cdd-open", "--data", tmp_path / "open", *IDENTITY, "--json")
    conditions = read(out)
    assert code == 0
    assert len(conditions) == 15
    assert {condition["status"] for condition in conditions.values()} == {"complete"}


def test_absent_columns_are_shown_and_never_averaged_over(ceair, data: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = ceair("evaluate", "aio5", "--data", data, *IDENTITY)
    rows = {line.split("  ")[0]: line.split()[-7:] for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert rows["SOTS"][0] == rows["GoPro"][0] == "absent"
    assert "average" not in rows
    assert "No average" in out
    assert json.loads(ceair("evaluate", "aio5", "--data", data, *IDENTITY, "--json")[1])["average"] is None


def test_an_incomplete_set_is_scored_but_not_averaged(ceair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, folders in FOLDERS["PromptIR"].items():
        plant(tmp_path, *folders, haze="sots" in name)
    (tmp_path / "test/enhance/lol/input/2.png").unlink()
    document = json.loads(ceair("evaluate", "aio5", "--data", tmp_path, *IDENTITY, "--json")[1])
    low = document["conditions"][-1]
    assert (low["status"], low["count"], low["expected"]) == ("incomplete", 2, 3)
    assert document["average"] is None
    assert "2 of 3" in ceair("evaluate", "aio5", "--data", tmp_path, *IDENTITY)[1]


def test_the_same_command_gives_the_same_document(ceair, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("evaluate", "cbsd68", "--data", data, *IDENTITY, "--json", "--json-file")
    first, second = (ceair(*words, tmp_path / name) for name in ("a.json", "b.json"))
    assert first == second
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes() == first[1].encode()
    document = json.loads(first[1])
    assert document["hardware"]["cpu"]
    assert document["seeds"] == {"noise": "file name and sigma", "bootstrap": 0}
    assert {"settings", "commit", "versions"} <= document.keys()


def test_numbers_are_those_of_the_files_named_by_their_hashes(ceair, data: Path) -> None:  # type: ignore[no-untyped-def]
    image = read(ceair("evaluate", "lol-v1", "--data", data, *IDENTITY, "--crop", "1", "--json")[1])["lol-v1"][
        "images"
    ][1]
    paths = {role: data / "LOL-v1" / role / "1.png" for role in ("input", "target")}
    degraded, clean = (np.asarray(Image.open(path)).astype(np.float32) / 255 for path in paths.values())
    assert image["sha256"] == {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in paths.items()}
    assert image["psnr"] == pytest.approx(metrics.psnr(degraded, clean))
    assert image["ssim_uniform"] == pytest.approx(metrics.ssim_uniform(degraded, clean), abs=1e-6)
    assert image["ssim_gaussian"] == pytest.approx(metrics.ssim_gaussian(degraded, clean), abs=1e-6)


@pytest.mark.parametrize("benchmark", ["cbsd68", "aio5"])
def test_legacy_noise_is_the_global_stream_over_all_strengths(ceair, data: Path, benchmark: str) -> None:  # type: ignore[no-untyped-def]
    clean = [np.asarray(Image.open(data / f"CBSD68/target/{index}.png"))[1:33, 1:49] for index in range(COUNT)]
    np.random.seed(0)
    expected = {}
    for sigma in (15, 25, 50):
        noisy = [np.clip(image + np.random.randn(*image.shape) * sigma, 0, 255).astype(np.uint8) for image in clean]
        pairs = zip(noisy, clean, strict=True)
        expected[f"cbsd68-{sigma}"] = [metrics.psnr(*(image / np.float32(255) for image in pair)) for pair in pairs]
    conditions = read(ceair("evaluate", benchmark, "--data", data, *IDENTITY, "--legacy-noise", "--json")[1])
    for name in expected.keys() & conditions.keys():
        assert [image["psnr"] for image in conditions[name]["images"]] == pytest.approx(expected[name])
    usual = read(ceair("evaluate", benchmark, "--data", data, *IDENTITY, "--json")[1])
    assert usual["cbsd68-25"]["means"]["psnr"] != conditions["cbsd68-25"]["means"]["psnr"]


def test_saved_images_score_as_the_run_that_saved_them(ceair, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("evaluate", "aio3", "--data", data)
    saved, a, b = tmp_path / "saved", tmp_path / "a.json", tmp_path / "b.json"
    assert ceair(*words, *IDENTITY, "--save", saved, "--json-file", a)[0] == 0
    assert sorted(path.name for path in (saved / "cbsd68-50").iterdir()) == ["0.png", "1.png", "2.png"]
    assert ceair(*words, "--images", saved, "--json-file", b)[0] == 0
    ran, scored = read(a.read_text()), read(b.read_text())
    for name in ("rain100l", "cbsd68-15", "cbsd68-50"):
        assert scored[name]["means"]["psnr"] == pytest.approx(ran[name]["means"]["psnr_8bit"])
        assert "restored" in scored[name]["images"][0]["sha256"]
    code, out, _ = ceair("compare", a, b)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "condition",
        "rain100l",
        *(f"cbsd68-{s}" for s in (15, 25, 50)),
    ]
    assert json.loads(ceair("compare", a, b, "--json")[1])["differences"][0]["mean_difference"] == 0


def test_images_of_one_condition_may_lie_in_the_folder_itself_uncropped(ceair, data: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = ceair("evaluate", "lol-v1", "--data", data, "--images", data / "LOL-v1/input", "--json")
    before = read(ceair("evaluate", "lol-v1", "--data", data, *IDENTITY, "--json")[1])
    assert code == 0
    assert read(out)["lol-v1"]["means"]["psnr"] == pytest.approx(before["lol-v1"]["means"]["psnr"], abs=1e-4)


def test_columns_that_nobody_restored_are_absent(ceair, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plant(tmp_path / "mine", None, "cbsd68-25")
    _, out, _ = ceair("evaluate", "aio5", "--data", data, "--images", tmp_path / "mine", "--json")
    states = {name: condition["status"] for name, condition in read(out).items()}
    assert [name for name, state in states.items() if state == "complete"] == ["cbsd68-25"]


def test_every_image_has_a_line_in_the_csv(ceair, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ceair("evaluate", "cbsd68", "--data", data, *IDENTITY, "--csv", tmp_path / "a.csv")
    lines = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [(line["condition"], line["name"]) for line in lines[2:5]] == [
        ("cbsd68-15", "2"),
        ("cbsd68-25", "0"),
        ("cbsd68-25", "1"),
    ]
    assert float(lines[0]["psnr"]) == float(lines[0]["input_psnr"])


def test_published_rows_stand_beside_ours_with_source_window_and_note(ceair, data: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = ceair("evaluate", "aio3", "--data", data, *IDENTITY, "--compare", "--format", "markdown")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines() if line.startswith("|")]
    rows = {line[0]: line[1:] for line in lines}
    assert rows["AdaIR"][:6] == ["28.785", "31.06/.980", "38.64/.983", "34.12/.935", "31.45/.892", "28.19/.802"]
    assert rows["AdaIR"][6:] == ["32.69/.918", "uniform", "R", ""]
    assert rows["DFPIR"][-1].startswith("told")
    assert rows["input (ours)"][1] == "absent"
    assert rows["input (ours)"][-4] == "-"  # no average without SOTS
    assert "told: gets the true degradation" in out


def test_latex_is_a_table_that_latex_reads(ceair, data: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = ceair("evaluate", "cbsd68", "--data", data, *IDENTITY, "--format", "latex")
    lines = out.splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrrr}"
    assert lines[2].endswith(r"95 \% of PSNR \\")
    assert lines[-1] == r"\end{tabular}"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("aio3",), 2, "--data"),
        (("aio3", "--data", "data", "--target", "x"), 2, "are for `folder`"),
        (("folder", "--data", "data"), 2, "leave out --data"),
        (("lol-v1", "--data", "data", "--compare"), 2, "--compare"),
        (("lol-v1", "--data", "data", "--images", "data", "--weights", "w"), 2, "--images uses no method"),
        (("aio3", "--data", "absent"), 1, "absent is no folder"),
        (("gopro", "--data", "data"), 1, "ceair doctor gopro --data data"),
        (("lol-v1", "--data", "data", "--images", "absent"), 1, "absent is no folder"),
        (("lol-v1", "--data", "data", "--images", "few"), 1, "few holds no restored image `1`, such as 1.png"),
        (("lol-v1", "--data", "data", "--images", "twice"), 1, "twice/0.jpg and twice/0.png have one name"),
        (("lol-v1", "--data", "data", "--images", "large"), 1, "is 52x34 pixels large, not 50x34 or 48x32"),
        (("aio3", "--data", "data", "--images", "few"), 1, "few holds none of the folders"),
        (("lol-v1", "--data", "empty"), 1, "empty/LOL-v1/target holds no image"),
        (("lol-v1", "--data", "mixed"), 1, "differ in size"),
        (("lol-v1", "--data", "damaged"), 1, "cannot read damaged"),
        (("lol-v1", "--data", "mapped"), 2, "ceair-data.yaml"),
        (("lol-v1", "--data", "data", "--csv", "there.csv"), 1, "there.csv exists; --overwrite"),
    ],
)
def test_mistakes_end_in_one_sentence(  # type: ignore[no-untyped-def]
    ceair, data: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(data.parent)
    photo(Path("few/0.png"), 0, 0)
    for name in ("twice/0.jpg", "twice/0.png"):
        photo(Path(name), 0, 0)
    for index in range(COUNT):
        photo(Path(f"large/{index}.png"), 0, 0, (34, 52))
    for name in ("mixed", "damaged"):
        plant(Path(name), "LOL-v1/input", "LOL-v1/target")
    photo(Path("mixed/LOL-v1/input/1.png"), 0, 0, (34, 52))
    Path("damaged/LOL-v1/input/1.png").write_bytes(b"no image")
    for folder in ("empty/LOL-v1/input", "empty/LOL-v1/target", "mapped"):
        Path(folder).mkdir(parents=True)
    Path("mapped/ceair-data.yaml").write_text("lol-v1: 3")
    Path("there.csv").touch()
    own = () if "--images" in words else IDENTITY
    found, out, err = ceair("evaluate", *words, *own)
    assert (found, out) == (code, "")
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err


def test_compare_refuses_what_is_no_result(ceair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.json").write_text("{}")
    code, out, err = ceair("compare", tmp_path / "a.json", tmp_path / "a.json")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "is no result file" in err


@needs_data
def test_unprocessed_aio5_scores_what_is_known(  # type: ignore[no-untyped-def]
    ceair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the sets in their own size
    root = Path(str(DATA)) / "test"
    five = read(ceair("evaluate", "aio5", "--data", root, *IDENTITY, "--json")[1])
    assert {name for name, condition in five.items() if condition["status"] == "absent"} == {"sots-outdoor", "gopro"}
    assert five["rain100l"]["means"]["psnr"] == pytest.approx(25.52, abs=0.02)
    assert five["lol-v1"]["means"]["psnr"] == pytest.approx(7.77, abs=0.02)
    noisy = read(ceair("evaluate", "cbsd68", "--data", root, *IDENTITY, "--json")[1])
    means = [noisy[f"cbsd68-{sigma}"]["means"]["psnr"] for sigma in (15, 25, 50)]
    assert means == pytest.approx([24.85, 20.54, 14.97], abs=0.05)
