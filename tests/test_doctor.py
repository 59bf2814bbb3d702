"""The doctor: a healthy tree has no findings, and each kind of damage has its own."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ceair.data.benchmarks import Benchmark, Column, Part
from ceair.data.sets import BSD400, RAIN100L, RESIDE_OTS, SOTS_OUTDOOR, WED
from ceair.data.twins import same_content, same_scenes
from ceair.doctor import examine
from ceair.errors import DataError, ImageError
from ceair.headers import difference_hash, is_whole, read_header, read_thumbnail

TINY = Benchmark(
    "tiny",
    "Tiny",
    (Column("SOTS", replace(SOTS_OUTDOOR, count=4, clean_count=2)), Column("Rain100L", replace(RAIN100L, count=3))),
    (
        Part(replace(WED, count=3), 1, (15,)),
        Part(replace(BSD400, count=2), 1, (15,)),
        Part(replace(RESIDE_OTS, count=4, clean_count=2), 1),
    ),
)


def photo(path, seed, size=(40, 60)):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def root(tmp_path):
    """A healthy tree in PromptIR's layout."""
    for scene in (1, 2):
        photo(tmp_path / f"test/dehaze/target/000{scene}.png", scene)
        photo(tmp_path / f"Train/Dehaze/original/{scene:04}.jpg", 10 + scene)
        for number in (1, 2):
            photo(tmp_path / f"test/dehaze/input/000{scene}_0.8_0.{number}.jpg", 100 * scene + number)
            part = tmp_path / f"Train/Dehaze/synthetic/part{2 * scene + number - 2}"
            photo(part / f"{scene:04}_1_0.{number}.jpg", 200 * scene + number)
        photo(tmp_path / f"Train/Denoise/a{scene}170.jpg", 20 + scene)
    for number in (1, 2, 3):
        photo(tmp_path / f"test/derain/Rain100L/target/norain-{number}.png", 30 + number)
        photo(tmp_path / f"test/derain/Rain100L/input/rain-{number}.png", 40 + number)
        photo(tmp_path / f"Train/Denoise/0000{number}.bmp", 50 + number)
    return tmp_path


def test_a_healthy_tree_has_no_findings(root):
    report = examine(TINY, root)
    assert report.findings == ()
    assert report.runs
    counts = {found.set: (found.layout, found.degraded, found.clean) for found in report.found}
    assert counts == {
        "sots-outdoor": ("PromptIR", 4, 2),
        "rain100l": ("PromptIR", 3, 3),
        "wed": ("PromptIR", 0, 3),
        "bsd400": ("PromptIR", 0, 2),
        "reside-ots": ("PromptIR", 4, 2),
    }


RAIN = "test/derain/Rain100L"
HAZE = "test/dehaze"


def remove_set(root):
    shutil.rmtree(root / RAIN)


def remove_part(root):
    shutil.rmtree(root / "Train/Dehaze/synthetic/part3")


def empty_folder(root):
    for path in (root / RAIN / "input").iterdir():
        path.unlink()
    for path in (root / RAIN / "target").iterdir():
        path.unlink()


def strip_prefix(root):
    (root / "Train/Denoise/a1170.jpg").rename(root / "Train/Denoise/1170.jpg")


def lengthen_scene(root):
    (root / HAZE / "target/0001.png").rename(root / HAZE / "target/0001_clear.png")


def lose_pair(root):
    (root / RAIN / "input/rain-3.png").unlink()
    (root / RAIN / "target/norain-3.png").unlink()


def lose_input(root):
    (root / RAIN / "input/rain-3.png").unlink()


def resize_input(root):
    photo(root / RAIN / "input/rain-2.png", 5, (40, 61))


def truncate(root):
    path = root / RAIN / "input/rain-2.png"
    path.write_bytes(path.read_bytes()[:-200])


def recompress(root):
    path = root / RAIN / "input/rain-2.png"
    with Image.open(path) as image:
        image.save(path, "JPEG")


def copy_input(root):
    shutil.copy(root / RAIN / "input/rain-1.png", root / RAIN / "input/rain-2.png")


