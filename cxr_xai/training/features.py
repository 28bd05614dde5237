"""Backbone features of many films, for whoever needs to know which films are alike."""

import numpy as np
import numpy.typing as npt
import torch

from cxr_xai.data.films.files import Films
from cxr_xai.data.transforms.photometric import to_unit
from cxr_xai.models.classifier import Classifier

BATCH = 32


@torch.inference_mode()
def embed_films(
    model: Classifier, films: Films, count: int, device: torch.device | None = None
) -> npt.NDArray[np.float32]:
    """Return ``(count, C)`` pooled features of ``films[0]`` to ``films[count - 1]``.

    Args:
        model: its trunk is used, in evaluation mode; the model stays where it is put.
        films: gives ``(n, H, W)`` uint8.
        count: how many.
        device: where to compute; the first GPU where there is one.
    """
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.eval().to(device)
    parts = []
    for start in range(0, count, BATCH):
        chunk = films[np.arange(start, min(start + BATCH, count))]
        image = to_unit(torch.from_numpy(np.ascontiguousarray(chunk)).unsqueeze(1).to(device))
        parts.append(model.features(image).mean(dim=(2, 3)).float().cpu().numpy())
    return np.concatenate(parts)
