"""Tables that are kept as long as nothing they depend on has changed."""

from pathlib import Path

import pandas as pd
import pytest

from cxr_xai.artifacts.sanity_folder import SanityFolder
from cxr_xai.errors import UserError

TABLE = pd.DataFrame(
    {"condition": ["mean"], "image_id": ["01.png"], "patient_id": ["007"], "finding": ["Mass"], "deletion": [0.25]}
)


def test_a_table_is_kept_under_its_key(tmp_path: Path) -> None:
    folder = SanityFolder(tmp_path)
    assert folder.kept("exact_cam", "faithfulness", "a") is None
    folder.keep("exact_cam", "faithfulness", TABLE, "a")
    kept = folder.kept("exact_cam", "faithfulness", "a")
    assert kept is not None
    pd.testing.assert_frame_equal(kept, TABLE)  # a patient 007 stays a name
    assert folder.kept("exact_cam", "faithfulness", "b") is None


def test_a_torn_table_does_not_count(tmp_path: Path) -> None:
    folder = SanityFolder(tmp_path)
    folder.keep("exact_cam", "faithfulness", TABLE, "a")
    folder.table("exact_cam", "faithfulness").unlink()
    assert folder.kept("exact_cam", "faithfulness", "a") is None
    folder.keep("exact_cam", "faithfulness", TABLE, "a")
    folder.table("exact_cam", "faithfulness").with_suffix(".json").write_text("{")
    assert folder.kept("exact_cam", "faithfulness", "a") is None


def test_an_empty_table_is_kept_too(tmp_path: Path) -> None:
    folder = SanityFolder(tmp_path)
    folder.keep("exact_cam", "collapse", TABLE.iloc[:0], "a")
    kept = folder.kept("exact_cam", "collapse", "a")
    assert kept is not None
    assert len(kept) == 0


def test_other_folders_are_refused(tmp_path: Path) -> None:
    folder = SanityFolder(tmp_path)
    with pytest.raises(UserError, match=r"scripts/sanity\.py"):
        folder.read_summary()
    folder.write_summary({"run": "x"})
    assert folder.read_summary()["run"] == "x"
    folder.summary.write_text('{"schema_version": 0}')
    with pytest.raises(UserError, match="schema 0"):
        folder.read_summary()
