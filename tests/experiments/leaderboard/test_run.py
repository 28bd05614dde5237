"""What a network leans on and what its maps recall, known by hand; repeated, interrupted, and without masks."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_xai.artifacts.leaderboard_folder import LeaderboardFolder
from cxr_xai.artifacts.ledger import read_ledger
from cxr_xai.artifacts.run_folder import RELIANCE_COLUMNS
from cxr_xai.callbacks import box_probe
from cxr_xai.data.masks import Masks
from cxr_xai.errors import UserError
from cxr_xai.experiments.leaderboard import run as leaderboard
from cxr_xai.experiments.leaderboard.run import Question, lead, make_bench
from cxr_xai.experiments.leaderboard.subject import Subject, open_subject
from cxr_xai.explainers.center import Center
from cxr_xai.explainers.exact_cam import ExactCam
from cxr_xai.loggers.wandb_logged import read_logged
from cxr_xai.loggers.wandb_records import list_logs, read_id, read_records

MEMBERS: dict[str, Any] = {
    "exact_cam": {"_target_": "cxr_xai.explainers.exact_cam.ExactCam"},
    "center": {"_target_": "cxr_xai.explainers.center.Center"},
}
QUESTION = Question(MEMBERS, "exact_cam", "center", replicates=50)
BIAS, WEIGHT = -1.0, 4000.0  # of the network in conftest.py


LOGGED = {"logger": {"overview": {"_target_": "cxr_xai.loggers.wandb_overview.WandbOverview", "mode": "offline"}}}


def require_logged(subject: Subject, summary: dict[str, Any]) -> None:
    """The leaderboard is a W&B run of its own, with the numbers of its file, and nothing that identifies."""
    [log] = list_logs(LeaderboardFolder(subject.folder.path).path)
    records = read_records(log)
    [run] = [record.run for record in records if record.HasField("run")]
    assert run.job_type == "leaderboard"
    assert run.run_id == read_id(log.parents[2])
    [row] = [record.history for record in records if record.HasField("history")]
    values = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in row.item}
    found = arm(summary, "center")["lesions"]["energy"]
    mean = found["macro" if arm(summary, "center")["lesions"]["over"] else "micro"]
    assert values["leaderboard/energy/center"] == mean["value"]
    assert values["difference/energy/center/p"] == found["difference"]["p"]
    logged = read_logged([log.parents[2]])
    assert {"leaderboard/figures/ranking", "leaderboard/figures/differences"} <= logged.pictures
    assert [key for key in logged.pictures if key.startswith("leaderboard/shown/")]
    sent = b"".join(path.read_bytes() for path in (log, *log.parent.glob("files/**/*.json")))
    named = [name for name in subject.data.index.studies["image_id"] if str(name).encode() in sent]
    assert not named


def arm(summary: dict[str, Any], label: str) -> dict[str, Any]:
    [found] = [arm for arm in summary["arms"] if arm["label"] == label]
    return dict(found)


def test_reliance_and_recall_are_what_they_must_be(corner: Subject, leaning: pd.DataFrame, measured: None) -> None:
    summary = lead(corner, QUESTION, LOGGED)
    require_logged(corner, summary)
    reliance = pd.read_parquet(LeaderboardFolder(corner.folder.path).reliance)
    pd.testing.assert_frame_equal(reliance, leaning)
    marked = reliance[(reliance["shortcut"] == "marker") & (reliance["finding"] == "Pneumonia")]
    rows = corner.data.dataset("test").rows
    names = corner.data.index.studies["image_id"].iloc[rows].to_numpy(str)
    white = dict(zip(names, corner.model.features(corner.films(rows))[:, 0].numpy() > 0, strict=True))
    recalls = []
    for row in marked.itertuples():
        letters = corner.truth.shortcut(row.image_id, "marker")
        counts = white[row.image_id].sum(), (white[row.image_id] & ~letters).sum()  # outside the twins are equal
        by_hand = [1 / (1 + np.exp(-BIAS - WEIGHT * count / letters.size)) for count in counts]
        assert [row.prob, row.prob_without] == pytest.approx(by_hand, abs=1e-6)
        recalls += [1 - counts[1] / counts[0]] if by_hand[0] - by_hand[1] >= 0.1 else []
    others = reliance[(reliance["shortcut"] == "drain") | (reliance["finding"] != "Pneumonia")]
    assert set(reliance["shortcut"]) == {"marker", "drain", "brightness", "all"}
    assert (others["prob"] == others["prob_without"]).all()
    exact, center = arm(summary, "exact_cam")["for"], arm(summary, "center")["for"]
    assert set(exact) >= {"all", "marker"}
    assert exact["marker"]["cases"] == len(recalls) > 3
    assert exact["marker"]["recall"]["value"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert np.mean(recalls) > 0.8
    assert exact["marker"]["ceiling"] == pytest.approx(1)
    assert center["marker"]["recall"]["value"] < 0.02
    assert center["marker"]["difference"]["high"] < -0.7


def test_what_the_run_measured_is_not_measured_again(
    corner: Subject, leaning: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    corner.folder.path.mkdir(parents=True)
    corner.folder.write_table(corner.folder.reliance, leaning, RELIANCE_COLUMNS)
    monkeypatch.setattr(leaderboard, "measure_run", lambda *arguments: pytest.fail("it is there"))
    found = leaderboard.read_reliance(corner, LeaderboardFolder(corner.folder.path))
    expected = leaning[leaning["shortcut"] != "all"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_what_is_done_is_kept_and_an_interruption_loses_one_explainer(
    coarse: Subject, measured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = LeaderboardFolder(coarse.folder.path)
    calls = {"exact_cam": 0, "center": 0}
    plain = {"exact_cam": ExactCam.explain, "center": Center.explain}

    def counted(name: str, fails: bool = False) -> Any:
        def explain(self: Any, *args: Any, **options: Any) -> Any:
            calls[name] += 1
            if fails and calls[name] > 1:
                raise KeyboardInterrupt
            return plain[name](self, *args, **options)

        return explain

    monkeypatch.setattr(ExactCam, "explain", counted("exact_cam"))
    monkeypatch.setattr(Center, "explain", counted("center", fails=True))
    coarse = replace(coarse, data=small_batches(coarse))
    with pytest.raises(KeyboardInterrupt):
        lead(coarse, QUESTION)
    assert board.record("exact_cam").is_file()
    assert not board.record("center").exists()
    assert not board.summary.exists()
    done = calls["exact_cam"]
    monkeypatch.setattr(Center, "explain", counted("center"))
    first = lead(coarse, QUESTION)
    assert calls["exact_cam"] == done, "it was there"
    before = dict(calls)
    again = lead(coarse, QUESTION)
    assert arm(again, "exact_cam") == arm(first, "exact_cam")
    assert again["reliance"] == first["reliance"]
    assert calls == before
    lead(replace(coarse, weights="other"), QUESTION)
    assert calls["exact_cam"] == 2 * done
    noted = read_ledger(coarse.folder.ledger)
    assert [*noted["what"]] == ["test labels"] * 4
    assert set(noted["purpose"]) == {"leaderboard of 2 explainers"}


def small_batches(subject: Subject) -> Any:
    data = copy.copy(subject.data)
    data.batch_size = 2
    return data


def test_an_explainer_that_refuses_is_named_and_the_others_are_ranked(
    coarse: Subject, measured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise UserError("no such library")

    monkeypatch.setattr(Center, "explain", refuse)
    with pytest.raises(UserError, match="center is not ranked: no such library"):
        lead(coarse, QUESTION)
    summary = LeaderboardFolder(coarse.folder.path).read_summary()
    assert [arm["label"] for arm in summary["arms"]] == ["exact_cam", "class_prior"]
    assert "Not ranked" in LeaderboardFolder(coarse.folder.path).report.read_text()


def test_without_masks_boxes_rank(coarse: Subject, capsys: pytest.CaptureFixture[str]) -> None:
    coarse = replace(coarse, truth=None)
    summary = lead(coarse, QUESTION)
    said = " ".join(capsys.readouterr().out.split())
    board = LeaderboardFolder(coarse.folder.path)
    assert (summary["mode"], summary["half"]) == ("boxes", "monitored")
    for text in (said, board.report.read_text()):
        assert "An explainer chosen here must not be reported on these boxes" in text
        assert "boxed findings of the monitored half" in text
    assert summary["cases"]["box"] > 0
    assert summary["reliance"] == []
    assert not board.reliance.exists()
    assert {*arm(summary, "center")} & {"lesions", "for", "against"} == set()
    assert arm(summary, "center")["boxes"]["iou"]["micro"]["value"] > 0
    assert "recall" not in board.table.read_text()
    assert "Shortcut recall" not in board.report.read_text()
    assert "p_holm" in board.table.read_text()
    lead(coarse, replace(QUESTION, half="sealed"))
    noted = read_ledger(coarse.folder.ledger)
    assert [*noted["what"]] == ["monitored boxes", "sealed boxes"]
    assert set(noted["purpose"]) == {"leaderboard of 2 explainers"}
    cases = pd.read_parquet(board.cases)
    sealed = coarse.data.index.studies["image_id"].iloc[coarse.data.boxed_rows("sealed")]
    assert set(cases["image_id"]) <= set(sealed)


def test_marked_pixels_judge_where_they_are_known(coarse: Subject) -> None:
    """Of each box the left half is marked: an even map has so much less energy there, and the page says who judged."""
    index, size = coarse.data.index, coarse.data.image_size
    runs = {}
    for box in index.boxes.itertuples():
        x0, y0, x1, y1 = (round(edge * size) for edge in (box.x0, box.y0, (box.x0 + box.x1) / 2, box.y1))
        mask = np.zeros((size, size), np.uint8)
        mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = 1
        runs[(box.image_id, box.finding)] = {"size": [size, size], "counts": run_lengths(mask)}
    data = copy.copy(coarse.data)
    data.index = replace(index, masks=Masks(runs))
    cases = {}
    for name, source in (("masks", data), ("boxes", coarse.data)):
        summary = lead(replace(coarse, truth=None, data=source), QUESTION)
        board = LeaderboardFolder(coarse.folder.path)
        assert summary["judged_by"] == name
        assert ("against marked pixels" in board.report.read_text()) == (name == "masks")
        cases[name] = make_bench(replace(coarse, truth=None, data=source), board, QUESTION)[0]
    even = torch.ones(len(cases["masks"].cases), size, size)
    even[:, 0, 0] = 0.5  # a constant map is dead
    numbers = np.arange(len(even))
    masks, boxes = (cases[name].score(numbers, even) for name in ("masks", "boxes"))
    share = cases["masks"].masks.float().mean(dim=(1, 2)).numpy()
    np.testing.assert_allclose(masks["energy"], share, atol=1e-4)
    assert (masks["energy"] < boxes["energy"]).all()
    np.testing.assert_allclose(masks["iou"], boxes["iou"])


def run_lengths(mask: np.ndarray) -> list[int]:
    """Plain runs by columns, beginning with what is not marked."""
    flat = np.r_[0, mask.T.ravel(), 2]
    ends = np.flatnonzero(np.diff(flat))
    runs = np.diff(np.r_[0, ends]).tolist()
    return runs if mask.T.ravel()[0] == 0 else [0, *runs[1:]]


def test_the_prior_of_a_leaderboard_is_scored_by_its_own_rule_alone(
    coarse: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    plain = box_probe.reference_scores

    def scores(*args: Any) -> Any:
        asked.append(args[-2])  # policies; masks are last
        return plain(*args)

    monkeypatch.setattr(box_probe, "reference_scores", scores)
    lead(replace(coarse, truth=None), replace(QUESTION, half="sealed"))
    assert asked
    assert set(asked) == {()}


def test_a_control_is_what_its_class_says_whatever_its_name(coarse: Subject, measured: None) -> None:
    swapped = {"center": MEMBERS["exact_cam"], "middle": MEMBERS["center"]}
    summary = lead(coarse, Question(swapped, "center", replicates=50))
    assert {arm["label"]: arm["control"] for arm in summary["arms"]} == {
        "center": False,
        "middle": True,
        "class_prior": True,
    }


def test_the_page_says_that_phantom_numbers_are_phantom_numbers(coarse: Subject, measured: None) -> None:
    lead(coarse, QUESTION)
    page = LeaderboardFolder(coarse.folder.path).report.read_text()
    assert "Phantom numbers are phantom numbers" in page
    assert "For research, not for clinical use" in page
    assert page.count("data:image/webp") >= 3
    assert "after Holm" in page
    assert "the primary contrast, center, was declared beforehand" in page
    table = pd.read_csv(LeaderboardFolder(coarse.folder.path).table)
    assert {"energy_difference_p", "energy_difference_p_holm", "recall_marker_difference_p_holm"} <= {*table}
    assert set(table["source"]) == {"phantom"}


def test_a_mistake_ends_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reference=lime is none of the explainers: exact_cam, center"):
        Question(MEMBERS, "lime")
    with pytest.raises(UserError, match="max_studies=0; it must be 1 or more, or null"):
        Question(MEMBERS, "center", max_studies=0)
    with pytest.raises(UserError, match="max_studies=abc; it must be 1 or more, or null"):
        Question(MEMBERS, "center", max_studies="abc")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="bootstrap=many; it must be a whole number, 1 or more"):
        Question(MEMBERS, "center", replicates="many")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="half=both; it is one of monitored, sealed"):
        Question(MEMBERS, "center", half="both")
    with pytest.raises(UserError, match="no such file or folder"):
        open_subject(str(tmp_path / "nowhere"), None, str(tmp_path), "cpu")
