"""Which weights have seen which films."""

from pathlib import Path

import pytest

from cxr_xai.errors import UserError
from cxr_xai.models.known_weights import find_known, find_seen, matches_name, read_known, require_unseen

NOBODY = "f" * 64
XRV = "densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
"""How torchxrayvision's published files end."""


def test_the_table_is_in_order() -> None:
    rows = read_known()
    for row in rows:
        assert row["name"]
        assert row["trained_on"]
        assert row["source"].startswith("https://")
        assert row["pattern"] == row["pattern"].lower(), row["pattern"]
        assert len(row["sha256"]) in (0, 8, 64)
        assert set(row["sha256"]) <= set("0123456789abcdef")
    patterns = [row["pattern"] for row in rows]
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize(
    ("name", "saw"),
    [
        (f"nih-pc-chex-mimic_ch-google-openi-kaggle-{XRV}", True),
        (f"nih-{XRV}", True),
        (f"kaggle-{XRV}", True),  # the challenge's films are those of NIH
        ("pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt", True),
        (f"pc-{XRV}", False),
        (f"chex-{XRV}", False),
        (f"mimic_nb-{XRV}", False),
        (f"mimic_ch-{XRV}", False),
        ("m-25012018-123527.pth.tar", True),
        ("CheXNet/model.pth.tar", True),
        ("reproduce-chexnet/pretrained/checkpoint", True),
        ("pretrained/checkpoint", False),  # anybody's
        ("my_CheXNet.safetensors", True),
        ("densenet121-chestxray14/model.safetensors", True),
        ("biovil_image_resnet50_proj_size_128.pt", False),
        ("ResNet50_RadImageNet.pt", False),
        ("resnet50-0676ba61.pth", False),
        ("RadImageNet/chexnet.pt", True),  # a second name counts as much as the first
        ("radimagenet_chestxray14_finetuned.pt", True),
        ("chex-densenet121-d121-cxr14.pt", True),
    ],
)
@pytest.mark.parametrize("split", ["official", "patient"])
def test_published_files_by_name(name: str, saw: bool, split: str) -> None:
    known = find_known(Path("somewhere") / name, NOBODY)
    trained_on = known.trained_on if known else ()
    assert ("test" in find_seen(trained_on, "nih", split)) == saw
    assert find_seen(trained_on, "phantom", split) == ()


def test_content_speaks_before_names() -> None:
    known = find_known(Path("nih-densenet121-d121-x.pt"), "0676ba61" + "0" * 56)
    assert known is not None
    assert (known.trained_on, known.by) == (("imagenet",), "hash")
    named = find_known(Path("resnet50-0676ba61.pth"), NOBODY)
    assert named is not None
    assert named.by == "name"


def test_weights_of_the_published_list_have_seen_val_but_not_test_of_the_official_split() -> None:
    known = find_known(Path("densenet121_CXR_0.3M_mae.pth"), NOBODY)
    assert known is not None
    path = Path("w.pth")
    require_unseen(path, known.trained_on, "nih", "official", known.name)
    assert find_seen(known.trained_on, "nih", "official") == ("val",)
    for split in ("patient", "kfold", "kfold of train_val", "file"):
        with pytest.raises(UserError, match=r"those of this run's test part among them .*; use split=official, whose"):
            require_unseen(path, known.trained_on, "nih", split, known.name)


def test_the_refusal_is_one_line_that_says_what_else_to_use() -> None:
    with pytest.raises(UserError) as refused:
        require_unseen(Path("w.pt"), ["mimic", "nih"], "nih", "official", "torchxrayvision all")
    assert str(refused.value) == (
        "model.weights=w.pt: torchxrayvision all was trained on films of nih, those of this run's test part among them "
        "(split=official); use model.weights=imagenet, or weights of other films."
    )


def test_folders_count_only_where_the_pattern_has_some() -> None:
    assert matches_name(Path("/home/chexnet/best.pt"), "*chexnet*") is False
    assert matches_name(Path("/a/CheXNet/model.pth.tar"), "chexnet*/model.pth.tar")
