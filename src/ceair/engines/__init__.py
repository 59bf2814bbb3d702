"""What computes a network: torch, OpenVINO or ONNX Runtime, behind one interface."""

from ceair.engines.choose import ENGINES, PRECISIONS, make_engine
from ceair.engines.eager import TorchEngine, find_device
from ceair.engines.engine import Engine
from ceair.engines.ensemble import SelfEnsemble

__all__ = ["ENGINES", "PRECISIONS", "Engine", "SelfEnsemble", "TorchEngine", "find_device", "make_engine"]
