"""Synthetic studies between neighbors that share a finding, from the training part alone."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_xai.data.balancing.plan import TrainingPart, drawn_prevalence
from cxr_xai.data.balancing.smote import Smote, synthesize
from cxr_xai.data.balancing.synthetic import Synthetic
from cxr_xai.errors import UserError
from cxr_xai.experiments.build import build
from cxr_xai.findings import FINDINGS, INDEX

NAN = np.nan
HERNIA, PNEUMONIA = INDEX["Hernia"], INDEX["Pneumonia"]


class Reader:
    """Films of a part, each of its own gray pattern; refuses rows outside the part and counts the largest read."""

    def __init__(self, count: int) -> None:
        self.count, self.most, self.read = count, 0, set()

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        assert ((rows >= 0) & (rows < self.count)).all()
        self.most, self.read = max(self.most, len(rows)), self.read | set(rows.tolist())
        ramp = np.arange(1600).reshape(40, 40)
        return np.stack([(ramp * (row + 1) % 251).astype(np.uint8) for row in rows])


def table(rows: int = 60, **positives: int) -> npt.NDArray[np.float32]:
    """Targets of ``rows`` studies; ``Hernia=3`` gives it to the first three."""
    targets = np.zeros((rows, 14), np.float32)
    for name, count in positives.items():
        targets[:count, INDEX[name]] = 1
    return targets


def plan_synthetic(targets: npt.NDArray[np.float32], **options: Any) -> Synthetic:
    synthetic = Smote(**options).plan(TrainingPart(targets, Reader(len(targets)))).synthetic
    assert synthetic is not None
    return synthetic


def test_a_bag_by_hand() -> None:
    # Studies 2, 5, 6 and 9 have finding 0; along a line they stand at 0, 1, 3 and 7.
    targets = np.zeros((10, 3), np.float32)
    bag = np.array([2, 5, 6, 9])
    targets[bag, 0] = 1
    targets[[2, 5], 1] = 1
    targets[[6, 9], 2] = NAN
    line = np.array([[0], [1], [3], [7]], np.float32)
    base, neighbors, labels = synthesize(targets, bag, line, 2, 4, np.random.default_rng(0))
    assert base.tolist() == [2, 5, 6, 9]
    assert neighbors.tolist() == [[5, 6], [2, 6], [5, 2], [6, 5]]
    # Finding 1 has two of three, but with base 9 one of three; finding 2 is known to be absent from 2 and 5.
    assert labels.tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_a_small_bag_repeats_its_neighbors_but_counts_each_label_once() -> None:
    targets = np.array([[1, 1], [1, 0], [1, 1]], np.float32)
    line = np.array([[0], [1], [3]], np.float32)
    _, neighbors, labels = synthesize(targets, np.arange(3), line, 5, 3, np.random.default_rng(0))
    assert neighbors.tolist() == [[1, 2, 1, 2, 1], [0, 2, 0, 2, 0], [1, 0, 1, 0, 1]]
    # Two of three have finding 1; by the repeated columns, bases 0 and 2 would have it from three of six.
    assert labels.tolist() == [[1, 1]] * 3


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_base_and_neighbors_share_the_finding_and_are_never_one(data: st.DataObject) -> None:
    rows, k = data.draw(st.integers(2, 40)), data.draw(st.integers(1, 7))
    amount = data.draw(st.sampled_from([0.3, 1.0, 2.5]))
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    shares = random.random(14) * 0.6
    targets = (random.random((rows, 14)) < shares).astype(np.float32)
    targets[random.random((rows, 14)) < 0.1] = NAN
    films = Reader(rows)
    plan = Smote(k=k, amount=amount, findings=list(FINDINGS)).plan(TrainingPart(targets, films))
    assert films.most <= 256
    made = plan.synthetic
    if made is None:
        assert set(plan.counts.values()) == {0}
        return
    assert made.neighbors.shape == (len(made), k)
    assert (made.neighbors != made.base[:, None]).all()
    finding = np.repeat([INDEX[name] for name in plan.counts], list(plan.counts.values()))
    assert (targets[made.base, finding] == 1).all()
    assert (targets[made.neighbors, finding[:, None]] == 1).all()
    assert (made.targets[np.arange(len(made)), finding] == 1).all(), "the bag's own finding is set"
    for name, count in plan.counts.items():
        members = int((targets[:, INDEX[name]] == 1).sum())
        assert count == (max(round(amount * members), 1) if members > 1 else 0)


def test_minority_findings_by_their_ratio() -> None:
    targets = table(Effusion=50, Mass=40, Pneumonia=4, Hernia=3)
    plan = Smote().plan(TrainingPart(targets, Reader(60)))
    assert dict(plan.counts) == {"Pneumonia": 4, "Hernia": 3}
    assert plan.synthetic is not None
    assert plan.synthetic.base.tolist() == [0, 1, 2, 3, 0, 1, 2]
    # 50 of 60, and all seven blends, have an effusion; each Pneumonia blend is among four with at most three Hernias.
    expected = drawn_prevalence(targets, plan)
    assert expected[INDEX["Effusion"]] == pytest.approx(57 / 67)
    assert expected[PNEUMONIA] == pytest.approx(11 / 67)
    assert expected[HERNIA] == pytest.approx(10 / 67)


def test_amounts_share_bases_out_evenly() -> None:
    targets = table(Effusion=50, Hernia=10)
    times = {amount: np.bincount(plan_synthetic(targets, amount=amount).base, minlength=10) for amount in (0.3, 1, 2.5)}
    assert sorted(times[0.3]) == [0] * 7 + [1] * 3
    assert times[1].tolist() == [1] * 10
    assert sorted(times[2.5]) == [2] * 5 + [3] * 5
    other = np.bincount(plan_synthetic(targets, amount=0.3, seed=1).base, minlength=10)
    assert not np.array_equal(other, times[0.3])


def test_a_finding_with_one_study_is_said_and_skipped() -> None:
    plan = Smote().plan(TrainingPart(table(Effusion=50, Hernia=1), Reader(60)))
    assert plan.synthetic is None
    assert dict(plan.counts) == {"Hernia": 0}


def test_without_a_minority_no_film_is_read() -> None:
    films = Reader(60)
    plan = Smote().plan(TrainingPart(table(Effusion=30, Mass=30), films))
    assert (plan.synthetic, dict(plan.counts), films.read) == (None, {}, set())


def test_a_backbone_sees_only_films_that_may_be_blended() -> None:
    targets = table(Effusion=50)
    targets[[10, 20, 30, 40], HERNIA] = 1
    films, asked = Reader(60), []

    def embed(chosen: Any, count: int) -> npt.NDArray[np.float32]:
        asked.append(chosen[np.arange(count)])
        return np.array([[0, 0], [9, 9], [0, 1], [9, 8]], np.float32)

    plan = Smote(k=1, embedding="backbone", embed=embed).plan(TrainingPart(targets, films))
    assert films.read == {10, 20, 30, 40}
    np.testing.assert_array_equal(asked[0], Reader(60)[np.array([10, 20, 30, 40])])
    assert plan.synthetic is not None
    assert plan.synthetic.neighbors.tolist() == [[30], [40], [10], [20]]


def test_films_that_look_alike_are_neighbors() -> None:
    random = np.random.default_rng(0)
    kinds = random.integers(0, 200, (3, 64, 64))
    kind = np.arange(30) % 3
    films = (kinds[kind] + random.integers(0, 20, (30, 64, 64))).astype(np.uint8)
    targets = table(rows=30, Hernia=30)
    plan = Smote(k=4, findings=["Hernia"]).plan(TrainingPart(targets, films))
    assert plan.synthetic is not None
    assert (kind[plan.synthetic.neighbors] == kind[plan.synthetic.base][:, None]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "balancing.k is 0"),
        ({"components": 0}, "balancing.components 0"),
        ({"amount": 0.0}, "balancing.amount is 0"),
        ({"amount": NAN}, "balancing.amount is nan"),
        ({"findings": ["Hernai"]}, "balancing.findings holds 'Hernai'; the findings are Atelectasis, "),
        ({"embedding": "backbone"}, "use balancing.embedding=pca"),
        ({"embedding": "umap"}, "balancing.embedding='umap': expected 'pca' or 'backbone'"),
        ({"findings": "Hernia"}, "balancing.findings='Hernia': expected"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        build({"_target_": "cxr_xai.data.balancing.smote.Smote", **options}, "balancing")
    assert message in str(error.value)


def test_findings_by_name_and_alias_each_once() -> None:
    assert Smote(findings=["Hernia", "Infiltrate", "Infiltration"]).columns == [3, 13]
