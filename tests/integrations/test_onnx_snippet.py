"""The lines of docs/onnx.md restore an image in a Python that has neither ceair nor torch."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ceair.checkpoint import load_network
from ceair.restore import Restorer

pytestmark = pytest.mark.xdist_group("graphs")  # one process, so that the file is exported once
PAGE = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
(SNIPPET,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
ALONE = "import sys\nfor name in ('torch', 'ceair', 'onnx', 'PIL', 'cv2'):\n    sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from ceair.export import export

    folder = tmp_path_factory.mktemp("onnx")
    export(load_network("ceair-t"), folder / "ceair-t.onnx", {"weights": "ceair-t"})
    return folder


@pytest.mark.parametrize("size", [(48, 64), (37, 50), (5, 23), (1, 1)])
def test_the_snippet_gives_what_ceair_gives(folder, size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    np.save(folder / "photo.npy", photo)
    done = subprocess.run(
        [sys.executable, "-c", ALONE + SNIPPET], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    restored = np.load(folder / "restored.npy")
    expected = Restorer(load_network("ceair-t"), "cpu")(photo)
    assert (restored.shape, restored.dtype) == (photo.shape, photo.dtype)
    assert np.abs(restored.astype(int) - expected).max() <= 1  # half a level may be rounded either way
    assert (restored == expected).mean() > 0.99


def test_the_page_tells_what_the_file_has(folder):
    import onnx
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "ceair-t.onnx", providers=["CPUExecutionProvider"])
    for kind, (value,) in (("input", session.get_inputs()), ("output", session.get_outputs())):
        assert f"| {kind} | `{value.name}` | `1 3 H W` | float32 |" in PAGE
        assert (value.type, value.shape[:2]) == ("tensor(float)", [1, 3])
    facts = session.get_modelmeta().custom_metadata_map
    assert f"multiples of {facts['size_multiple']}** for `ceair-t`" in PAGE
    assert {"size_multiple", "range", "weights"} <= facts.keys()
    opset = next(entry.version for entry in onnx.load(folder / "ceair-t.onnx").opset_import if not entry.domain)
    assert opset >= int(re.search(r"Opset (\d+)", PAGE)[1])
