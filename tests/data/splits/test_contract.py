"""What every split scheme promises; runs over all of ``conf/split``."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxr_xai.data.index import BOX_COLUMNS, Index
from cxr_xai.data.splits.split import PARTS, SplitScheme
from cxr_xai.experiments.build import build
from cxr_xai.findings import FINDINGS

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make_index(patients: int, seed: int) -> Index:
    """Patients of 1 to 9 images with random labels; every fourth is listed for test, and half of those are boxed."""
    random = np.random.default_rng(seed)
    images = random.geometric(0.4, patients).clip(max=9)
    patient = np.repeat(np.arange(1, patients + 1), images)
    number = np.concatenate([np.arange(count) for count in images])
    studies = pd.DataFrame((random.random((len(patient), 14)) < 0.12).astype(float), columns=list(FINDINGS))
    studies.insert(0, "image_id", [f"{p:08d}_{n:03d}.png" for p, n in zip(patient, number, strict=True)])
    studies["patient_id"] = patient.astype(str)
    studies["official"] = np.where(patient % 4 == 0, "test", "train_val")
    studies["path"] = studies["image_id"]
    boxed = studies.loc[patient % 8 == 0, ["image_id", "patient_id"]].assign(finding="Mass", x0=0, y0=0, x1=1, y1=1)
    return Index("test", studies, boxed[list(BOX_COLUMNS)], {}, {})


def build_split(split_settings: dict[str, Any]) -> SplitScheme:
    return build(split_settings, "split")


@quick
@given(patients=st.integers(12, 150), seed=st.integers(0, 1000))
def test_disjoint_exhaustive_and_deterministic(split_settings: dict[str, Any], patients: int, seed: int) -> None:
    index = make_index(patients, seed)
    split = build_split(split_settings).split(index)
    assert set(split.part) <= set(PARTS)
    rows = [split.rows(part) for part in PARTS]
    assert sorted(np.concatenate(rows)) == list(range(len(index.studies)))
    owners = [set(index.studies["patient_id"].iloc[part]) for part in rows]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    again = build_split(split_settings).split(index)
    assert again.hash == split.hash
    assert (again.part == split.part).all()


@quick
@given(patients=st.integers(12, 150), seed=st.integers(0, 1000), order=st.integers(0, 1000))
def test_row_order_does_not_matter(split_settings: dict[str, Any], patients: int, seed: int, order: int) -> None:
    index = make_index(patients, seed)
    shuffled = replace(index, studies=index.studies.sample(frac=1, random_state=order, ignore_index=True))
    first, second = (build_split(split_settings).split(i) for i in (index, shuffled))
    assert dict(zip(index.studies["image_id"], first.part, strict=True)) == dict(
        zip(shuffled.studies["image_id"], second.part, strict=True)
    )
    assert first.hash == second.hash


@quick
@given(patients=st.integers(12, 100), seed=st.integers(0, 1000))
def test_missing_films_do_not_matter(split_settings: dict[str, Any], patients: int, seed: int) -> None:
    index = make_index(patients, seed)
    studies = index.studies.copy()
    studies.loc[np.random.default_rng(seed).random(len(studies)) < 0.9, "path"] = None
    first, second = (build_split(split_settings).split(i) for i in (index, replace(index, studies=studies)))
    assert first.hash == second.hash


def test_all_parts_have_all_findings(split_settings: dict[str, Any]) -> None:
    index = make_index(800, seed=0)
    split = build_split(split_settings).split(index)
    for part in PARTS:
        assert (index.targets[split.rows(part)].sum(axis=0) > 0).all()


def test_the_seed_chooses_other_patients(split_settings: dict[str, Any]) -> None:
    index = make_index(100, seed=0)
    first, second = (build_split({**split_settings, "seed": seed}).split(index) for seed in (0, 1))
    assert first.hash != second.hash


def test_the_scheme_is_the_name_in_conf(split_settings: dict[str, Any], request: Any) -> None:
    assert build_split(split_settings).split(make_index(40, 0)).scheme == request.node.callspec.id
