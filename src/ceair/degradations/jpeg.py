"""The lossy part of JPEG as tensor arithmetic: colour transform, 4:2:0, block DCT, quantisation, and back.

Source: ITU-T T.81 (tables K.1 and K.2, section A.3.3) and the JFIF colour transform; the quality scale is the
one of the Independent JPEG Group.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def encode_decode(image: Float[Tensor, "b 3 h w"], quality: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
    """What is left of RGB images in [0, 1] after JPEG; `quality` in [1, 100] may differ from block to block."""
    height, width = image.shape[-2:]
    padding = (0, -width % 16, 0, -height % 16)
    image, quality = F.pad(image, padding, mode="replicate"), F.pad(quality, padding, mode="replicate")
    matrix = torch.tensor(_TO_YCC, device=image.device, dtype=image.dtype)
    middle = torch.tensor((128.0, 0.0, 0.0), device=image.device, dtype=image.dtype).view(3, 1, 1)
    planes = torch.einsum("ij,bjhw->bihw", matrix, 255 * image) - middle
    luma = _quantise(planes[:, :1], quality, _LUMA)
    chroma = _quantise(F.avg_pool2d(planes[:, 1:], 2), F.avg_pool2d(quality, 2), _CHROMA)
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    restored = torch.cat((luma + 128, chroma), dim=1)
    rgb = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(matrix), restored) / 255
    return rgb.clamp(0, 1)[..., :height, :width]


def _quantise(
    plane: Float[Tensor, "b c h w"], quality: Float[Tensor, "b 1 h w"], table: tuple[tuple[int, ...], ...]
) -> Float[Tensor, "b c h w"]:
    """Quantise each 8x8 block's DCT by the table scaled for the block's mean quality."""
    scale = F.avg_pool2d(quality, 8).clamp(1, 100)[..., None, None]
    percent = torch.where(scale < 50, 5000 / scale, 200 - 2 * scale)
    steps = ((torch.tensor(table, device=plane.device) * percent + 50) / 100).floor().clamp(1, 255)
    dct = _dct_matrix(plane.device).to(plane.dtype)
    height, width = plane.shape[-2:]
    blocks = plane.reshape(*plane.shape[:2], height // 8, 8, width // 8, 8).transpose(-3, -2)
    levels = (dct @ blocks @ dct.T / steps).round()
    decoded = dct.T @ (levels * steps) @ dct
    return decoded.transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)


def _dct_matrix(device: torch.device) -> Float[Tensor, "8 8"]:
    frequency = torch.arange(8, device=device, dtype=torch.float32)[:, None]
    place = torch.arange(8, device=device, dtype=torch.float32)[None, :]
    matrix = torch.cos(math.pi * (2 * place + 1) * frequency / 16) / 2
    matrix[0] = matrix[0] / math.sqrt(2)
    return matrix
