"""The benchmarks of all-in-one restoration as data: their columns, what is trained on, and what others published.

The sets themselves are in `ceair.data.sets`, the published rows in `ceair.data.published`.
"""

from dataclasses import dataclass, field

from ceair.data.published import AIO3, AIO5, CDD11, PublishedRow
from ceair.data.sets import (
    BSD400,
    CBSD68,
    CDD11_SUBSETS,
    CDD_OPEN_SUBSETS,
    GOPRO,
    GOPRO_TRAIN,
    KODAK24,
    LOL_V1,
    LOL_V1_TRAIN,
    RAIN100H,
    RAIN100L,
    RAIN_TRAIN_L,
    RESIDE_OTS,
    SIGMAS,
    SOTS_INDOOR,
    SOTS_OUTDOOR,
    URBAN100,
    WED,
    TestSet,
    TrainingSet,
    cdd11_test,
    cdd11_training,
    cdd_open_test,
)


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
            tuple(Column(subset, cdd11_test(subset)) for subset in CDD11_SUBSETS),
            tuple(Part(cdd11_training(subset), 2) for subset in CDD11_SUBSETS),
            170,
            CDD11,
        ),
        Benchmark("cdd-open", "CDD-open", tuple(Column(subset, cdd_open_test(subset)) for subset in CDD_OPEN_SUBSETS)),
        *map(_single, SINGLE_SETS),
    )
}
"""By name: the three tables of the field, what `ceair degrade` makes, and each test set on its own."""
