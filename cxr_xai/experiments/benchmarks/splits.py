"""What a division costs."""

import tempfile
from pathlib import Path

import numpy as np

from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.kfold import KFoldSplit
from cxr_xai.errors import UserError
from cxr_xai.experiments.benchmarks.release import write_release
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns


def measure_splits(repeats: int) -> list[Figure]:
    """Compare one fold with its val, on counts per patient, with iterative-stratification's five folds of patients.

    Raises:
        UserError: iterative-stratification is not installed.
    """
    try:
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
    except ImportError as error:
        raise UserError("This figure compares with iterative-stratification: pip install 'cxr-xai[dev]'.") from error
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "release"
        write_release(root)
        index = NihReader().read(root)
    patients, codes = np.unique(index.studies["patient_id"].to_numpy(str), return_inverse=True)
    labels = np.zeros((len(patients), index.targets.shape[1]), int)
    np.maximum.at(labels, codes, index.targets.astype(int))
    reference = MultilabelStratifiedKFold(n_splits=5, shuffle=True, random_state=0)
    times = time_in_turns(
        {"ours": lambda: KFoldSplit().split(index), "theirs": lambda: list(reference.split(patients, labels))},
        min(repeats, 5),
    )
    what = f"a fold of {len(patients):,} patients with its val, hashed, vs iterative-stratification's five folds"
    return [Figure(what, times["ours"], times["theirs"], times["ours"] / times["theirs"], "time ratio", "≤ 6")]
