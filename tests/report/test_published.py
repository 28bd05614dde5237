import numpy as np
import pytest

from cxr_xai.findings import FINDINGS
from cxr_xai.report.published import published_means, read_published, wang_by_finding


def test_wang_has_all_findings_and_their_mean() -> None:
    values = wang_by_finding()
    assert set(values) == set(FINDINGS)
    means = published_means("official")
    stated = means.loc[means["source"] == "Wang et al.", "auroc"].item()
    assert stated == 0.745
    assert np.mean(list(values.values())) == pytest.approx(stated, abs=0.0005)


def test_every_row_is_complete_and_possible() -> None:
    table = read_published()
    assert table["auroc"].between(0.5, 1).all()
    assert table["year"].between(2017, 2030).all()
    assert set(table["protocol"]) == {"official", "random"}
    assert set(table["finding"]) == {"mean", *FINDINGS}
    assert not table.duplicated(["source", "year", "model", "finding"]).any()


def test_random_splits_are_kept_apart() -> None:
    assert set(published_means("random")["source"]) == {"CheXNet", "AG-CNN", "SynthEnsemble"}
    assert published_means("official")["auroc"].max() == 0.834
