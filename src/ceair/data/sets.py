"""The sets that the benchmarks consist of, as data: how many images they have, how these pair, where they lie.

Counts, pairing, crops and lists are those of the code of AirNet, PromptIR, AdaIR, MoCE-IR and OneRestore;
`docs/benchmarks.md` says where they differ. All paths are relative to the folder that `--data` names.
"""

from dataclasses import dataclass
from typing import Literal

Pairing = Literal["stem", "scene", "rain"]
"""How the stem of a degraded file names its clean one: the same; what stands before the first `_` (RESIDE and SOTS,
`0001_0.8_0.2.jpg -> 0001.png`); `rain-12 -> norain-12`, or the same where it does not begin with `rain-`."""

SIGMAS = (15, 25, 50)
"""The strengths of noise that the field trains and tests on, in grey levels of 255."""


@dataclass(frozen=True)
class Layout:
    """Folders of a set in somebody's way of laying them out, and whose way it is.

    Attributes:
        inputs: folders of degraded images; none where noise is added to the clean ones.
        not_beside: a file beside these folders that shows that they are something else.
    """

    source: str
    target: str
    inputs: tuple[str, ...] = ()
    not_beside: str | None = None


@dataclass(frozen=True)
class TestSet:
    """Images to score on.

    Attributes:
        count: degraded images (clean ones where noise is added); a published number is the mean over all of them.
            None: as many as there are clean ones.
        clean_count: clean images, where several degraded ones share one.
        crop: sides are cropped to multiples of this about the centre; 1 for the full images.
        lossless_inputs: whether degraded files are PNG, so that a JPEG among them is a damaged copy.
        lossless_targets: the same of the clean ones.
        centred_target: whether clean images have a border that the degraded ones lack, to be cut off evenly.
    """

    __test__ = False  # so that pytest does not take the name for a test

    name: str
    title: str
    degradation: str
    count: int | None
    layouts: tuple[Layout, ...]
    pairing: Pairing = "stem"
    sigmas: tuple[int, ...] = ()
    crop: int = 16
    clean_count: int | None = None
    lossless_inputs: bool = True
    lossless_targets: bool = True
    centred_target: bool = False


@dataclass(frozen=True)
class TrainingSet:
    """Images to train on; attributes as of `TestSet`.

    Attributes:
        pattern: which files of the folder belong to it, where a folder holds several sets.
        list_file: the list, relative to PromptIR's `data_dir`, without which its code drops files silently.
        listed_stem: a regular expression that stems of that list match; differently named copies are dropped.
    """

    name: str
    title: str
    degradation: str
    count: int
    layouts: tuple[Layout, ...]
    pairing: Pairing = "stem"
    pattern: str = "*"
    clean_count: int | None = None
    list_file: str | None = None
    listed_stem: str | None = None
    lossless_inputs: bool = True
    lossless_targets: bool = True


def _plain(name: str) -> Layout:
    return Layout("plain", f"{name}/target", (f"{name}/input",))


def _pair(source: str, folder: str, degraded: str, clean: str) -> Layout:
    return Layout(source, f"{folder}/{clean}", (f"{folder}/{degraded}",))


def _clean_set(name: str, title: str, count: int, *layouts: Layout) -> TestSet:
    layouts = (Layout("plain", f"{title}/target"), Layout("PromptIR", f"denoise/{name}"), *layouts)
    return TestSet(name, title, "noise", count, layouts, sigmas=SIGMAS)


CBSD68 = _clean_set(
    "cbsd68", "CBSD68", 68, Layout("PromptIR", "denoise/bsd68"), Layout("MoCE-IR", "denoising/cBSD68/original_png")
)
KODAK24 = _clean_set("kodak24", "Kodak24", 24)
URBAN100 = _clean_set("urban100", "Urban100", 100)


def _rain100(letter: str) -> TestSet:
    title = f"Rain100{letter}"
    layouts = (
        _plain(title),
        _pair("PromptIR", f"derain/{title}", "input", "target"),
        _pair("MoCE-IR", f"deraining/{title}", "rainy", "gt"),
    )
    return TestSet(title.lower(), title, "rain", 100, layouts, pairing="rain")


def _sots(place: str, clean_count: int, *layouts: Layout, indoor: bool = False) -> TestSet:
    title = f"SOTS-{place}"
    layouts = (_plain(title), *layouts, _pair("MoCE-IR", f"dehazing/SOTS/{place}", "hazy", "gt"))
    return TestSet(
        title.lower(), title, "haze", 500, layouts, "scene",
        clean_count=clean_count, lossless_inputs=indoor, centred_target=indoor,
    )  # fmt: skip


RAIN100L, RAIN100H = _rain100("L"), _rain100("H")
SOTS_OUTDOOR = _sots("outdoor", 492, _pair("PromptIR", "dehaze", "input", "target"))
SOTS_INDOOR = _sots("indoor", 50, indoor=True)
GOPRO = TestSet(
    "gopro", "GoPro", "motion blur", 1111,
    (
        _plain("GoPro"),
        _pair("AdaIR", "deblur/gopro", "input", "target"),
        _pair("MoCE-IR", "deblurring/GoPro/test", "input", "target"),
    ),
)  # fmt: skip
LOL_V1 = TestSet(
    "lol-v1", "LOL-v1", "low light", 15,
    (
        _plain("LOL-v1"),
        _pair("AdaIR", "enhance/lol", "input", "target"),
        _pair("MoCE-IR", "llie/LOLv1/Test", "input", "target"),
        _pair("the authors'", "LOL-v1/eval15", "low", "high"),
    ),
)  # fmt: skip

