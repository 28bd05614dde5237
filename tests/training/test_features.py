"""Backbone features of many films."""

import numpy as np
import torch

from cxr_xai.data.films.files import Selection
from cxr_xai.models.classifier import build_classifier
from cxr_xai.training import features
from cxr_xai.training.features import embed_films


def test_features_do_not_depend_on_chunks_and_are_pooled_maps(monkeypatch) -> None:
    torch.manual_seed(0)
    model = build_classifier("resnet10t", in_chans=1)
    films = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    whole = embed_films(model, films, 5, torch.device("cpu"))
    assert whole.shape == (5, model.head.in_features)
    assert whole.dtype == np.float32
    monkeypatch.setattr(features, "BATCH", 2)
    chosen = embed_films(model, Selection(films, np.array([4, 0, 2])), 3, torch.device("cpu"))
    np.testing.assert_allclose(chosen, whole[[4, 0, 2]], rtol=1e-4, atol=1e-5)
    image = torch.from_numpy(films[3:4]).unsqueeze(1) / 255
    np.testing.assert_allclose(
        model.features(image).mean(dim=(2, 3)).detach().numpy()[0], whole[3], rtol=1e-4, atol=1e-5
    )
