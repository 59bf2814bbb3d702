"""Weights on disk: safetensors with a JSON card beside them; strict in both directions, never pickle."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from ceair import hub
from ceair.errors import ConfigError, WeightsError
from ceair.files import is_file, is_folder, write_atomically
from ceair.models import PRESETS, UNet, build, preset

BUNDLED = Path(__file__).parent / "weights"
"""Folder of the weights that come with the package, each with a JSON card of the same name beside it."""

_PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""Beginnings of what torch.save has written: a ZIP archive, or before version 1.6 a plain pickle."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write named tensors and JSON-able metadata into one safetensors file, atomically."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = {key: json.dumps(value) for key, value in metadata.items()}
    write_atomically(path, to_bytes(kept, text))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file made by `save_tensors`, or by another tool, whose metadata are plain text.

    Raises:
        WeightsError: the file is missing, or no whole safetensors file.
    """
    if not is_file(path):
        raise WeightsError(f"there is no weights file {path}")
    _refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = {key: _meant(value) for key, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except Exception as error:  # on types that torch lacks or cards that nest deeply, nearly anything is raised
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{path} is no whole safetensors file: {reason}") from error


def _meant(text: str) -> Any:
    """What a value of the metadata stands for: JSON as `save_tensors` writes it, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refuse_pickle(path: Path) -> None:
    """Name pickles for what they are; nothing of them is loaded, since that would run whatever they hold."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    if beginning.startswith(_PICKLES):
        raise WeightsError(
            f"{path} is a pickle, as torch.save writes; loading one can run any program, so none is loaded:"
            " convert it to safetensors where you trust it"
        )


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Copy weights into a network, in its precision.

    Raises:
        WeightsError: a weight is missing, unknown, of another shape or not finite; `origin` is named in the message.
    """
    own = network.state_dict()
    for kind, names in (("lacks", own.keys() - tensors.keys()), ("has unknown", tensors.keys() - own.keys())):
        if names:
            raise WeightsError(f"{origin} {kind} weights ({len(names)}, for example `{min(names)}`)")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(own[name].shape)}"
            raise WeightsError(f"{origin} was made for another network: `{name}` is {shapes}")
        if tensor.dtype not in _PRECISIONS:
            raise WeightsError(f"{origin} was made for another network: `{name}` holds {tensor.dtype}, no plain floats")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{origin} is damaged: `{name}` holds values that are not finite")
    network.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})


def find_weights(source: str | Path) -> Path:
    """The weights file that `source` names: a file, a folder with `model.safetensors`, a preset whose weights come with
    the package, or a repository of the Hugging Face hub, `owner/name` or `owner/name@revision`, which is fetched.

    Raises:
        WeightsError: there is none of these, the preset has no bundled weights, or the hub cannot be reached.
    """
    name, path = str(source), Path(source)
    if name in PRESETS:
        return _bundled(name)
    if is_file(path):
        return path
    if is_file(path / hub.WEIGHTS):
        return path / hub.WEIGHTS
    if is_folder(path):
        raise WeightsError(f"the folder {path} holds no {hub.WEIGHTS}; give a folder that save_pretrained made")
    if isinstance(source, str) and hub.is_repository(source):
        fetched = hub.fetch(source, hub.WEIGHTS)
        with suppress(WeightsError):  # weights without a card are weights
            hub.fetch(source, hub.CARD)
        return fetched
    raise WeightsError(
        f"there is no weights file {source}; give a file, a folder, a hub repository owner/name or one of"
        f" {', '.join(PRESETS)}"
    )


def _bundled(name: str) -> Path:
    path = BUNDLED / f"{name}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"no weights of `{name}` come with this package; train them (`ceair train configs/ceair-t.yaml"
            f" preset={name} data.root=DIR`), or give a file, a folder or a hub repository owner/name that holds some"
        )
    return path


def load_network(source: str | Path) -> UNet:
    """The network whose weights `source` names (see `find_weights`), in float32 and evaluation mode.

    Raises:
        WeightsError: as `find_weights` and `load_into`, or the file does not say which preset it belongs to.
    """
    path = find_weights(source)
    tensors, metadata = load_tensors(path)
    try:
        network = build(preset(str(metadata["preset"])).network)
    except (KeyError, ConfigError) as error:
        raise WeightsError(f"{path} does not say of which preset of this version it is") from error
    load_into(network, tensors, str(path))
    return network.eval()
