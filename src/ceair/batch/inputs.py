"""Which images a batch job has: the files that folders, globs and URIs name, in an order that is always the same."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from pyarrow.fs import FileType

from ceair.batch.job import RECORDS
from ceair.batch.store import Store, open_store
from ceair.errors import DataError
from ceair.image import EXTENSIONS

PARQUET = ".parquet"

_MAGIC = re.compile(r"[*\[]")
_MAGIC_OF_PATHS = re.compile(r"[*?\[]")  # in a URI, ? begins the options


class Item(NamedTuple):
    """A file: the number of the place it lies in, and its name below it."""

    root: int
    name: str


class Found(NamedTuple):
    """All files of a job, and the places that they lie in; either images or Parquet files."""

    roots: tuple[str, ...]
    items: tuple[Item, ...]
    tables: bool


def find(inputs: tuple[str, ...], output: Store, recursive: bool) -> Found:
    """The files that a job works on.

    Names are below the folder that was named, or below the part of a glob that is fixed. Hidden files, and results
    of this job, are left out.

    Raises:
        DataError: an input does not exist or nothing matches it, images and Parquet files are mixed, or results would
            replace one another or an input.
    """
    stores: dict[str, Store] = {}
    items: dict[str, Item] = {}
    for text in inputs:
        store, names = _expand(text, recursive)
        if (store.filesystem, store.root) == (output.filesystem, output.root):
            raise DataError(f"results cannot go to {output.place}, where the inputs are; choose another folder")
        kept = [name for name in names if _is_input(name) and not _is_result(store, name, output)]
        if not kept:
            raise DataError(_nothing(text, store, recursive))
        stores.setdefault(store.place, store)
        root = list(stores).index(store.place)
        for name in kept:
            items.setdefault(f"{store.filesystem.type_name}:{store.path(name)}", Item(root, name))
    tables = {_is_table(item.name) for item in items.values()}
    if len(tables) > 1:
        raise DataError("the inputs hold both images and Parquet files; name them more closely, such as 'photos/*.png'")
    found = Found(tuple(stores), tuple(items.values()), tables.pop())
    if not found.tables:
        _check_targets(found, list(stores.values()), output)
    return found


def _expand(text: str, recursive: bool) -> tuple[Store, list[str]]:
    """The place that an input is below of, and the names there."""
    plain, options = _split_options(text)
    magic = _MAGIC if "://" in text else _MAGIC_OF_PATHS
    if magic.search(plain) and not ("://" not in text and os.path.lexists(text)):
        return _expand_glob(plain, options, magic)
    store = open_store(text)
    kind = store.kind()
    if kind == FileType.File:
        folder, _, name = plain.rpartition("/")
        place = (folder if folder or not plain.startswith("/") else "/") or "."
        return open_store(place + options), [store.root.rpartition("/")[2] if "://" in text else name]
    if kind == FileType.NotFound:
        raise DataError(f"there is no {text}")
    return store, [name for name in store.files(recursive=recursive) if not _is_hidden(name)]


def _expand_glob(plain: str, options: str, magic: re.Pattern[str]) -> tuple[Store, list[str]]:
    parts = plain.split("/")
    first = next(index for index, part in enumerate(parts) if magic.search(part))
    fixed = "/".join(parts[:first]) or ("/" if plain.startswith("/") else ".")
    store, pattern = open_store(fixed + options), parts[first:]
    names = store.files(recursive=len(pattern) > 1 or "**" in pattern)
    return store, [name for name in names if not _is_hidden(name) and _matches(name.split("/"), pattern)]


def _split_options(text: str) -> tuple[str, str]:
    """A URI without a slash at its end, and its options from the `?` on; a path has none."""
    plain, mark, options = text.partition("?") if "://" in text else (text, "", "")
    return plain if set(plain) == {"/"} else plain.rstrip("/"), mark + options


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == RECORDS for part in name.split("/"))


def _is_table(name: str) -> bool:
    return name.lower().endswith(PARQUET)


def _is_input(name: str) -> bool:
    return _is_table(name) or PurePosixPath(name).suffix.lower() in EXTENSIONS


def _is_result(store: Store, name: str, output: Store) -> bool:
    inside = store.filesystem == output.filesystem and output.root.startswith(f"{store.root}/")
    return inside and store.path(name).startswith(f"{output.root}/")


def _nothing(text: str, store: Store, recursive: bool) -> str:
    below = not recursive and any(map(_is_input, store.files(recursive=True)))
    hint = "; --recursive looks into folders of folders" if below and not _MAGIC_OF_PATHS.search(text) else ""
    return f"no image and no Parquet file matches {text}{hint}"


def _check_targets(found: Found, stores: list[Store], output: Store) -> None:
    taken: dict[str, Item] = {}
    for item in found.items:
        other = taken.setdefault(item.name, item)
        if other is not item:
            one, two = (stores[each.root].path(each.name) for each in (other, item))
            raise DataError(f"{one} and {two} would both be written to {output.path(item.name)}")
    sources = set(_paths_beside(found, stores, output))
    for name in taken:
        if output.path(name) in sources:
            raise DataError(f"a result would replace the input {output.path(name)}; choose another folder")


def _paths_beside(found: Found, stores: list[Store], output: Store) -> Iterator[str]:
    """The paths of those inputs that lie on the file system of the output."""
    for item in found.items:
        if stores[item.root].filesystem == output.filesystem:
            yield stores[item.root].path(item.name)
