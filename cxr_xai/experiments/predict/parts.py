"""What is done so far, in parts that are whole or absent: a prediction that was killed continues after the last."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_xai.files import whole

FILMS, ROWS = "films", "rows"


class Parts:
    """Parts under one key; parts under another are of other weights, code or settings and are removed.

    Args:
        folder: of all parts.
        key: hash of what predictions depend on.
    """

    def __init__(self, folder: Path, key: str) -> None:
        for other in folder.glob("*") if folder.is_dir() else ():
            if other.name != key:
                shutil.rmtree(other)
        self.path = folder / key
        self.path.mkdir(parents=True, exist_ok=True)

    def numbers(self) -> list[int]:
        """Return the numbers of all whole parts; the table of films is written last and makes one whole."""
        return sorted(int(path.name.split("-")[0]) for path in self.path.glob(f"*-{FILMS}.parquet"))

    def add(self, films: Sequence[dict[str, Any]], rows: pd.DataFrame) -> None:
        """Add a part.

        Args:
            films: rows of `Read.row`.
            rows: of the table of predictions, of the fit films among them.
        """
        number = max(self.numbers(), default=-1) + 1
        for name, table in ((ROWS, rows), (FILMS, pd.DataFrame(films))):
            with whole(self.path / f"{number:06d}-{name}.parquet") as partial:
                table.to_parquet(partial, index=False)

    def read_films(self) -> pd.DataFrame:
        """Return the rows of all films done, with the part of each; of a film that was done twice the last."""
        tables = [self._read(number, FILMS).assign(part=number) for number in self.numbers()]
        if not tables:
            return pd.DataFrame({"file": [], "bytes": [], "changed": [], "part": []})
        return pd.concat(tables, ignore_index=True).drop_duplicates("file", keep="last", ignore_index=True)

    def read_rows(self, films: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Yield the predictions of some films, part after part; parts without any are passed over.

        Args:
            films: rows of `read_films`.
        """
        for number, mine in films.groupby("part", sort=True):
            rows = self._read(int(str(number)), ROWS)
            if len(kept := rows[rows["file"].isin(mine["file"])]):
                yield kept

    def _read(self, number: int, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.path / f"{number:06d}-{name}.parquet")