def add_twin_name(root):
    photo(root / "Train/Dehaze/original/0002.png", 77)


def leak_scene(root):
    with Image.open(root / RAIN / "target/norain-2.png") as image:
        image.resize((90, 60)).save(root / "Train/Denoise/00002.bmp")


@pytest.mark.parametrize(
    ("damage", "check", "severity", "place", "word"),
    [
        (remove_set, "missing", "error", ".", "Rain100L"),
        (remove_part, "incomplete", "error", "Train/Dehaze/synthetic/part3", "part3"),
        (empty_folder, "empty", "error", f"{RAIN}/input", "Rain100L"),
        (strip_prefix, "list-name", "warning", "Train/Denoise/1170.jpg", "a117025.jpg"),
        (lengthen_scene, "scene-name", "error", f"{HAZE}/target/0001_clear.png", "NNNN"),
        (lose_pair, "count", "warning", f"{RAIN}/input", "2 degraded images and not 3"),
        (lose_input, "unused", "warning", f"{RAIN}/target/norain-3.png", "without a degraded"),
        (resize_input, "size", "error", f"{RAIN}/input/rain-2.png", "size"),
        (truncate, "unreadable", "error", f"{RAIN}/input/rain-2.png", "anew"),
        (recompress, "lossy", "warning", f"{RAIN}/input/rain-2.png", "JPEG"),
        (copy_input, "duplicate", "warning", f"{RAIN}/input/rain-2.png", "equal"),
        (leak_scene, "leak", "warning", "Train/Denoise/00002.bmp", "norain-2.png"),
    ],
)
def test_each_damage_has_its_own_diagnosis(root, damage, check, severity, place, word):
    damage(root)
    report = examine(TINY, root)
    first = next(finding for finding in report.findings if finding.check == check)
    assert {finding.check for finding in report.findings} <= {check, "count"}
    assert (first.severity, Path(first.place)) == (severity, root / place)
    assert word in f"{first.problem} {first.remedy}"
    assert report.runs == (severity == "warning")


def test_a_degraded_image_without_a_clean_one(root):
    (root / RAIN / "target/norain-2.png").unlink()
    report = examine(TINY, root)
    assert [finding.check for finding in report.findings] == ["partner", "count"]
    assert report.findings[0].place == str(root / RAIN / "input/rain-2.png")


def test_two_files_of_one_name(root):
    add_twin_name(root)
    report = examine(TINY, root)
    assert "ambiguous" in {finding.check for finding in report.findings}
    assert report.runs


def test_missing_training_sets_stop_nothing(root):
    shutil.rmtree(root / "Train")
    report = examine(TINY, root)
    assert {(finding.check, finding.severity) for finding in report.findings} == {("missing", "warning")}
    assert len(report.findings) == 3
    assert report.runs


def test_no_folder(tmp_path):
    with pytest.raises(DataError):
        examine(TINY, tmp_path / "none")


def test_scenes_are_known_by_sight(tmp_path):
    photo(tmp_path / "a.png", 1, (80, 120))
    photo(tmp_path / "b.png", 2, (80, 120))
    with Image.open(tmp_path / "a.png") as image:
        image.resize((60, 41)).point(lambda level: min(255, level + 12)).save(tmp_path / "c.jpg", quality=70)
    Image.new("RGB", (50, 50), (90, 90, 90)).save(tmp_path / "flat.png")
    Image.new("RGB", (60, 60), (91, 90, 90)).save(tmp_path / "flat2.png")
    ramp = np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None], 80, axis=0)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    Image.fromarray(ramp // 2).save(tmp_path / "ramp2.png")
    (tmp_path / "damaged.png").write_bytes(b"no")
    others = [tmp_path / name for name in ("b.png", "a.png", "flat.png", "ramp.png", "damaged.png")]
    paths = [tmp_path / name for name in ("c.jpg", "flat2.png", "ramp2.png")]
    assert same_scenes(paths, others) == [(tmp_path / "c.jpg", tmp_path / "a.png")]


def test_many_photos_are_no_twins(tmp_path):
    """Of 219 pairs of different photos none is taken for the same scene."""
    paths = [tmp_path / f"{seed}.png" for seed in range(40)]
    for seed, path in enumerate(paths):
        photo(path, seed)
    assert all(same_scenes([path], [other for other in paths if other != path]) == [] for path in paths[:6])


def test_same_content(tmp_path):
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one"), ("d", b"three")):
        (tmp_path / name).write_bytes(content)
    assert same_content(sorted(tmp_path.iterdir())) == [tmp_path / "c"]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp"])
def test_headers(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    photo(path, 1, (300, 200))
    assert read_header(path) == (200, 300, ending in ("jpg", "webp"))
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-1200])
    assert not is_whole(path)
    if ending != "webp":  # Pillow opens no WebP that is not whole
        assert read_header(path)[:2] == (200, 300)


