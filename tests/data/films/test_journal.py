"""A journal survives being cut off."""

from pathlib import Path

import pytest

from cxr_xai.data.films.journal import Chunk, Journal
from cxr_xai.data.films.measure import FilmFacts

CHUNKS = [Chunk(number, 7 * number, [FilmFacts(f"{number}.png", 9, "ab", deviation=1.5)]) for number in (2, 0, 1)]


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.read() == {}
    assert journal.count() == 0
    for chunk in CHUNKS:
        journal.append(chunk)
    found = journal.read()
    assert {number: chunk.checksum for number, chunk in found.items()} == {0: 0, 1: 7, 2: 14}
    assert found[2].facts[0].file == "2.png"
    assert found[2].facts[0].deviation == 1.5
    assert journal.count() == 3


@pytest.mark.parametrize("cut", [1, 2, 10, 30])
def test_a_torn_line_is_passed_over_and_swallows_none(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(CHUNKS[0])
    journal.append(CHUNKS[1])
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    journal.append(CHUNKS[2])
    assert {1, 2} <= journal.read().keys() <= {0, 1, 2}
    assert (0 in journal.read()) == (cut == 1)  # only the line's end was lost
