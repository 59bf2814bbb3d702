"""What is missing, misnamed, damaged or leaking in the data sets of a benchmark, and how to mend it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ceair.data.benchmarks import Benchmark
from ceair.data.locate import Located, clean_stem, find
from ceair.data.sets import TestSet, TrainingSet
from ceair.data.twins import same_content, same_scenes
from ceair.errors import ImageError
from ceair.headers import Header, is_whole, read_header
from ceair.image import EXTENSIONS, read_rgb

ImageSet = TestSet | TrainingSet

_FRAME_CROPS = {("gopro-train", "MoCE-IR"): 8}  # files per image of a set, where somebody's layout has crops
_MOST_FILES = 100  # that a finding names


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        check: its kind, such as `size`.
        severity: `error` where the benchmark cannot run as published, or stops in the middle; `warning` where its
            numbers mean something else.
        set: name of the data set.
        place: the folder, or the first file.
        problem: what is wrong, one sentence.
        remedy: what to do, one sentence.
        files: the first hundred files that are concerned.
    """

    check: str
    severity: Literal["error", "warning"]
    set: str
    place: str
    problem: str
    remedy: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A data set that is there: in whose layout, in which folders, and how many files of either kind."""

    set: str
    title: str
    training: bool
    layout: str
    folders: tuple[str, ...]
    degraded: int
    clean: int


@dataclass(frozen=True)
class Report:
    """Which sets of a benchmark are where, and everything that is wrong with them."""

    benchmark: str
    found: tuple[Found, ...]
    findings: tuple[Finding, ...]

    @property
    def runs(self) -> bool:
        """Whether the benchmark can run: nothing found is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a JSON document."""
        return {**asdict(self), "runs": self.runs}


class _Files(NamedTuple):
    """Files of a set, and what could be paired."""

    clean: list[Path]
    degraded: list[Path]
    pairs: list[tuple[Path, Path]]


def examine(
    benchmark: Benchmark, root: Path, progress: Callable[[str], None] = lambda _: None, *, decode: bool = False
) -> Report:
    """Look at all sets of a benchmark below a data folder.

    Only the first and last bytes of files are read, and all bytes of those with something behind their image. Where
    training and test sets are both there, the clean images are decoded to find scenes that occur in both.

    Args:
        benchmark: whose sets are looked for.
        root: the data folder.
        progress: is told what is being looked at.
        decode: whether every image is decoded besides, which finds those that are damaged in their middle.

    Raises:
        ConfigError: `ceair-data.yaml` in the folder is damaged.
        DataError: the folder does not exist, or one that `ceair-data.yaml` names.
    """
    tests = {column.testset.name: column.testset for column in benchmark.columns}
    training = {part.trainset.name: part.trainset for part in benchmark.training}
    found: list[Found] = []
    findings: list[Finding] = []
    clean: dict[bool, dict[Path, str]] = {True: {}, False: {}}
    headers = _Headers(decode)
    for name, imageset in (tests | training).items():
        progress(imageset.title)
        located = find(imageset, root)
        if located is None:
            findings.append(_missing(imageset, root))
            continue
        files, trains = _files(located), isinstance(imageset, TrainingSet)
        found.append(_found(located, files))
        findings += _names(located, files)
        findings += _counts(located, files)
        findings += _contents(located, files, headers)
        clean[trains] |= dict.fromkeys((path for path in files.clean if path not in headers.broken), name)
    if all(clean.values()):
        progress("scenes that occur in training and test sets")
        findings += _leaks(clean[True], clean[False])
    return Report(benchmark.name, tuple(found), tuple(_once(findings)))


class _Headers:
    """Headers of files, each read once: the clean images of CDD-11 belong to all of its subsets."""

    def __init__(self, decode: bool) -> None:
        self.decode = decode
        self.known: dict[Path, Header] = {}
        self.broken: dict[Path, str] = {}

    def read(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path not in self.known and path not in self.broken:
                try:
                    self.known[path] = _checked_header(path, self.decode)
                except ImageError as error:
                    self.broken[path] = str(error)


def _checked_header(path: Path, decode: bool) -> Header:
    header = read_header(path)
    if not is_whole(path):
        raise ImageError(f"{path} ends too early")
    if decode:
        read_rgb(path)
    return header


def _files(located: Located) -> _Files:
    clean = _images(located.target, located.imageset)
    degraded = [path for folder in located.inputs for path in _images(folder, located.imageset)]
    targets = {path.stem: path for path in clean}
    partners = ((path, _partner(path, targets, located.imageset)) for path in degraded)
    return _Files(clean, degraded, [(path, partner) for path, partner in partners if partner])


def _images(folder: Path, imageset: ImageSet) -> list[Path]:
    pattern = imageset.pattern if isinstance(imageset, TrainingSet) else "*"
    paths = sorted(folder.glob(pattern))
    return [path for path in paths if path.suffix.lower() in EXTENSIONS and path.is_file()]


def _partner(path: Path, targets: dict[str, Path], imageset: ImageSet) -> Path | None:
    return targets.get(clean_stem(path.stem, imageset.pairing)) or targets.get(path.stem)


def _found(located: Located, files: _Files) -> Found:
    imageset, folders = located.imageset, (*located.inputs, located.target)
    trains, places = isinstance(imageset, TrainingSet), tuple(map(str, folders))
    return Found(imageset.name, imageset.title, trains, located.source, places, len(files.degraded), len(files.clean))


def _missing(imageset: ImageSet, root: Path) -> Finding:
    """A set that is in no known layout; if most folders of one are there, the first of the others is named."""
    trains = isinstance(imageset, TrainingSet)
    prefixes = ("",) if trains else ("", "test")
    layouts = [(root / prefix, layout) for prefix in prefixes for layout in imageset.layouts]
    for folder, layout in layouts:
        names = (*layout.inputs, layout.target)
        absent = [folder / name for name in names if not (folder / name).is_dir()]
        if len(absent) < len(names):
            problem = f"{imageset.title} is there in part, but {absent[0].name} is missing."
            remedy = f"Put it into {absent[0]}: {layout.source}'s layout has {', '.join(names)}."
            return Finding("incomplete", "error", imageset.name, str(absent[0]), problem, remedy)
    places = "; ".join(dict.fromkeys(" and ".join((*each.inputs, each.target)) for each in imageset.layouts))
    need = "only training needs it" if trains else "its columns stay empty"
    problem = f"{imageset.title} is missing; {need}."
    remedy = f"Put it below {root} as one of: {places}; or say in ceair-data.yaml where it lies."
    return Finding("missing", "warning" if trains else "error", imageset.name, str(root), problem, remedy)


def _names(located: Located, files: _Files) -> Iterator[Finding]:
    imageset, paired = located.imageset, dict(files.pairs)
    used = set(paired.values())
    # A clean image of a longer name than its scene's explains why the degraded ones of that scene have no partner.
    long = [path for path in files.clean if imageset.pairing == "scene" and "_" in path.stem and path not in used]
    explained = {path.stem.partition("_")[0] for path in long}
    remedy = "Rename so that it is the scene's number only: NNNN_A_B.jpg belongs to NNNN.png (NNNN.jpg in training)."
    yield from _about("scene-name", "error", located, long, "clean image{s} named by more than the scene", remedy)
    lone = [path for path in files.degraded if path not in paired]
    lone = [path for path in lone if clean_stem(path.stem, imageset.pairing) not in explained]
    remedy = f"Add the clean image to {located.target} or remove the degraded one."
    yield from _about("partner", "error", located, lone, "degraded image{s} without a clean one", remedy)
    unused = [path for path in files.clean if located.inputs and path not in used and path not in long]
    remedy = "Add the degraded image or remove the clean one."
    yield from _about("unused", "warning", located, unused, "clean image{s} without a degraded one", remedy)
    yield from _unlisted(located, files)
    first: dict[tuple[Path, str], Path] = {}
    both = [path for path in files.clean + files.degraded if first.setdefault((path.parent, path.stem), path) != path]
    remedy = "Keep one of the two: files are paired by their names without endings."
    yield from _about("ambiguous", "warning", located, both, "file{s} named as another but for the ending", remedy)


def _unlisted(located: Located, files: _Files) -> Iterator[Finding]:
    imageset = located.imageset
    if isinstance(imageset, TrainingSet) and imageset.listed_stem:
        others = [path for path in files.clean if not re.fullmatch(imageset.listed_stem, path.stem)]
        problem = f"image{{s}} not named as in {imageset.list_file}, silently dropped by the code of PromptIR and AdaIR"
        example = "117025.jpg to a117025.jpg" if imageset.listed_stem.startswith("a") else "1.bmp to 00001.bmp"
        yield from _about("list-name", "warning", located, others, problem, f"Rename, such as {example}.")


def _counts(located: Located, files: _Files) -> Iterator[Finding]:
    imageset = located.imageset
    main = files.degraded if located.inputs else files.clean
    folder = str(located.inputs[0] if located.inputs else located.target)
    if not main or not files.clean:
        empty = folder if not main else str(located.target)
        problem = f"The folder of {imageset.title} holds none of its images."
        yield Finding("empty", "error", imageset.name, empty, problem, f"Put the images of {imageset.title} there.")
        return
    crops = _FRAME_CROPS.get((imageset.name, located.source), 1)
    clean_count = imageset.clean_count or (imageset.count if located.inputs else None)
    for paths, count, kind, place in (
        (main, imageset.count, "degraded" if located.inputs else "clean", folder),
        (files.clean, clean_count, "clean", str(located.target)),
    ):
        if count is not None and len(paths) != count * crops:
            problem = f"{imageset.title} has {len(paths)} {kind} images and not {count * crops}."
            remedy = "Unpack the published archive anew; a published number is the mean over all images."
            yield Finding("count", "warning", imageset.name, place, problem, remedy)


def _contents(located: Located, files: _Files, headers: _Headers) -> Iterator[Finding]:
    imageset, known, everything = located.imageset, headers.known, [*files.clean, *files.degraded]
    headers.read(everything)
    broken = [path for path in everything if path in headers.broken]
    remedy = "Download or unpack it anew."
    yield from _about("unreadable", "error", located, broken, "file{s} broken off or unreadable as an image", remedy)
    readable = [(one, other) for one, other in files.pairs if one in known and other in known]
    unequal = [one for one, other in readable if not _fits(known[one], known[other], imageset)]
    remedy = "Get both images from the same source: a pair must show the same pixels."
    yield from _about("size", "error", located, unequal, "degraded image{s} of another size than the clean one", remedy)
    lossless = [path for path in files.clean if imageset.lossless_targets]
    lossless += [path for path in files.degraded if imageset.lossless_inputs]
    lossy = [path for path in lossless if path in known and known[path].lossy]
    problem = "image{s} in JPEG or lossy WebP where the published set has neither"
    yield from _about(
        "lossy", "warning", located, lossy, problem, "Get the original PNG or BMP: the loss moves numbers."
    )
    # Of pairs only the degraded images: several may well share a clean scene, as they do in Rain100L.
    copies = same_content(path for path in (files.degraded or files.clean) if path in known)
    remedy = "Remove it, or put the right image there."
    yield from _about("duplicate", "warning", located, copies, "file{s} equal to another one", remedy)


def _fits(degraded: Header, clean: Header, imageset: ImageSet) -> bool:
    if isinstance(imageset, TestSet) and imageset.centred_target:
        return degraded.width <= clean.width and degraded.height <= clean.height
    return degraded[:2] == clean[:2]


def _leaks(training: dict[Path, str], tests: dict[Path, str]) -> Iterator[Finding]:
    """Training sets that share scenes with test sets, one finding for each."""
    twins = same_scenes(list(training), list(tests))
    for name in dict.fromkeys(training.values()):
        leaking = [(one, other) for one, other in twins if training[one] == name]
        if leaking:
            path, other = leaking[0]
            problem = f"{len(leaking)} of its images show scenes of the test sets; this is {other}."
            remedy = "Remove from the training set: numbers on scenes that were trained on mean nothing."
            named = tuple(str(path) for path, _ in leaking[:_MOST_FILES])
            yield Finding("leak", "warning", name, str(path), problem, remedy, named)


def _about(
    check: str,
    severity: Literal["error", "warning"],
    located: Located,
    paths: Sequence[Path],
    problem: str,
    remedy: str,
) -> Iterator[Finding]:
    """A finding about files of a set, if there are any."""
    if paths:
        files = tuple(map(str, paths[:_MOST_FILES]))
        what = problem.format(s="s" if len(paths) > 1 else "")
        sentence = f"{located.imageset.title} has {len(paths)} {what}."
        yield Finding(check, severity, located.imageset.name, files[0], sentence, remedy, files)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each thing at its place once, though several sets share a folder; errors first."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        key = finding.check, finding.place, finding.set if finding.check == "missing" else ""
        kept.setdefault(key, finding)
    return sorted(kept.values(), key=lambda finding: finding.severity)