def test_what_is_no_image_has_no_header(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(ImageError, match=str(tmp_path / "a.png")):
        read_header(tmp_path / "a.png")
    assert not is_whole(tmp_path / "none.png")


def test_a_header_is_read_of_more_pixels_than_pillow_alone_opens(tmp_path):
    Image.new("1", (15_000, 13_000)).save(tmp_path / "large.png")
    assert read_header(tmp_path / "large.png") == (15_000, 13_000, False)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp"])
@pytest.mark.parametrize("behind", [100, 5000])
def test_what_lies_behind_an_image_is_no_matter(tmp_path, ending, behind):
    path = tmp_path / f"a.{ending}"
    photo(path, 1, (300, 200))
    path.write_bytes(path.read_bytes() + bytes(behind))
    assert is_whole(path)
    assert read_header(path)[:2] == (200, 300)


def test_the_end_of_a_small_picture_within_a_photo_is_not_its_own(tmp_path):
    photo(path := tmp_path / "a.jpg", 1, (300, 200))
    content = path.read_bytes()
    within = b"\xff\xe1\x00\x0cExif\0\0\xff\xd8\xff\xd9"
    path.write_bytes(content[:2] + within + content[2:] + bytes(5000))
    assert is_whole(path)
    path.write_bytes(content[:2] + within + content[2:-2] + bytes(5000))
    assert not is_whole(path)


def test_a_header_is_read_without_decoding(tmp_path):
    photo(path := tmp_path / "a.png", 1, (300, 200))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"IDAT", b"IDAT\xff\xff\xff"))
    assert read_header(path)[:2] == (200, 300)


def test_the_doctor_takes_photos_of_phones_and_finds_those_that_broke_off(root):
    motion, broken = root / "Train/Denoise/a1170.jpg", root / "Train/Denoise/a2170.jpg"
    motion.write_bytes(motion.read_bytes() + bytes(5000))
    broken.write_bytes(broken.read_bytes()[:-100])
    (finding,) = examine(TINY, root).findings
    assert (finding.check, finding.files) == ("unreadable", (str(broken),))


def test_only_decoding_finds_what_is_damaged_in_its_middle(root):
    path = root / RAIN / "input/rain-2.png"
    broken = bytearray(path.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 8] = bytes(8)
    path.write_bytes(broken)
    assert examine(TINY, root).findings == ()
    (finding,) = examine(TINY, root, decode=True).findings
    assert (finding.check, finding.files) == ("unreadable", (str(path),))


def test_a_turned_photo_has_its_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_header(tmp_path / "a.jpg")[:2] == (20, 30)


def test_hash_bits():
    levels = np.zeros((16, 18), np.uint8)
    levels[:, 8:10] = 200  # column 4 of 9 is bright: bit 3 of each row of 8
    assert difference_hash(levels) == int.from_bytes(bytes([0b00010000] * 8), "big")
    assert difference_hash(np.full((16, 18), 90, np.uint8)) is None


def test_thumbnails_are_alike_at_any_size(tmp_path):
    photo(tmp_path / "a.png", 3, (160, 180))
    photo(tmp_path / "b.jpg", 3, (640, 720))
    difference = read_thumbnail(tmp_path / "a.png").astype(int) - read_thumbnail(tmp_path / "b.jpg")
    assert abs(difference).mean() < 3
