"""Which files a command reads and where it writes what it makes of them; everything is settled before any work."""

import glob
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from ceair.files import exists, is_file, is_folder, real_path


class Job(NamedTuple):
    """One file to read, and the file to write."""

    source: Path
    target: Path


class Plan(NamedTuple):
    """All jobs of a command, and whether their targets lie in a folder or the only target was named itself."""

    jobs: list[Job]
    into_folder: bool


class _Found(NamedTuple):
    source: Path
    name: Path  # where below the output folder its result goes
    named: bool = False  # by the user himself, and not found in a folder or by a pattern


def plan(
    inputs: Sequence[str],
    output: str,
    suffix: str = "",
    recursive: bool = False,
    overwrite: bool = False,
    ending: str = "",
) -> Plan:
    """The files that `inputs` name (files, folders, globs), each with its target.

    `output` is a folder if it ends with a slash, exists as one, or if there is more than one input; otherwise a file.
    The files in a folder keep their endings if `ending`, such as `.png`, is empty.

    Raises:
        typer.BadParameter: nothing matches, two inputs have the same target, a target would replace an input, or the
            output cannot be what it has to be.
    """
    _check_suffix(suffix)
    try:
        found = _find(inputs, recursive, Path(output))
    except OSError as error:
        raise typer.BadParameter(f"cannot list {error.filename}: {error.strerror}") from error
    if not any(exists(item.source) for item in found):
        raise typer.BadParameter(f"no image matches {' '.join(inputs)}")
    target = Path(output)
    several = len(inputs) > 1 or len(found) > 1 or is_folder(inputs[0])
    into_folder = several or output.endswith(("/", os.sep)) or is_folder(target)
    if into_folder:
        if exists(target) and not is_folder(target):
            raise typer.BadParameter(f"{output} is a file; several images need a folder to go to")
        found = found if overwrite else _without_results(found, target, suffix, ending)
        jobs = [_job(item, target, suffix, ending) for item in found]
    else:
        _check_ending(target)
        jobs = [Job(item.source, target) for item in found]
    _check_targets(jobs, into_folder, overwrite)
    return Plan(jobs, into_folder)


def plan_watch(
    inputs: Sequence[str], output: str, suffix: str = "", recursive: bool = False
) -> Callable[[], list[Job]]:
    """What gives the images that are in folders now, each with its target in the folder `output`.

    Raises:
        typer.BadParameter: an input is no folder, or the output is a file or one of the inputs.
    """
    _check_suffix(suffix)
    folders, target = [Path(name) for name in inputs], Path(output)
    for folder in folders:
        if not is_folder(folder):
            raise typer.BadParameter(f"--watch needs folders, and {folder} is none")
        if real_path(folder) == real_path(target):
            raise typer.BadParameter(f"{folder} would get results that are then restored again; choose another output")
    if exists(target) and not is_folder(target):
        raise typer.BadParameter(f"{output} is a file; --watch needs a folder to write to")

    def look() -> list[Job]:
        there = [name for name in inputs if is_folder(name)]
        try:
            return [_job(item, target, suffix) for item in _find(there, recursive, target)]
        except OSError:  # a folder vanished meanwhile: the next look is soon
            return []

    return look


def _job(item: _Found, folder: Path, suffix: str, ending: str = "") -> Job:
    path = folder / item.name
    return Job(item.source, path.with_name(f"{path.stem}{suffix}{ending or path.suffix}"))


def _find(inputs: Sequence[str], recursive: bool, output: Path) -> list[_Found]:
    found: dict[str, _Found] = {}
    for name in inputs:
        path = Path(name)
        if is_folder(path):
            items = [_Found(source, source.relative_to(path)) for source in _images(path, recursive, output)]
        elif not exists(path) and glob.has_magic(name):
            items = [_Found(source, Path(source.name)) for source in _matches(name, output)]
        else:
            items = [_Found(path, Path(path.name), named=True)]
        for item in items:
            # the same file named twice is restored once, but a link is a file of its own
            found.setdefault(os.path.abspath(item.source), item)  # noqa: PTH100
    return list(found.values())


def _images(folder: Path, recursive: bool, output: Path) -> Iterator[Path]:
    """The images of a folder without hidden ones, and without earlier results where those lie inside of it."""
    is_result = _lies_in(output, folder)
    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and _is_image(path) and not is_result(path):
            yield path


def _matches(pattern: str, output: Path) -> Iterator[Path]:
    """The images that a glob finds, without earlier results where those lie below the folder that it begins with."""
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
    is_result = _lies_in(output, Path(*plain))
    for path in map(Path, sorted(glob.glob(pattern, recursive=True))):  # noqa: PTH207 - Path.glob takes no absolute pattern
        if _is_image(path) and not is_result(path):
            yield path


def _lies_in(output: Path, folder: Path) -> Callable[[Path], bool]:
    """Whether a path lies in the output folder, if that is one within the folder that is read; no if it is that one."""
    results, top = real_path(output), real_path(folder)
    inside = results != top and results.is_relative_to(top)
    return lambda path: inside and real_path(path).is_relative_to(results)


def _without_results(found: Sequence[_Found], folder: Path, suffix: str, ending: str) -> list[_Found]:
    """What was found without the results of an earlier run, which lie beside what they were made of."""
    if not suffix:
        return list(found)
    targets = {real_path(_job(item, folder, suffix, ending).target) for item in found}
    return [item for item in found if item.named or real_path(item.source) not in targets]


def _is_image(path: Path) -> bool:
    from ceair.image import EXTENSIONS

    return path.suffix.lower() in EXTENSIONS and is_file(path)


def _check_suffix(suffix: str) -> None:
    if Path(f"a{suffix}").name != f"a{suffix}":
        raise typer.BadParameter(f"--suffix is put into names and cannot hold `{suffix}`; write a few letters")


def _check_ending(target: Path) -> None:
    from ceair.image import EXTENSIONS

    if target.suffix.lower() not in EXTENSIONS:
        endings = ", ".join(sorted(EXTENSIONS))
        raise typer.BadParameter(f"{target} ends in none of {endings}; for a folder write {target}/")


def _check_targets(jobs: Sequence[Job], into_folder: bool, overwrite: bool) -> None:
    sources = {real_path(job.source): job.source for job in jobs}
    taken: dict[Path, Path] = {}
    for source, target in jobs:
        place = real_path(target)
        if place in taken:
            raise typer.BadParameter(f"{taken[place]} and {source} would both be written to {target}")
        taken[place] = source
        other = place in sources and sources[place] != source
        if place in sources and (other or (into_folder and not overwrite)):
            hint = "choose another folder or suffix" if other else "choose another folder, --suffix or --overwrite"
            raise typer.BadParameter(f"the result of {source} would replace the input {sources[place]}; {hint}")
