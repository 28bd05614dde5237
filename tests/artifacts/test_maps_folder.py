"""Anyone's maps: both layouts, aliases, grids of any size, and everything that can be wrong with a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cxr_xai.artifacts.maps_folder import FoundMaps, read_maps, shrink_map
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS

IMAGES = ["a.png", "b.png", "c.png"]
WANTED = {("a.png", "Mass"), ("a.png", "Infiltration"), ("b.png", "Mass")}
MAP = np.arange(12, dtype=np.float64).reshape(3, 4) - 5


def read(path: Path, largest: int = 64) -> FoundMaps:
    return read_maps(path, WANTED, IMAGES, largest)


def one(folder: Path, name: str = "a.png.npz", **arrays: Any) -> Path:
    arrays = {"attribution": np.stack([MAP, -MAP]), "findings": ["Mass", "Infiltrate"], **arrays}
    np.savez(folder / name, **{key: value for key, value in arrays.items() if value is not None})
    return folder


@pytest.mark.parametrize("name", ["a.png.npz", "a.npz"])
def test_a_file_per_image(tmp_path: Path, name: str) -> None:
    found = read(one(tmp_path, name, probs=[0.25, 0.75]))
    assert set(found.maps) == {("a.png", "Mass"), ("a.png", "Infiltration")}
    mass, infiltration = found.maps["a.png", "Mass"], found.maps["a.png", "Infiltration"]
    assert torch.equal(mass.attribution, torch.from_numpy(MAP).float()), "raw, signed, on its own grid"
    assert torch.equal(infiltration.attribution, -mass.attribution)
    assert (mass.prob, infiltration.prob) == (0.25, 0.75)
    assert found.problems.empty
    assert found.counts["files"] == 1


def test_many_images_in_a_file(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).normal(size=(2, 14, 5, 5)).astype(np.float32)
    np.savez_compressed(tmp_path / "all.npz", image_id=["b.png", "c.png"], attribution=maps, logits=np.zeros((2, 14)))
    for path in (tmp_path, tmp_path / "all.npz"):
        found = read(path)
        assert set(found.maps) == {("b.png", "Mass")}
        expected = maps[0, FINDINGS.index("Mass")]
        np.testing.assert_array_equal(found.maps["b.png", "Mass"].attribution.numpy(), expected)
        assert found.maps["b.png", "Mass"].prob == 0.5
        assert found.counts["other maps"] == 27
        assert found.about["name"] == tmp_path.name


def test_files_may_have_grids_of_their_own(tmp_path: Path) -> None:
    one(tmp_path)
    one(tmp_path, "b.npz", attribution=np.ones((1, 7, 7)), findings=["mass"])
    shapes = {pair: tuple(stored.attribution.shape) for pair, stored in read(tmp_path).maps.items()}
    assert shapes == {("a.png", "Mass"): (3, 4), ("a.png", "Infiltration"): (3, 4), ("b.png", "Mass"): (7, 7)}


def test_a_map_finer_than_the_image_is_averaged_down(tmp_path: Path) -> None:
    found = read(one(tmp_path, attribution=np.stack([np.kron(MAP, np.ones((2, 2)))] * 2)), largest=4)
    np.testing.assert_allclose(found.maps["a.png", "Mass"].attribution[:, 0], [-5, -3, -1, 1][:4], atol=3)
    assert found.maps["a.png", "Mass"].attribution.shape == (4, 4)
    assert shrink_map(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), 1).tolist() == [[4.0]]


def test_what_is_not_a_number_is_named_and_kept_as_dead(tmp_path: Path) -> None:
    broken = np.stack([np.where(MAP == 0, np.nan, MAP), MAP])
    found = read(one(tmp_path, attribution=broken))
    assert found.counts["maps with NaN or infinity"] == 1
    assert found.problems[["image_id", "finding", "skipped"]].to_numpy().tolist() == [["a.png", "Mass", False]]
    assert len(found.maps) == 2


def test_another_list_of_findings_is_named_and_the_rest_scored(tmp_path: Path) -> None:
    found = read(one(tmp_path, attribution=np.stack([MAP, MAP]), findings=["Lung Lesion", "MASS"]))
    assert set(found.maps) == {("a.png", "Mass")}
    assert found.problems[["finding", "skipped"]].to_numpy().tolist() == [["Lung Lesion", False]]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"attribution": None}, "no array called attribution"),
        ({"attribution": MAP}, r"shape \(3, 4\); expected \(F, h, w\)"),
        ({"attribution": np.zeros((2, 0, 4))}, "expected"),
        ({"attribution": np.array([["x"]])}, "not numbers"),
        ({"attribution": np.zeros((2, 3, 4), complex)}, "not numbers"),
        ({"findings": ["Mass"]}, "1 findings and 2 maps"),
        ({"findings": ["Mass", "mass"]}, "twice"),
        ({"findings": ["Fracture", "Lung Lesion"]}, "none of the 14"),
        ({"findings": [1, 2]}, "list of texts"),
        ({"findings": None}, "no findings"),
        ({"probs": [0.5]}, "probs has shape"),
        ({"probs": [0.5, 1.5]}, "outside"),
        ({"image_id": ["a.png"]}, r"\(n, F, h, w\)"),
        ({"image_id": ["a.png"], "attribution": np.zeros((2, 2, 3, 4))}, "1 names"),
        ({"image_id": ["a.png", "a.png"], "attribution": np.zeros((2, 2, 3, 4))}, "twice"),
    ],
)
def test_a_bad_file_is_named_and_skipped(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    one(tmp_path, **arrays)
    one(tmp_path, "b.npz")
    found = read(tmp_path)
    bad = found.problems[found.problems["skipped"]]
    assert bad["file"].tolist() == ["a.png.npz"]
    assert bad["problem"].str.contains(words).all(), bad["problem"].tolist()
    assert set(found.maps) == {("b.png", "Mass")}
    assert found.counts["files skipped"] == 1


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_a_damaged_file_is_named_and_skipped(tmp_path: Path, content: bytes) -> None:
    one(tmp_path, "b.npz")
    (tmp_path / "a.npz").write_bytes(content)
    found = read(tmp_path)
    assert found.problems["file"].tolist() == ["a.npz"]
    assert set(found.maps) == {("b.png", "Mass")}


def test_a_truncated_file_is_skipped_whole(tmp_path: Path) -> None:
    one(tmp_path)
    whole = (tmp_path / "a.png.npz").read_bytes()
    (tmp_path / "a.png.npz").write_bytes(whole[: len(whole) // 2])
    assert not read(tmp_path).maps


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    one(tmp_path, attribution=np.array([{"a": 1}], dtype=object))
    found = read(tmp_path)
    assert found.problems["problem"].str.contains("cannot be read").all()


def test_one_array_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, MAP)
    assert read(tmp_path).problems["problem"].str.contains("one array").all()


def test_an_unknown_image_is_named(tmp_path: Path) -> None:
    found = read(one(tmp_path, "x.npz"))
    assert found.problems[["image_id", "skipped"]].to_numpy().tolist() == [["x", True]]


def test_two_maps_of_one_finding_are_refused(tmp_path: Path) -> None:
    one(tmp_path)
    with pytest.raises(UserError, match=r"both have Mass of a\.png; keep one"):
        read(one(tmp_path, "a.npz"))


def test_what_the_maps_say_of_themselves(tmp_path: Path) -> None:
    (one(tmp_path) / "maps.json").write_text(json.dumps({"name": "ours", "method": "Grad-CAM", "seed": 1}))
    assert read(tmp_path).about == {"name": "ours", "method": "Grad-CAM", "normalization": ""}


@pytest.mark.parametrize("text", ["{", "[]", '{"name": 3}'])
def test_a_wrong_maps_json_is_refused(tmp_path: Path, text: str) -> None:
    (one(tmp_path) / "maps.json").write_text(text)
    with pytest.raises(UserError, match=r"maps\.json"):
        read(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No \.npz file"):
        read(tmp_path)
    with pytest.raises(UserError, match="No folder or file"):
        read(tmp_path / "absent")
