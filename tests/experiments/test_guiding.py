"""Settings become a guide with the evidence of the training part, and the certificate says which."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from cxr_xai.data.datamodule import ChestXrayDataModule
from cxr_xai.data.evidence.boxes import annotated
from cxr_xai.data.readers.nih import NihReader
from cxr_xai.data.splits.file import FileSplit
from cxr_xai.data.splits.official import OfficialSplit
from cxr_xai.data.splits.split import SplitScheme
from cxr_xai.errors import UserError
from cxr_xai.experiments.command import compose
from cxr_xai.experiments.guiding import build_guide, describe_guidance
from cxr_xai.findings import FINDINGS

PARTS = {"1": "train", "4": "train", "5": "train", "2": "val", "3": "test"}


@pytest.fixture
def root(small_release: Callable[..., Path]) -> Path:
    return small_release()


def read(root: Path, scheme: SplitScheme | None = None, box_list: str | None = "BBox_List_2017.csv") -> Any:
    if scheme is None:
        names = sorted(path.name for path in root.rglob("*.png"))
        lines = [f"{name},{PARTS[str(int(name[:8]))]}" for name in names if str(int(name[:8])) in PARTS]
        (root / "split.csv").write_text("image_id,part\n" + "\n".join(lines) + "\n")
        scheme = FileSplit(str(root / "split.csv"))
    return ChestXrayDataModule(root, NihReader(box_list), scheme, image_size=32)


def settings(*overrides: str) -> dict[str, Any]:
    return compose("train", ["datamodule.root=somewhere", *overrides])[0]["guidance"]


def pairs(guide: Any, data: ChestXrayDataModule) -> list[tuple[str, str]]:
    """(image, finding) of what is known of the training part."""
    batch = data.plain(data.dataset("train").batch(data.dataset("train").rows), 0)
    known = guide.evidence(batch, (2, 2), 0)
    names = data.index.studies["image_id"].iloc[batch.index[known.row].numpy()]
    return sorted(zip(names, [FINDINGS[k] for k in known.finding.tolist()], strict=True))


def test_none_is_no_guide(root: Path) -> None:
    assert build_guide(settings(), read(root)) is None
    assert describe_guidance(settings(), read(root)) is None
    assert describe_guidance(None, read(root)) is None, "a run of before"


@pytest.mark.parametrize("needs", [None, "body"])
def test_what_a_term_needs_is_not_hidden(root: Path, needs: str | None) -> None:
    data, hidden = read(root), {**settings("guidance=energy"), "needs": needs}
    for use in (build_guide, describe_guidance):
        with pytest.raises(UserError, match=rf"^guidance\.needs={needs or 'null'}: Energy needs boxes"):
            use(hidden, data)


@pytest.mark.parametrize("member", ["energy", "energy_area", "l1", "rrr"])
def test_box_members_know_the_boxed_positives_of_train(root: Path, member: str) -> None:
    data = read(root)
    guide = build_guide(settings(f"guidance={member}", "guidance.weight=0.3"), data)
    assert pairs(guide, data) == [
        ("00000004_000.png", "Effusion"),
        ("00000005_000.png", "Infiltration"),
        ("00000005_000.png", "Pneumonia"),
    ]
    assert guide.term.weight == 0.3
    told = {"term": member, "needs": "boxes", "source": "BBox_List_2017.csv", "films": 2}
    assert describe_guidance(settings(f"guidance={member}"), data) == told


def test_fewer_patients_are_annotated(root: Path) -> None:
    data = read(root)
    between = next(f / 100 for f in range(100) if annotated("4", f / 100) != annotated("5", f / 100))
    chosen = "4" if annotated("4", between) else "5"
    asked = settings("guidance=energy", f"guidance.annotated_fraction={between}")
    assert {name[7] for name, _ in pairs(build_guide(asked, data), data)} == {chosen}
    nothing = settings("guidance=energy", "guidance.annotated_fraction=0")
    assert pairs(build_guide(nothing, data), data) == []
    assert describe_guidance(nothing, data)["films"] == 0
    assert len(data.guided_rows()) == 2


def test_training_without_boxes_is_refused_once_the_data_are_known(root: Path) -> None:
    asked = settings("guidance=energy")
    with pytest.raises(UserError, match=r"none of its 3 boxes is on a training film \(split=official"):
        build_guide(asked, read(root, OfficialSplit(val_fraction=0.3)))
    with pytest.raises(UserError, match=r"comes without boxes .*guidance=regions or guidance=body"):
        build_guide(asked, read(root, box_list=None))


def test_regions_come_from_a_folder_or_from_nowhere(root: Path, tmp_path: Path) -> None:
    data, masks = read(root), tmp_path / "masks"
    with pytest.raises(UserError, match=r"use guidance\.masks=FOLDER"):
        build_guide(settings("guidance=regions"), data)
    masks.mkdir()
    asked = settings("guidance=regions", f"guidance.masks={masks}")
    with pytest.raises(UserError, match="has no label image of a training film"):
        build_guide(asked, data)
    cv2.imwrite(str(masks / "00000001_000.png"), np.full((16, 16), 7, np.uint8))
    assert pairs(build_guide(asked, data), data) == [("00000001_000.png", "Cardiomegaly")]
    told = describe_guidance(asked, data)
    assert (told["source"], told["films"], len(told["sha256"])) == ("folder", 1, 64)
    cv2.imwrite(str(masks / "00000001_000.png"), np.full((16, 16), 1, np.uint8))
    assert describe_guidance(asked, data)["sha256"] != told["sha256"]
    assert pairs(build_guide(asked, data), data) == [], "no heart, nothing known of its size"


def test_the_atlas_where_it_is_asked_for(root: Path) -> None:
    asked = settings("guidance=regions", "guidance.masks=atlas")
    assert describe_guidance(asked, read(root)) == {
        "term": "regions",
        "needs": "regions",
        "source": "atlas",
        "films": None,
    }
    guide = build_guide(asked, read(root))
    assert pairs(guide, read(root)) == [], "no chest is found in films of a gray ramp"


def test_the_body_is_known_of_all(root: Path) -> None:
    data = read(root, OfficialSplit(val_fraction=0.3))
    guide = build_guide(settings("guidance=body"), data)
    films = len(data.dataset("train").rows)
    assert len(pairs(guide, data)) == films * 14
    assert describe_guidance(settings("guidance=body"), data)["films"] == films
    assert torch.equal(guide.term(torch.zeros(1, 2, 2), torch.ones(1, 2, 2)), torch.zeros(1))
