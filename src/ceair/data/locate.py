"""Where the sets of the benchmarks lie in somebody's data folder, and which of their files belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ceair.data.sets import Layout, Pairing, TestSet, TrainingSet
from ceair.errors import ConfigError, DataError
from ceair.files import exists, is_file, is_folder
from ceair.image import list_images

MAPPING = "ceair-data.yaml"
"""A file in the data folder that says where sets lie that are in none of the known layouts."""

_PREFIXES = ("", "test")  # of test sets only: PromptIR's and AdaIR's lie in `test/`, and so may any others


@dataclass(frozen=True)
class Located:
    """A set that was found: its folders, of which `inputs` is empty where noise is added to the clean images."""

    imageset: TestSet | TrainingSet
    source: str
    target: Path
    inputs: tuple[Path, ...]

    def clean_paths(self) -> list[Path]:
        """The clean files of the set, sorted by name.

        Raises:
            DataError: there is none.
        """
        return _listed(self.target, self.imageset)

    def pairs(self) -> list[tuple[Path, Path]]:
        """Degraded and clean files that belong together, sorted by folder and name of the degraded ones.

        Raises:
            DataError: a folder holds no image, or a degraded file has no clean one.
        """
        targets = {path.stem: path for path in self.clean_paths()}
        pairs = []
        for path in [path for folder in self.inputs for path in _listed(folder, self.imageset)]:
            named = clean_stem(path.stem, self.imageset.pairing)
            target = targets.get(named) or targets.get(path.stem)
            if target is None:
                raise DataError(f"{path} has no clean partner `{named}` in {self.target}")
            pairs.append((path, target))
        return pairs


def find(imageset: TestSet | TrainingSet, root: Path) -> Located | None:
    """The folders of a set below `root`: as `ceair-data.yaml` there says, or in the first known layout that is there.

    Only folders are looked at; whether they hold the right files is another question.

    Raises:
        ConfigError: `ceair-data.yaml` is damaged or has an entry of another form.
        DataError: `root` is no folder, or a folder that `ceair-data.yaml` names for this set is missing.
    """
    if not is_folder(root):
        raise DataError(f"{root} is no folder; --data names the folder that holds the data sets")
    mapped = read_mapping(root).get(imageset.name)
    if mapped is not None:
        if bool(mapped.inputs) != bool(imageset.layouts[0].inputs):
            wanted = "no `input`, as noise is added" if mapped.inputs else "an `input`"
            raise ConfigError(f"in {root / MAPPING} `{imageset.name}` needs {wanted}")
        missing = [folder for folder in (mapped.target, *mapped.inputs) if not is_folder(root / folder)]
        if missing:
            raise DataError(
                f"{root / MAPPING} says that {imageset.title} lies in {root / missing[0]}, which is no folder"
            )
        return _located(imageset, mapped, root)
    prefixes = _PREFIXES if isinstance(imageset, TestSet) else ("",)
    for layout in imageset.layouts:
        for folder in (root / prefix for prefix in prefixes):
            other = layout.not_beside is not None and exists(folder / layout.not_beside)
            if not other and all(is_folder(folder / name) for name in (layout.target, *layout.inputs)):
                return _located(imageset, layout, folder)
    return None


def read_mapping(root: Path) -> dict[str, Layout]:
    """What `ceair-data.yaml` in a data folder says, by the name of the set; empty where there is no such file.

    An entry is `name: {target: FOLDER, input: FOLDER or list of them}`, without `input` where noise is added.

    Raises:
        ConfigError: the file is no such YAML.
    """
    path = root / MAPPING
    if not is_file(path):
        return {}
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} must map names of sets to folders, such as `rain100l: {{input: a, target: b}}`")
    return {str(name).lower(): _entry(path, str(name), entry) for name, entry in document.items()}


def clean_stem(stem: str, pairing: Pairing) -> str:
    """The stem of the clean file that belongs to a degraded one."""
    if pairing == "scene":
        return stem.partition("_")[0]
    if pairing == "rain" and stem.startswith("rain-"):
        return f"no{stem}"
    return stem


def _entry(path: Path, name: str, entry: Any) -> Layout:
    entry = entry if isinstance(entry, Mapping) else {}
    target, inputs = entry.get("target"), entry.get("input", [])
    inputs = [inputs] if isinstance(inputs, str) else inputs
    fits = isinstance(target, str) and isinstance(inputs, list) and all(isinstance(name, str) for name in inputs)
    if not fits or set(entry) - {"target", "input"}:
        raise ConfigError(f"{path} says of `{name}` something else than `{{input: FOLDER, target: FOLDER}}`")
    return Layout(MAPPING, str(target), tuple(inputs))


def _located(imageset: TestSet | TrainingSet, layout: Layout, folder: Path) -> Located:
    return Located(imageset, layout.source, folder / layout.target, tuple(folder / name for name in layout.inputs))


def _listed(folder: Path, imageset: TestSet | TrainingSet) -> list[Path]:
    pattern = imageset.pattern if isinstance(imageset, TrainingSet) else "*"
    paths = [path for path in list_images(folder) if path.match(pattern)]
    if not paths:
        raise DataError(f"{folder} holds no {pattern} image of {imageset.title}")
    return paths
