"""Raw maps on disk, with the names of their studies."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.consumers.store import Store
from cxr_xai.callbacks.explained import Explained


def test_maps_logits_and_names(tmp_path: Path) -> None:
    studies = pd.DataFrame({"image_id": ["a.png", "b.png", "c.png", "d.png"]})
    data = SimpleNamespace(index=SimpleNamespace(studies=studies))
    maps, logits = torch.randn(2, 14, 3, 3), torch.randn(2, 14)
    explained = Explained("exact_cam", 7, "sealed", np.array([1, 3]), maps, logits, pd.DataFrame(), np.zeros((0, 4)))
    store = Store(RunFolder(tmp_path), data)
    assert store.consume(explained, SimpleNamespace(is_global_zero=False)) == {}
    assert list(tmp_path.iterdir()) == []
    assert store.consume(explained, SimpleNamespace(is_global_zero=True)) == {}
    kept = np.load(tmp_path / "explanations" / "exact_cam" / "sealed-e007.npz")
    assert kept["image_id"].tolist() == ["b.png", "d.png"]
    np.testing.assert_array_equal(kept["attribution"], maps)
    np.testing.assert_array_equal(kept["logits"], logits)
    assert [path.name for path in (tmp_path / "explanations" / "exact_cam").iterdir()] == ["sealed-e007.npz"]
