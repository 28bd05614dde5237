"""What a network says about a batch of films, as rows of a table."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_xai.artifacts.predicted_folder import PREDICTED_COLUMNS
from cxr_xai.experiments.explain.score import measure_map
from cxr_xai.experiments.export.network import Answer
from cxr_xai.findings import FINDINGS
from cxr_xai.metrics.calibration.contract import sigmoid

K = len(FINDINGS)


def tabulate(files: Sequence[str], said: Answer, thresholds: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Return a row per film and finding, the columns ``PREDICTED_COLUMNS``.

    Args:
        files: ``N`` names.
        said: of these films.
        thresholds: ``(K,)`` on calibrated probabilities.
    """
    logits = said.logits.astype(np.float64)
    table = pd.DataFrame(
        {
            "file": np.repeat(np.array(files, object), K),
            "finding": np.tile(np.array(FINDINGS, object), len(files)),
            "logit": logits.ravel(),
            "prob": sigmoid(logits).ravel(),
            "calibrated": said.probs.astype(np.float64).ravel(),
            "threshold": np.tile(thresholds, len(files)),
            "pred": said.preds.ravel(),
        }
    )
    maps = pd.DataFrame([measure_map(one) for one in said.maps.reshape(-1, *said.maps.shape[2:])])
    return pd.concat([table, maps], axis=1)[list(PREDICTED_COLUMNS)]
