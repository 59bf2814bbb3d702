"""The benchmarks of all-in-one restoration as data: which sets, where their files lie, how they pair and are scored.

Counts, pairing, crops and repeats are those of the code of AirNet, PromptIR, AdaIR, MoCE-IR and OneRestore;
`docs/benchmarks.md` says where they differ. All paths are relative to the folder that `--data` names.
"""

from dataclasses import dataclass, field
from typing import Literal

from ceair.data.published import AIO3, AIO5, CDD11, PublishedRow

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
    """

    source: str
    target: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class TestSet:
    """Images to score on.

    Attributes:
        count: degraded images (clean ones where noise is added); a published number is the mean over all of them.
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
    count: int
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


@dataclass(frozen=True)
class Column:
    """A column of the published table: a set, and the strength of the noise that is added to it."""

    title: str
    testset: TestSet
    sigma: int | None = None

    @property
    def condition(self) -> str:
        """The name under which results of this column are kept, such as `cbsd68-25`, good for a folder, too."""
        return self.testset.name if self.sigma is None else f"{self.testset.name}-{self.sigma}"


@dataclass(frozen=True)
class Part:
    """A training set in an epoch: each image `repeats` times, for every strength of noise if there are any."""

    trainset: TrainingSet
    repeats: int
    sigmas: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Samples of an epoch."""
        return self.trainset.count * self.repeats * max(len(self.sigmas), 1)


@dataclass(frozen=True)
class Benchmark:
    """A table of the field: its columns, what is trained on for how many epochs, and its published rows."""

    name: str
    title: str
    columns: tuple[Column, ...]
    training: tuple[Part, ...] = ()
    epochs: int | None = None
    published: tuple[PublishedRow, ...] = field(default=(), repr=False)

    @property
    def averaged(self) -> bool:
        """Whether the field gives the mean of the columns: it does where they are of several sets."""
        return len({column.testset.name for column in self.columns}) > 1

    @property
    def epoch_length(self) -> int:
        """Samples of a training epoch."""
        return sum(part.length for part in self.training)


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


def _cdd11_layouts(split: Literal["train", "test"], subset: str) -> tuple[Layout, ...]:
    bare = (Layout("OneRestore", "clear", (subset,)),) if split == "test" else ()
    folders = {"OneRestore": (f"CDD-11_{split}", f"CDD-11/{split}"), "MoCE-IR": (f"cdd11/{split}",)}
    named = (_pair(source, folder, subset, "clear") for source, names in folders.items() for folder in names)
    return (*named, *bare)


def _cdd11_test(subset: str) -> TestSet:
    title, layouts = f"CDD-11 {subset}", _cdd11_layouts("test", subset)
    return TestSet(f"cdd11-{subset.replace('_', '-')}", title, subset.replace("_", " and "), 200, layouts, crop=1)


def _cdd11_training(subset: str) -> TrainingSet:
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

_AIO3_COLUMNS = (
    Column("SOTS", SOTS_OUTDOOR),
    Column("Rain100L", RAIN100L),
    *(Column(f"CBSD68 s={sigma}", CBSD68, sigma) for sigma in SIGMAS),
)
_AIO5_COLUMNS = (*_AIO3_COLUMNS[:2], _AIO3_COLUMNS[3], Column("GoPro", GOPRO), Column("LOL-v1", LOL_V1))
_AIO3_TRAINING = (Part(WED, 3, SIGMAS), Part(BSD400, 3, SIGMAS), Part(RAIN_TRAIN_L, 120), Part(RESIDE_OTS, 1))
_AIO5_TRAINING = (*_AIO3_TRAINING, Part(GOPRO_TRAIN, 5), Part(LOL_V1_TRAIN, 20))


def _single(testset: TestSet) -> Benchmark:
    columns = tuple(Column(f"s={sigma}", testset, sigma) for sigma in testset.sigmas)
    return Benchmark(testset.name, testset.title, columns or (Column(testset.title, testset),))


SINGLE_SETS = (CBSD68, KODAK24, URBAN100, RAIN100L, RAIN100H, SOTS_INDOOR, SOTS_OUTDOOR, GOPRO, LOL_V1)
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("aio3", "AIO-3", _AIO3_COLUMNS, _AIO3_TRAINING, 120, AIO3),
        Benchmark("aio5", "AIO-5", _AIO5_COLUMNS, _AIO5_TRAINING, 150, AIO5),
        Benchmark(
            "cdd11",
            "CDD-11",
            tuple(Column(subset, _cdd11_test(subset)) for subset in CDD11_SUBSETS),
            tuple(Part(_cdd11_training(subset), 2) for subset in CDD11_SUBSETS),
            170,
            CDD11,
        ),
        *map(_single, SINGLE_SETS),
    )
}
"""By name: the three tables of the field, and each test set on its own."""
