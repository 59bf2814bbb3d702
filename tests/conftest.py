"""What all tests share: shapes in annotations are enforced, one thread per worker, a seeded generator."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Of commands that tests start, too: more threads than cores, as two workers have, wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if os.environ.get("JAXTYPING_DISABLE", "0") in ("", "0"):
    from jaxtyping import install_import_hook

    # By PEP 484, which type checkers follow, an int is a float too.
    install_import_hook("ceair", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

import torch

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can import the slow second implementations in reference/
torch.set_num_threads(1)
settings.register_profile("ceair", deadline=None, max_examples=12, derandomize=True, database=None)
settings.load_profile("ceair")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Converted graphs are kept for one test run and neither found from nor left for others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CEAIR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def generator() -> torch.Generator:
    """A fresh generator with a fixed seed."""
    return torch.Generator().manual_seed(20)
