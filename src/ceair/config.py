"""Configurations: frozen dataclasses filled from YAML files and `a.b=c` words, where an unknown key is an error."""

import dataclasses
import difflib
import math
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ceair.errors import ConfigError

T = TypeVar("T")

_LONGEST_KEY = 100
_LONGEST_REASON = 400
_SHORT = reprlib.Repr()  # what is shown of a wrong value: a small YAML file can stand for a huge one
_SHORT.maxstring = _SHORT.maxother = _LONGEST_KEY


class _Loader(yaml.SafeLoader):
    """The safe loader, but a key that is given twice is an error: the first value would be dropped in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the safe loader does it, once no key is there twice."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(schema: type[T], path: Path, words: Sequence[str] = ()) -> T:
    """Read a YAML file as an instance of the dataclass `schema`, then apply overrides such as `optim.lr=1e-3`.

    Raises:
        ConfigError: naming the key, for a file that cannot be read, unknown keys (with the nearest right name) and
            values of the wrong type.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except Exception as error:  # PyYAML's constructors raise nearly anything, and RecursionError on deep nesting
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{path} is not valid YAML: {reason[:_LONGEST_REASON]}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} must hold `key: value` lines, not {type(raw).__name__}")
    for word in words:
        _override(raw, word)
    return parse(schema, raw)


def parse(schema: type[T], raw: Mapping[str, Any], where: str = "") -> T:
    """Turn nested mappings, as YAML or JSON gives them, into the dataclass `schema`; errors as for `load`."""
    hints = typing.get_type_hints(schema)
    fields = {field.name: field for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    for key in raw:
        if key not in fields:
            name = _SHORT.repr(key) if not isinstance(key, str) or len(key) > _LONGEST_KEY else key
            near = difflib.get_close_matches(name, fields, n=1, cutoff=0.0)
            raise ConfigError(f"unknown key `{where}{name}`; did you mean `{where}{near[0]}`?")
    for name, field in fields.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in raw:
            raise ConfigError(f"the key `{where}{name}` is missing")
    values = {key: _convert(hints[key], value, f"{where}{key}") for key, value in raw.items()}
    try:
        return schema(**values)
    except ValueError as error:
        raise ConfigError(f"{where.rstrip('.') or 'configuration'}: {error}") from error


def dump(config: Any) -> dict[str, Any]:
    """The configuration as plain mappings, lists, numbers and strings, fit for YAML or JSON."""
    return _plain(dataclasses.asdict(config))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _override(raw: dict[str, Any], word: str) -> None:
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise ConfigError(f"`{word[:_LONGEST_KEY]}` is no override; write key=value, for example optim.lr=1e-3")
    *parents, last = name.split(".")
    place: Any = raw
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise ConfigError(f"`{name}` cannot be set: part of it is no group of keys")
    try:
        place[last] = yaml.safe_load(text)
    except Exception as error:  # as above
        raise ConfigError(f"the value of `{name}` is not valid YAML: {_SHORT.repr(text)}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the annotated type `hint`: dataclasses, unions with None, tuples, dicts and plain types."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"`{where}` must be a group of keys, not {_SHORT.repr(value)}")
        return parse(hint, value, f"{where}.")
    if origin is types.UnionType or origin is typing.Union:
        return None if value is None else _convert(next(p for p in parts if p is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"`{where}` must be a list, not {_SHORT.repr(value)}")
        return tuple(_convert(parts[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"`{where}` must be a group of keys, not {_SHORT.repr(value)}")
        return {str(key): _convert(parts[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is typing.Literal:
        if value not in parts:
            raise ConfigError(f"`{where}` must be one of {', '.join(map(str, parts))}, not {_SHORT.repr(value)}")
        return value
    return _convert_plain(hint, value, where)


def _convert_plain(hint: Any, value: Any, where: str) -> Any:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            number = float(value)  # YAML reads 1e-3 as a string
        except ValueError:
            number = None
        except OverflowError:
            number = math.inf
        if number is not None and not math.isfinite(number):
            raise ConfigError(f"`{where}` must be a finite number, not {_SHORT.repr(value)}")
        value = value if number is None else number
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"`{where}` must be of type {hint.__name__}, not {_SHORT.repr(value)}")
    return value