CDD11_SUBSETS = (
    "low", "haze", "rain", "snow", "low_haze", "low_rain", "low_snow", "haze_rain", "haze_snow",
    "low_haze_rain", "low_haze_snow",
)  # fmt: skip
"""The folders of CDD-11, in the order of its published tables."""

CDD_OPEN_SUBSETS = (*CDD11_SUBSETS, "low_smooth", "low_haze_rain_smooth", "low_left_haze_right", "rain_left_snow_right")
"""Those of CDD-open: the same, and four whose degradations vary over the image."""


_MANIFEST = "manifest.json"  # of `ceair degrade`, whose CDD-open has the same folders as CDD-11


def _cdd11_layouts(split: Literal["train", "test"], subset: str) -> tuple[Layout, ...]:
    bare = (Layout("OneRestore", "clear", (subset,), not_beside=_MANIFEST),) if split == "test" else ()
    folders = {"OneRestore": (f"CDD-11_{split}", f"CDD-11/{split}"), "MoCE-IR": (f"cdd11/{split}",)}
    named = (_pair(source, folder, subset, "clear") for source, names in folders.items() for folder in names)
    return (*named, *bare)


def cdd11_test(subset: str) -> TestSet:
    """The test images of one of CDD-11's subsets; its code does not crop them."""
    title, layouts = f"CDD-11 {subset}", _cdd11_layouts("test", subset)
    return TestSet(f"cdd11-{subset.replace('_', '-')}", title, subset.replace("_", " and "), 200, layouts, crop=1)


def cdd_open_test(subset: str) -> TestSet:
    """One of the subsets that `ceair degrade` makes beside `clear`, of any number of photos."""
    layouts = tuple(_pair("ceair degrade", folder, subset, "clear") for folder in ("CDD-open", "."))
    name, degradation = f"cdd-open-{subset.replace('_', '-')}", subset.replace("_", " and ")
    return TestSet(name, f"CDD-open {subset}", degradation, None, layouts, crop=1)


def cdd11_training(subset: str) -> TrainingSet:
    """The training images of one of CDD-11's subsets."""
    title, layouts = f"CDD-11 {subset}, training", _cdd11_layouts("train", subset)
    name, degradation = f"cdd11-{subset.replace('_', '-')}-train", subset.replace("_", " and ")
    return TrainingSet(name, title, degradation, 1183, layouts)


WED = TrainingSet(
    "wed", "Waterloo Exploration Database", "noise", 4744,
    (Layout("PromptIR", "Train/Denoise"), Layout("MoCE-IR", "denoising/WaterlooED")),
    pattern="*.bmp", list_file="noisy/denoise.txt", listed_stem=r"\d{5}",
)  # fmt: skip
BSD400 = TrainingSet(
    "bsd400", "BSD400", "noise", 400,
    (Layout("PromptIR", "Train/Denoise"), Layout("MoCE-IR", "denoising/BSD400")),
    pattern="*.jpg", list_file="noisy/denoise.txt", listed_stem=r"a\d+", lossless_targets=False,
)  # fmt: skip
RAIN_TRAIN_L = TrainingSet(
    "raintrainl", "RainTrainL", "rain", 200,
    (_pair("PromptIR", "Train/Derain", "rainy", "gt"), _pair("MoCE-IR", "deraining/RainTrainL", "rainy", "gt")),
    "rain", list_file="rainy/rainTrain.txt",
)  # fmt: skip
RESIDE_OTS = TrainingSet(
    "reside-ots", "RESIDE OTS", "haze", 72_135,
    (
        Layout("PromptIR", "Train/Dehaze/original", tuple(f"Train/Dehaze/synthetic/part{n}" for n in range(1, 5))),
        Layout("MoCE-IR", "dehazing/RESIDE/clear", tuple(f"dehazing/RESIDE/part{n}" for n in range(1, 5))),
    ),
    "scene", clean_count=2061, list_file="hazy/hazy_outside.txt", lossless_inputs=False, lossless_targets=False,
)  # fmt: skip
GOPRO_TRAIN = TrainingSet(  # of its frames MoCE-IR trains on 8 crops each, so that its folder holds 16,824 files
    "gopro-train", "GoPro, training", "motion blur", 2103,
    (
        _pair("AdaIR", "Train/Deblur", "blur", "sharp"),
        _pair("MoCE-IR", "deblurring/GoPro/crop/train", "input_crops", "target_crops"),
    ),
)  # fmt: skip
LOL_V1_TRAIN = TrainingSet(
    "lol-v1-train", "LOL-v1, training", "low light", 485,
    (
        _pair("AdaIR", "Train/Enhance", "low", "gt"),
        _pair("MoCE-IR", "llie/LOLv1/Train", "input", "target"),
        _pair("the authors'", "LOL-v1/our485", "low", "high"),
    ),
)  # fmt: skip
