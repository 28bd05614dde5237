"""What preparing leaves, by name."""

from pathlib import Path

import pytest

from cxr_xai.artifacts.prepared_folder import PreparedFolder
from cxr_xai.errors import UserError
from cxr_xai.files import write_json


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no prepared source \(no prepared\.json\); run scripts/prepare\.py"):
        PreparedFolder(tmp_path).read_summary()


def test_names_lie_inside(tmp_path: Path) -> None:
    folder = PreparedFolder(tmp_path)
    write_json(folder.summary, {"schema_version": 1})
    assert folder.read_summary() == {"schema_version": 1}
    assert folder.picture("00000001_000.png") == tmp_path / "pictures" / "00000001_000.png"
    assert folder.picture("a.dcm") == tmp_path / "pictures" / "a.png"
