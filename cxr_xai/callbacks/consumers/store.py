"""Raw maps on disk, to be scored or drawn again later."""

import numpy as np
from lightning import Trainer

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.explained import Explained
from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.files import whole


class Store:
    """Writes ``explanations/<explainer>/<half>-e<epoch>.npz``: ``image_id``, ``attribution (n, K, h, w)``, ``logits``.

    Args:
        folder: the run folder.
        datamodule: names of the studies.
    """

    def __init__(self, folder: RunFolder, datamodule: ChestXrayDataModule) -> None:
        self.folder, self.datamodule = folder, datamodule

    def consume(self, explained: Explained, trainer: Trainer) -> dict[str, float]:
        """Write the maps; no scalars."""
        if trainer.is_global_zero:
            names = self.datamodule.index.studies["image_id"].iloc[explained.rows].to_numpy(str)
            path = self.folder.explanations(explained.explainer) / f"{explained.half}-e{explained.epoch:03d}.npz"
            with whole(path) as partial, partial.open("wb") as file:
                np.savez_compressed(
                    file, image_id=names, attribution=explained.attribution.numpy(), logits=explained.logits.numpy()
                )
        return {}
