"""What explaining films leaves, by name."""

from pathlib import Path

import pytest

from cxr_xai.artifacts.explained_folder import ExplainedFolder
from cxr_xai.errors import UserError


def test_names_lie_inside(tmp_path: Path) -> None:
    folder = ExplainedFolder(tmp_path)
    assert folder.maps("grad_cam") == tmp_path / "maps" / "grad_cam"
    assert folder.sheet("00000001_000") == tmp_path / "panels" / "00000001_000.png"
    assert {folder.record.name, folder.scores.name, folder.report.name} == {
        "explained.json",
        "scores.csv",
        "report.html",
    }


def test_the_record_is_read_back_and_other_folders_are_refused(tmp_path: Path) -> None:
    folder = ExplainedFolder(tmp_path / "films")
    with pytest.raises(UserError, match=r"holds no explained films \(no explained\.json\); run scripts/explain\.py"):
        folder.read_record()
    folder.write_record({"run": "cell", "films": 3})
    assert folder.read_record() == {"schema_version": 1, "run": "cell", "films": 3}
