"""Two nodes for ComfyUI: load weights of ceair, and restore images with them.

Put this folder into ComfyUI's `custom_nodes` as `ceair`, and `pip install` ceair into the Python that runs ComfyUI.
Images are restored whole, or in tiles that share what the network knows of the whole image; alpha is passed through.
Where spandrel is there, ComfyUI's own loader of upscale models reads the same weights.
"""

from contextlib import suppress

import torch

from ceair import CeairError, Restorer

with suppress(CeairError):  # a ComfyUI without spandrel has no such loader
    from ceair.integrations.spandrel import install

    install()


class LoadCeair:
    """Weights of ceair: `ceair-t`, which come with it, a file, a folder, or `owner/name` of the Hugging Face hub."""

    CATEGORY = "image/restoration"
    RETURN_TYPES = ("CEAIR",)
    RETURN_NAMES = ("restorer",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  # ComfyUI's name
        devices = (["auto", "cpu", "cuda", "mps"],)
        return {"required": {"weights": ("STRING", {"default": "ceair-t"}), "device": devices}}

    def load(self, weights, device):
        """The restorer, as the only output."""
        return (Restorer.from_pretrained(weights.strip(), device),)


class RestoreCeair:
    """Restored images, `b h w c` in [0, 1] as ComfyUI has them; `strength` blends them with what came in."""

    CATEGORY = "image/restoration"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "restore"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        strength = ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.05})
        return {"required": {"restorer": ("CEAIR",), "image": ("IMAGE",), "strength": strength}}

    def restore(self, restorer, image, strength=1.0):
        """The images in a batch, one after the other, so that memory is bounded by one of them."""
        bar = progress_bar(len(image))
        done = []
        for one in image:
            colours = one[None, ..., :3].movedim(-1, 1)
            restored = restorer.restore_tensor(colours).movedim(1, -1)
            blended = torch.lerp(one[None, ..., :3], restored, strength)
            done.append(torch.cat((blended, one[None, ..., 3:]), dim=-1))
            bar.update(1)
        return (torch.cat(done),)


def progress_bar(total):
    """ComfyUI's, or one that shows nothing where there is no ComfyUI."""
    try:
        from comfy.utils import ProgressBar
    except ImportError:
        return NoBar()
    return ProgressBar(total)


class NoBar:
    """Has the one method of a progress bar that is used."""

    def update(self, steps):
        """Show nothing."""


NODE_CLASS_MAPPINGS = {"LoadCeair": LoadCeair, "RestoreCeair": RestoreCeair}
NODE_DISPLAY_NAME_MAPPINGS = {"LoadCeair": "Load ceair weights", "RestoreCeair": "Restore image (ceair)"}
