"""Is the file of weights the one that training began with?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.verification.identity import _ledger, _weights
from cxr_xai.files import hash_file


def outcome(given: str | Path, stored: dict[str, Any] | None) -> str:
    evidence: Any = SimpleNamespace(
        certificate={} if stored is None else {"weights": stored}, settings={"model": {"weights": str(given)}}
    )
    return _weights(evidence).outcome


def test_the_file_is_compared_where_it_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    stored = {"file": "mine.pt", "sha256": hash_file(path)}
    assert outcome(path, stored) == "holds"
    path.write_bytes(b"others")
    assert outcome(path, stored) == "does not hold"
    path.unlink()
    assert outcome(path, stored) == "not checked"


def test_no_file_is_nothing_to_compare() -> None:
    assert outcome("imagenet", {"file": None, "sha256": None}) == "holds"
    assert outcome("none", None) == "holds"


def test_boxes_that_guided_are_in_the_ledger(tmp_path: Path) -> None:
    evidence: Any = SimpleNamespace(
        folder=RunFolder(tmp_path),
        localization=pd.DataFrame({"half": []}),
        certificate={"boxes": {"uses": "trained on (…)", "trained_studies": 31}},
    )
    note_read(evidence.folder.ledger, "test labels", "report", 5)
    assert "readings of training boxes" in _ledger(evidence).words
    note_read(evidence.folder.ledger, "training boxes", "guidance", 31)
    assert _ledger(evidence).outcome == "holds"
