"""Metadata of weights: what we write comes back, and what other tools write is text."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from ceair.checkpoint import load_tensors, save_tensors


def test_metadata_come_back_as_they_were(tmp_path: Path) -> None:
    metadata = {"preset": "ceair-t", "steps": 3, "scores": {"noise": [31.5, None]}}
    save_tensors(tmp_path / "w.safetensors", {"w": torch.ones(2)}, metadata)
    assert load_tensors(tmp_path / "w.safetensors")[1] == metadata


def test_metadata_that_are_no_json_are_kept_as_text(tmp_path: Path) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "w.safetensors", {"format": "pt", "note": "{half"})
    tensors, metadata = load_tensors(tmp_path / "w.safetensors")
    assert torch.equal(tensors["w"], torch.ones(2))
    assert metadata == {"format": "pt", "note": "{half"}
