"""Sharing a network: a folder with its weights, their card and a README, or the same on the Hugging Face hub.

`UNet` is made of parts that are passed in, so the hub's mixin for modules, which rebuilds one from the arguments of its
constructor as JSON, does not fit it. These functions do what the mixin does, for networks that are presets.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ceair import config, hub
from ceair.checkpoint import save_tensors
from ceair.errors import CeairError, WeightsError
from ceair.files import sha256, write_atomically
from ceair.model_card import readme
from ceair.models import UNet
from ceair.models.recognise import recognise

README = "README.md"

Card = Mapping[str, Any]


@runtime_checkable
class Restores(Protocol):
    """What is shared of a restorer: its network, and what is known of the weights."""

    network: UNet
    card: dict[str, Any]


def save_network(
    network: UNet, folder: str | Path, card: Card | None = None, overwrite: bool = False, place: str | None = None
) -> Path:
    """Write `model.safetensors`, `config.json` and `README.md` into a folder that `load_network` and the hub take.

    Args:
        card: what is known of the weights, see `ceair.model_card.readme`; the preset, the settings of the network, the
            number of parameters and the SHA-256 of the file are put in.
        overwrite: replace files that exist.
        place: where the README says that the weights are; the folder if None.

    Returns the path of the weights.

    Raises:
        WeightsError: the network is no preset.
        CeairError: a file exists or cannot be written.
    """
    folder = Path(folder)
    files = {name: folder / name for name in (hub.CARD, README, hub.WEIGHTS)}
    for path in files.values():
        if path.exists() and not overwrite:
            raise CeairError(f"{path} exists; overwrite=True replaces it")
    weights = _smallest(network.state_dict())
    preset = recognise(weights)
    facts = {
        "library_name": "ceair",
        "preset": preset.name,
        "network": config.dump(preset.network),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    try:
        save_tensors(files[hub.WEIGHTS], weights, {"preset": preset.name})
        facts["sha256"] = sha256(files[hub.WEIGHTS])
        whole = {**(card or {}), **facts}
        write_atomically(files[hub.CARD], (json.dumps(whole, indent=2) + "\n").encode())
        write_atomically(files[README], readme(whole, place or folder.as_posix()).encode())
    except OSError as error:
        raise CeairError(f"cannot write into {folder}: {error.strerror or error}") from error
    return files[hub.WEIGHTS]


def push_network(
    network: UNet,
    repository: str,
    card: Card | None = None,
    private: bool | None = None,
    message: str = "Weights of ceair",
) -> str:
    """Put what `save_network` writes into the repository `owner/name` of the hub; returns the address of the commit.

    Raises:
        WeightsError: the network is no preset, nobody is logged in, or the hub cannot be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_network(network, folder, card, place=repository)
        return hub.upload(Path(folder), repository, private, message)


def save(restorer: Restores, folder: str | Path, license: str | None = None, overwrite: bool = False) -> Path:
    """Write the weights of a restorer, their card and a README into a folder, for `from_pretrained` or anybody else.

    Args:
        license: an identifier of the hub's list, such as `apache-2.0`; that of the card if None.
        overwrite: replace files that exist.

    Returns the path of the weights.

    Raises:
        CeairError: as `save_network`.
    """
    return save_network(restorer.network, folder, _licensed(restorer.card, license), overwrite)


def push(
    restorer: Restores,
    repository: str,
    license: str | None = None,
    private: bool | None = None,
    message: str = "Weights of ceair",
) -> str:
    """Put the same into the repository `owner/name` of the Hugging Face hub, which is made if need be.

    Args:
        license: as of `save_pretrained`.
        private: for a new repository; None for what its owner's settings say.
        message: of the commit.

    Returns the address of the commit.

    Raises:
        WeightsError: nobody is logged in (`hf auth login`), the owner is somebody else, or the hub cannot be reached.
    """
    return push_network(restorer.network, repository, _licensed(restorer.card, license), private, message)


def read_card(weights: Path) -> dict[str, Any]:
    """What the card beside a weights file says: `config.json` beside `model.safetensors`, else the file's name with
    `.json`; nothing if there is none, or if it is the card of other weights.

    Raises:
        WeightsError: the card is damaged.
    """
    path = weights.with_name(hub.CARD) if weights.name == hub.WEIGHTS else weights.with_suffix(".json")
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the card {path} is damaged: {error}") from error
    if not isinstance(card, dict) or card.get("sha256") != sha256(weights):
        return {}
    return card


def _licensed(card: Card, license: str | None) -> Card:
    return {**card, "license": license} if license else card


def _smallest(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights on the CPU, in half precision if that holds each of them exactly."""
    here = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    halves = {name: tensor.half() for name, tensor in here.items()}
    exact = all(torch.equal(halves[name].to(tensor.dtype), tensor) for name, tensor in here.items())
    return halves if exact else here
