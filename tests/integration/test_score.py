"""The maps that a run stores are scored by the script as the run scored them."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.callbacks.box_probe import POLICY_SCORES, REFERENCES, SCORED
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.score.run import run_score

TEXTS = ["image_id", "patient_id", "finding", "boxes", "dead", "grid"]


@pytest.mark.parametrize("half", ["sealed", "monitored"])
def test_a_runs_own_maps(finished: RunFolder, small_overrides: list[str], tmp_path: Path, half: str) -> None:
    stored = sorted(finished.explanations("exact_cam").glob(f"{half}-e*.npz"))[-1]
    kept = [word for word in small_overrides if word.startswith(("datamodule.", "paths."))]
    ledger = finished.ledger.read_bytes()
    run_score(*compose("score", [*kept, f"maps={stored}", f"output={tmp_path}", "replicates=5"]))
    assert read_ledger(finished.ledger).iloc[-1][["what", "purpose"]].tolist() == [
        f"{half} boxes",
        "stored maps scored",
    ]
    finished.ledger.write_bytes(ledger)
    own = pd.read_parquet(finished.localization)
    own = own[(own["half"] == half) & (own["epoch"] == int(stored.stem[-3:]))]
    scored = pd.read_parquet(tmp_path / "localization.parquet")
    keys = ["image_id", "finding"]
    numbers = ["prob", *SCORED, *POLICY_SCORES, *REFERENCES]
    if half == "monitored":  # the run itself does not score it in other ways
        numbers = [column for column in numbers if column.removeprefix("prior_") not in POLICY_SCORES]
    both = [table.sort_values(keys).reset_index(drop=True)[TEXTS + numbers] for table in (own, scored)]
    pd.testing.assert_frame_equal(*both, check_dtype=False, atol=1e-6, rtol=0)
