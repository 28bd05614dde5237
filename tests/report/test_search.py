"""The page of a search, from its two files alone."""

from pathlib import Path

from cxr_xai.files import write_json
from cxr_xai.report.search import draw_importance, write_search_report

TABLE = """trial,state,value,epoch,optimizer.lr,folder,reason
0,finished,0.5,2,0.001,a,
1,pruned,0.9,0,0.1,b,
2,finished,0.25,3,0.0001,c,
3,failed,,,0.01,d,no films <here>
"""


def test_the_page_ranks_finished_trials_and_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "search.csv").write_text(TABLE)
    best = {"trial": 2, "rerun": "python scripts/train.py -m optimizer.lr=0.0001"}
    summary = {
        "source": "phantom",
        "monitor": "val/loss",
        "larger_is_better": False,
        "best": best,
        "note": "it was chosen",
    }
    write_json(tmp_path / "search.json", {**summary, "importance": {"optimizer.lr": 0.75}})
    page = write_search_report(tmp_path).read_text()
    assert page.index(">0.2500<") < page.index(">0.5000<")
    assert "0.9000" not in page, "a pruned trial's last value stands beside no finished one"
    assert "trial 3 failed: no films &lt;here&gt;" in page
    assert "optimizer.lr=0.0001" in page
    assert "75%" in page
    assert "synthetic" in page
    assert page.count("<svg") == 2


def test_without_importance_there_is_no_figure() -> None:
    assert draw_importance({}) == ""
