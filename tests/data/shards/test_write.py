"""Shards are the same bytes every time, go on after a cut, and say what stands in the way."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_xai.data.films.journal import Journal
from cxr_xai.data.shards import write
from cxr_xai.data.shards.layout import FACTS, MANIFEST, open_shards, place_films
from cxr_xai.data.shards.write import JOURNAL, write_shards
from cxr_xai.errors import UserError
from cxr_xai.files import read_json
from cxr_xai.lease import Lease


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".lock"}


def test_what_lies_there(folder: Path, make_data: Any) -> None:
    table, manifest = pd.read_parquet(folder / FACTS), read_json(folder / MANIFEST)
    assert table["image_id"].tolist() == make_data().film_table["image_id"].tolist()
    drawn = sorted(table["image_id"], key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert table.set_index("image_id").loc[drawn, "shard"].tolist() == [n // 7 for n in range(len(table))]
    assert [entry["films"] for entry in manifest["shards"]] == table["shard"].value_counts().sort_index().tolist()
    assert set(contents(folder)) == {MANIFEST, FACTS, *(entry["file"] for entry in manifest["shards"])}


def test_cut_off_it_goes_on_and_ends_with_the_same_bytes(
    folder: Path, make_data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 21:
            raise Cut

    films, place = make_data().film_table, tmp_path / "films"
    with pytest.raises(Cut):
        write_shards(films, 32, 7, place, stop)
    assert len(Journal(place / JOURNAL).read()) == 3
    torn = place / "films-00001.tar"
    torn.write_bytes(torn.read_bytes()[:-600])
    written: list[str] = []
    shard = write.write_shard
    monkeypatch.setattr(write, "write_shard", lambda path, films: (written.append(path.name), shard(path, films)))
    write_shards(films, 32, 7, place)
    assert written[:2] == ["films-00001.tar", "films-00003.tar"], "whole shards are believed, torn ones are not"
    assert contents(place) == contents(folder)
    written.clear()
    write_shards(films, 32, 7, place)
    assert written == []


def test_begun_with_other_settings(make_data: Any, tmp_path: Path) -> None:
    films = make_data().film_table

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(films, 32, 7, tmp_path, stop)
    with pytest.raises(UserError, match=r"has shards of per_shard 7, now 8; fresh=true makes them again"):
        write_shards(films, 32, 8, tmp_path)
    with pytest.raises(UserError, match=r"no shards\.json there; scripts/shards\.py makes shards"):
        open_shards(tmp_path, 32)


@pytest.mark.parametrize(
    ("size", "url", "match"),
    [(64, None, r"has shards of image size 32, wanted 64"), (32, "pipe:cat x", r"\{\} must stand where the name")],
)
def test_shards_of_another_size_and_a_url_without_a_name(folder: Path, size: int, url: str | None, match: str) -> None:
    with pytest.raises(UserError, match=match):
        open_shards(folder, size, url)


def test_a_shard_that_is_gone_or_cut_off_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "films")
    cut = tmp_path / "films" / "films-00002.tar"
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.raises(UserError, match=r"films-00002\.tar is damaged: 100 of [\d,]+ bytes are there"):
        open_shards(tmp_path / "films", 32)
    (tmp_path / "films" / FACTS).write_bytes(b"other")
    with pytest.raises(UserError, match=r"facts\.parquet is not the one of shards\.json"):
        open_shards(tmp_path / "films", 32)


def test_films_of_no_study(folder: Path, make_data: Any) -> None:
    shards = open_shards(folder, 32)
    studies = make_data().tables.studies
    placed = place_films(shards, studies)
    assert placed["path"].notna().all()
    with pytest.raises(
        UserError, match=r"holds 1 films that the label file does not have, the first is .*another source"
    ):
        place_films(shards, studies.iloc[1:])


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy of finished shards that may be changed."""
    shutil.copytree(folder, tmp_path / "own")
    return tmp_path / "own"


def test_finished_shards_of_something_else_are_not_taken_for_these(make_data: Any, own: Path, tmp_path: Path) -> None:
    films = make_data().film_table
    grown = pd.concat([films, films.tail(1).assign(image_id="zz.png")], ignore_index=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copies = [str(shutil.copy(path, elsewhere)) for path in films["path"]]  # the same names, another release
    asked = [
        ((films, 32, 8), "per_shard 7, now 8"),
        ((films, 64, 7), "size 32, now 64"),
        ((grown, 32, 7), r"films \d+, now \d+"),
        ((films.assign(image_id="x" + films["image_id"]), 32, 7), "other film files than there are now"),
        ((films.assign(path=copies), 32, 7), "other film files than there are now"),
    ]
    before = contents(own)
    for (table, size, per_shard), match in asked:
        with pytest.raises(UserError, match=rf"has shards of {match}; fresh=true makes them again, output=… others"):
            write_shards(table, size, per_shard, own)
    assert contents(own) == before
    write_shards(films, 32, 8, own, fresh=True)
    assert read_json(own / MANIFEST)["per_shard"] == 8
    assert len(list(own.glob("*.tar"))) == -(-len(films) // 8)


def test_fresh_deletes_shards_alone_and_nobody_elses(make_data: Any, own: Path) -> None:
    films, before = make_data().film_table, contents(own)
    lease = Lease(own / "building.lock")
    assert lease.take(0)
    try:
        with pytest.raises(UserError, match="another process writes shards to"):
            write_shards(films, 32, 8, own, fresh=True)
    finally:
        lease.release()
    assert contents(own) == before
    (own / "thesis.docx").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.docx, which is of no shards; fresh=true clears only"):
        write_shards(films, 32, 8, own, fresh=True)
    assert contents(own) == {**before, "thesis.docx": b"mine"}
