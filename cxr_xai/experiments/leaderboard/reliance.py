"""How much the network leans on shortcuts: every test study once more, without each of them."""

import numpy as np
import pandas as pd

from cxr_xai.artifacts.leaderboard_folder import RELIANCE_COLUMNS
from cxr_xai.data.phantom.spec import SHORTCUTS
from cxr_xai.data.phantom.twins import PhantomTruth
from cxr_xai.experiments.leaderboard.subject import Subject
from cxr_xai.experiments.terminal import ProgressBar
from cxr_xai.findings import FINDINGS

LEAST = 0.1
"""Change of probability from which the network is said to lean on a shortcut."""


def measure_reliance(subject: Subject, truth: PhantomTruth) -> pd.DataFrame:
    """Return calibrated probabilities of every finding with and without each planted shortcut.

    Returns:
        The columns ``RELIANCE_COLUMNS``, one row per study, shortcut and finding.
    """
    rows = subject.data.dataset("test").rows
    studies = subject.data.index.studies.iloc[rows]
    bar, parts = ProgressBar("films without their shortcuts"), []
    for start in range(0, len(rows), subject.data.batch_size):
        mine = rows[start : start + subject.data.batch_size]
        names = studies["image_id"].iloc[start : start + len(mine)].tolist()
        planted = [(n, shortcut) for n, name in enumerate(names) for shortcut in truth.shortcuts(name)]
        if planted:
            own = subject.probs(subject.films(mine))
            twins = np.stack([truth.twin(names[n], without=shortcut) for n, shortcut in planted])
            other = subject.probs(subject.served(twins))
            parts += [
                pd.DataFrame(
                    {
                        "image_id": names[n],
                        "patient_id": str(studies["patient_id"].iloc[start + n]),
                        "shortcut": shortcut,
                        "finding": FINDINGS,
                        "target": subject.data.index.targets[mine[n]],
                        "prob": own[n],
                        "prob_without": other[at],
                    }
                )
                for at, (n, shortcut) in enumerate(planted)
            ]
        bar(start + len(mine), len(rows))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(RELIANCE_COLUMNS))


def kind_of(table: pd.DataFrame) -> "pd.Series[str]":
    """Return what each row says: the shortcut speaks ``for`` its finding, ``against`` it, or ``neither``.

    ``for`` where the probability falls by `LEAST` or more when the shortcut is left out; undefined ones are neither.
    """
    change = (table["prob"] - table["prob_without"]).to_numpy(np.float64)
    kind = np.where(change >= LEAST, "for", np.where(change <= -LEAST, "against", "neither"))
    return pd.Series(kind, index=table.index, dtype=str)


LOCAL = tuple(name for name in SHORTCUTS if name != "brightness")
"""Shortcuts with a place of their own; brightness is everywhere, so no map can be asked for it."""
