"""A summary under its schema, written and read back."""

from pathlib import Path

import pytest

from cxr_xai.artifacts.summary import read_summary, write_summary
from cxr_xai.errors import UserError


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    write_summary(path, 3, {"value": float("nan"), "rows": [1, 2]})
    assert read_summary(path, 3, "thing", "scripts/thing.py") == {"schema_version": 3, "value": None, "rows": [1, 2]}


def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(UserError, match=r"holds no thing \(no summary\.json\); run scripts/thing\.py\."):
        read_summary(path, 3, "thing", "scripts/thing.py")
    write_summary(path, 2, {})
    with pytest.raises(UserError, match=r"has schema 2, this version reads 3; run scripts/thing\.py again"):
        read_summary(path, 3, "thing", "scripts/thing.py")
    for torn in ('{"schema_ver', "[1, 2]", "3"):
        path.write_text(torn)
        with pytest.raises(UserError, match=r"is damaged .* run scripts/thing\.py again"):
            read_summary(path, 3, "thing", "scripts/thing.py")
