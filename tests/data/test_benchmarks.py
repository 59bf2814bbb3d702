"""The benchmarks as data: figures that must add up, layouts that must be found, files that must pair."""

from pathlib import Path

import pytest

from ceair.data.benchmarks import BENCHMARKS, Benchmark, Column
from ceair.data.locate import MAPPING, find
from ceair.data.sets import (
    BSD400,
    CBSD68,
    CDD11_SUBSETS,
    GOPRO,
    LOL_V1,
    RAIN100L,
    RAIN_TRAIN_L,
    RESIDE_OTS,
    SOTS_INDOOR,
    SOTS_OUTDOOR,
    WED,
    TestSet,
    cdd11_test,
)
from ceair.errors import ConfigError, DataError

TABLES = [benchmark for benchmark in BENCHMARKS.values() if benchmark.published]
ROWS = [pytest.param(table, row, id=f"{table.name}-{row.method}") for table in TABLES for row in table.published]


def put(root: Path, *paths: str) -> Path:
    """Empty files: finding looks at names only."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_published_means_follow_from_their_columns(table: Benchmark, row) -> None:  # type: ignore[no-untyped-def]
    if not row.scores:
        return
    assert len(row.scores) == len(table.columns)
    for part in ("psnr", "ssim"):
        numbers = [getattr(score, part) for score in row.scores]
        published = getattr(row.average, part)
        if published is not None and None not in numbers:
            assert sum(numbers) / len(numbers) == pytest.approx(published, abs=0.02 if part == "psnr" else 0.001)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_have_many_rows_each_with_a_source_and_a_known_window(table: Benchmark) -> None:
    assert sum(bool(row.scores) for row in table.published) >= 12
    assert {row.source.split()[0] for row in table.published} == {"R", "T"}
    assert {row.window for row in table.published} <= {"uniform", "Gaussian", "?"}
    assert any(row.told for row in table.published)


@pytest.mark.parametrize(("name", "length", "epochs"), [("aio3", 142_431, 120), ("aio5", 162_646, 150)])
def test_epochs_are_as_long_as_those_of_the_published_code(name: str, length: int, epochs: int) -> None:
    assert (BENCHMARKS[name].epoch_length, BENCHMARKS[name].epochs) == (length, epochs)


def test_the_columns_are_those_of_the_papers() -> None:
    titles = {name: [column.title for column in BENCHMARKS[name].columns] for name in ("aio3", "aio5", "cdd11")}
    assert titles["aio3"] == ["SOTS", "Rain100L", "CBSD68 s=15", "CBSD68 s=25", "CBSD68 s=50"]
    assert titles["aio5"] == ["SOTS", "Rain100L", "CBSD68 s=25", "GoPro", "LOL-v1"]
    assert titles["cdd11"] == list(CDD11_SUBSETS)
    assert [benchmark.averaged for benchmark in BENCHMARKS.values()][:4] == [True] * 4
    assert not BENCHMARKS["cbsd68"].averaged


def test_conditions_have_names_of_their_own() -> None:
    for benchmark in BENCHMARKS.values():
        names = [column.condition for column in benchmark.columns]
        assert len(set(names)) == len(names)
    assert Column("", CBSD68, 25).condition == "cbsd68-25"


@pytest.mark.parametrize(
    ("testset", "folder", "pair", "source"),
    [
        (RAIN100L, "Rain100L", ("input/1.png", "target/1.png"), "plain"),
        (RAIN100L, "test/derain/Rain100L", ("input/1.png", "target/1.png"), "PromptIR"),
        (RAIN100L, "deraining/Rain100L", ("rainy/rain-001.png", "gt/norain-001.png"), "MoCE-IR"),
        (SOTS_OUTDOOR, "test/dehaze", ("input/0001_0.8_0.2.jpg", "target/0001.png"), "PromptIR"),
        (SOTS_OUTDOOR, "dehazing/SOTS/outdoor", ("hazy/0001_0.8_0.2.jpg", "gt/0001.png"), "MoCE-IR"),
        (SOTS_INDOOR, "dehazing/SOTS/indoor", ("hazy/1400_1.png", "gt/1400.png"), "MoCE-IR"),
        (GOPRO, "test/deblur/gopro", ("input/GOPR0384_11_00_000001.png", "target/GOPR0384_11_00_000001.png"), "AdaIR"),
        (GOPRO, "deblurring/GoPro/test", ("input/1.png", "target/1.png"), "MoCE-IR"),
        (LOL_V1, "test/enhance/lol", ("input/1.png", "target/1.png"), "AdaIR"),
        (LOL_V1, "llie/LOLv1/Test", ("input/1.png", "target/1.png"), "MoCE-IR"),
        (LOL_V1, "LOL-v1/eval15", ("low/1.png", "high/1.png"), "the authors'"),
        (cdd11_test("low_haze"), "CDD-11_test", ("low_haze/1.png", "clear/1.png"), "OneRestore"),
        (cdd11_test("low_haze"), "test", ("low_haze/1.png", "clear/1.png"), "OneRestore"),
        (cdd11_test("low_haze"), "cdd11/test", ("low_haze/1.png", "clear/1.png"), "MoCE-IR"),
    ],
)
def test_each_layout_is_found_and_its_files_pair(
    tmp_path: Path, testset: TestSet, folder: str, pair: tuple[str, str], source: str
) -> None:
    degraded, clean = (f"{folder}/{path}" for path in pair)
    located = find(testset, put(tmp_path, degraded, clean))
    assert located is not None
    assert located.source == source
    assert located.pairs() == [(tmp_path / degraded, tmp_path / clean)]


@pytest.mark.parametrize(
    "path", ["CBSD68/target/1.webp", "test/denoise/bsd68/3096.jpg", "denoising/cBSD68/original_png/0000.png"]
)
def test_clean_sets_are_found(tmp_path: Path, path: str) -> None:
    located = find(CBSD68, put(tmp_path, path))
    assert located is not None
    assert located.clean_paths() == [tmp_path / path]


def test_training_sets_in_one_folder_are_told_apart_by_their_endings(tmp_path: Path) -> None:
    put(tmp_path, "Train/Denoise/00001.bmp", "Train/Denoise/a100075.jpg", "Train/Derain/rainy/rain-1.png")
    put(
        tmp_path,
        "Train/Derain/gt/norain-1.png",
        *(f"Train/Dehaze/synthetic/part{n}/000{n}_1_0.2.jpg" for n in range(1, 5)),
    )
    put(tmp_path, *(f"Train/Dehaze/original/000{n}.jpg" for n in range(1, 5)))
    found = {trainset.name: find(trainset, tmp_path) for trainset in (WED, BSD400, RAIN_TRAIN_L, RESIDE_OTS)}
    names = {name: [path.name for path in located.clean_paths()] for name, located in found.items() if located}
    assert names["wed"] == ["00001.bmp"]
    assert names["bsd400"] == ["a100075.jpg"]
    hazy = found["reside-ots"]
    assert hazy is not None
    assert [(a.parent.name, b.name) for a, b in hazy.pairs()] == [(f"part{n}", f"000{n}.jpg") for n in range(1, 5)]


def test_several_hazy_images_share_a_clean_one(tmp_path: Path) -> None:
    located = find(
        SOTS_OUTDOOR, put(tmp_path, *(f"dehaze/input/0001_{b}.jpg" for b in (1, 2)), "dehaze/target/0001.png")
    )
    assert located is not None
    assert [clean.name for _, clean in located.pairs()] == ["0001.png"] * 2


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    put(tmp_path, "SOTS-outdoor-2/input/1.png", "SOTS-outdoor-2/target/1.png", "Rain100L/input/1.png")
    assert find(SOTS_OUTDOOR, tmp_path) is None
    assert find(RAIN100L, tmp_path) is None  # its clean images are missing
    with pytest.raises(DataError, match="is no folder"):
        find(RAIN100L, tmp_path / "absent")


def test_a_degraded_file_without_a_clean_one_is_named(tmp_path: Path) -> None:
    located = find(SOTS_OUTDOOR, put(tmp_path, "dehaze/input/0007_1_1.jpg", "dehaze/target/0001.png"))
    assert located is not None
    with pytest.raises(DataError, match=r"0007_1_1\.jpg has no clean partner `0007`"):
        located.pairs()


def test_composites_that_we_made_are_never_taken_for_cdd11(tmp_path: Path) -> None:
    put(tmp_path, "clear/a.png", "low/a.png")
    assert find(cdd11_test("low"), tmp_path) is not None
    put(tmp_path, "manifest.json")
    assert find(cdd11_test("low"), tmp_path) is None
    assert find(BENCHMARKS["cdd-open"].columns[0].testset, tmp_path) is not None


def test_a_mapping_says_where_other_layouts_are(tmp_path: Path) -> None:
    put(tmp_path, "mine/wet/rain-1.png", "mine/dry/norain-1.png", "kodak/1.png", "Rain100L/input/9.png")
    (tmp_path / MAPPING).write_text("rain100l: {input: mine/wet, target: mine/dry}\nCBSD68: {target: kodak}\n")
    rain, clean = find(RAIN100L, tmp_path), find(CBSD68, tmp_path)
    assert rain is not None
    assert clean is not None
    assert [(a.name, b.name) for a, b in rain.pairs()] == [("rain-1.png", "norain-1.png")]
    assert clean.clean_paths() == [tmp_path / "kodak/1.png"]
    assert find(GOPRO, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("rain100l: [", ConfigError, "cannot read"),
        ("- a", ConfigError, "must map names"),
        ("rain100l: {input: a}", ConfigError, "says of `rain100l`"),
        ("rain100l: {input: a, target: b, crop: 3}", ConfigError, "says of `rain100l`"),
        ("rain100l: {target: Rain100L}", ConfigError, "needs an `input`"),
        ("rain100l: {input: absent, target: Rain100L}", DataError, "absent, which is no folder"),
    ],
)
def test_a_damaged_mapping_is_one_sentence(tmp_path: Path, text: str, error: type, message: str) -> None:
    put(tmp_path, "Rain100L/1.png")
    (tmp_path / MAPPING).write_text(text)
    with pytest.raises(error, match=message):
        find(RAIN100L, tmp_path)
