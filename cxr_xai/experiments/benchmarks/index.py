"""What the index costs: read, checked and joined, films looked up."""

import tempfile
from pathlib import Path

import pandas as pd

from cxr_xai.data.readers.nih import NihReader
from cxr_xai.experiments.benchmarks.release import write_release
from cxr_xai.experiments.benchmarks.timing import Figure, time_in_turns


def measure_index(repeats: int) -> list[Figure]:
    """Compare reading a release of the published size with reading its label file alone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "release"
        write_release(root)
        read, table = NihReader().read, root / "Data_Entry_2017_v2020.csv"
        rows = len(read(root).studies)
        times = time_in_turns({"ours": lambda: read(root), "csv": lambda: pd.read_csv(table)}, repeats)
    what = f"index of {rows:,} rows, files, boxes and lists vs reading the CSV alone"
    return [Figure(what, times["ours"], times["csv"], times["ours"] / times["csv"], "time ratio", "≤ 15")]
