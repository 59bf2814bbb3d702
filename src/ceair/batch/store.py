"""Folders and object stores behind one interface: whatever pyarrow or fsspec can open by a path or a URI."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyarrow import ArrowInvalid, ArrowNotImplementedError
from pyarrow.fs import FileSelector, FileSystem, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem

from ceair.errors import DataError
from ceair.files import remove_leftovers, write_atomically


@dataclass(frozen=True)
class Store:
    """A folder, or the objects of a store below a prefix; names below it are separated by slashes.

    Attributes:
        place: what it was opened by, absolute, so that any process can open it again.
        filesystem: where it lies.
        root: its path there, without a slash at the end.
    """

    place: str
    filesystem: FileSystem
    root: str

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine, or mounted on it."""
        return isinstance(self.filesystem, LocalFileSystem)

    def path(self, name: str) -> str:
        """The path of a name on the file system."""
        return f"{self.root}/{name}" if name else self.root or "/"

    def kind(self) -> FileType:
        """Whether there is a file, a folder, or nothing at the root itself."""
        return self.filesystem.get_file_info(self.path("")).type

    def files(self, folder: str = "", recursive: bool = False) -> list[str]:
        """The names of the files in a folder below the root, sorted; none if there is no such folder.

        Raises:
            DataError: a name is not UTF-8.
        """
        selector = FileSelector(self.path(folder), allow_not_found=True, recursive=recursive)
        try:
            found = [info.path for info in self.filesystem.get_file_info(selector) if info.type == FileType.File]
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.place} holds a name that is not UTF-8; rename it, or use `ceair restore`"
            ) from error
        return sorted(path[len(self.root) :].lstrip("/") for path in found)

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of the names that exist."""
        asked = list(names)
        infos = self.filesystem.get_file_info([self.path(name) for name in asked])
        return {name for name, info in zip(asked, infos, strict=True) if info.type == FileType.File}

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: it is missing or cannot be read.
        """
        with self.filesystem.open_input_file(self.path(name)) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file that appears whole or not at all, as objects of object stores always do.

        Raises:
            OSError: it cannot be written.
        """
        if self.local:
            write_atomically(Path(self.path(name)), content)
            return
        with self.filesystem.open_output_stream(self.path(name)) as stream:
            stream.write(content)

    def tidy(self, names: Iterable[str]) -> None:
        """Remove what killed processes have left half written beside these names; nobody may be writing now."""
        if self.local:
            for folder in {Path(self.path(name)).parent for name in names}:
                remove_leftovers(folder)

    def delete(self, names: Iterable[str]) -> None:
        """Delete those of the files that exist."""
        for name in self.present(names):
            self.filesystem.delete_file(self.path(name))


def open_store(place: str) -> Store:
    """The folder of a path or the part of an object store that a URI names; it need not exist.

    Raises:
        DataError: neither pyarrow nor fsspec can open it.
    """
    if "://" not in place:
        root = os.path.realpath(place)
        return Store(root, LocalFileSystem(), root.rstrip("/"))
    try:
        filesystem, root = FileSystem.from_uri(place)
    except (ArrowInvalid, ArrowNotImplementedError):  # pyarrow knows no such scheme
        filesystem, root = _open_by_fsspec(place)
    except OSError as error:
        raise DataError(f"cannot open {place}: {_line(error)}") from error
    if isinstance(filesystem, LocalFileSystem):
        root = os.path.realpath(root)
    return Store(place, filesystem, root.rstrip("/"))


def _open_by_fsspec(place: str) -> tuple[FileSystem, str]:
    import fsspec

    try:
        filesystem, root = fsspec.core.url_to_fs(place)
    except (ValueError, ImportError, OSError) as error:
        raise DataError(f"cannot open {place}: {_line(error)}") from error
    return PyFileSystem(FSSpecHandler(filesystem)), root


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
