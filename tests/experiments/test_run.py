"""What a run notes before it begins."""

from pathlib import Path

from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.run import note_guidance


def test_boxes_that_guide_are_noted_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for boxes in ({"uses": "none"}, {"uses": "none", "trained_studies": 0}):
        note_guidance(folder, {"boxes": boxes})
        assert read_ledger(folder.ledger).empty
    for _ in range(2):  # the run is cut and goes on
        note_guidance(folder, {"boxes": {"uses": "trained on (…)", "trained_studies": 31}})
    assert read_ledger(folder.ledger)[["what", "purpose", "rows"]].to_numpy().tolist() == [
        ["training boxes", "guidance", 31]
    ]
