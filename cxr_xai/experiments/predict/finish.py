"""From parts to tables: every film once, in memory as little as its row in the table of films."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cxr_xai.artifacts.predicted_folder import FILM_COLUMNS, PREDICTED_COLUMNS, PredictedFolder
from cxr_xai.experiments.predict.parts import Parts
from cxr_xai.files import whole, write_csv
from cxr_xai.findings import FINDINGS


def write_tables(folder: PredictedFolder, parts: Parts, films: pd.DataFrame) -> dict[str, Any]:
    """Write the three tables, part by part, and return what was found for each finding.

    Args:
        folder: to write into.
        parts: all that was predicted.
        films: rows of the films that are in the folder now, with ``notes`` and ``copy_of``.
    """
    wide, counted = [], []
    with ExitStack() as stack:
        text = stack.enter_context(stack.enter_context(whole(folder.csv)).open("w", newline=""))
        pd.DataFrame(columns=list(PREDICTED_COLUMNS)).to_csv(text, index=False)
        tables = stack.enter_context(whole(folder.parquet))
        schema = make_schema()
        writer = stack.enter_context(pq.ParquetWriter(tables, schema))
        for rows in parts.read_rows(films):
            rows.to_csv(text, index=False, header=False, float_format="%.6g")
            writer.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False))
            wide.append(widen(rows))
            counted.append(count(rows))
    none = pd.DataFrame({name: pd.Series(dtype=object) for name in ("file", "predicted", *FINDINGS)})
    said = pd.concat(wide) if wide else none
    write_csv(folder.films, films.merge(said, on="file", how="left")[list(FILM_COLUMNS)])
    return summarize(counted)


def count(rows: pd.DataFrame) -> pd.DataFrame:
    """Return sums by finding of some rows."""
    return rows.groupby("finding").agg(
        films=("file", "size"), predicted=("pred", "sum"), dead=("dead", "sum"), total=("calibrated", "sum")
    )


def make_schema() -> Any:
    """Return the types of ``predictions.parquet``; those of a part with dead maps alone would be others."""
    kinds = {"file": pa.string(), "finding": pa.string(), "pred": pa.bool_(), "dead": pa.bool_()}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in PREDICTED_COLUMNS])


def widen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per film: ``file, predicted`` (names joined by ``; ``) and the calibrated probabilities."""
    table = rows.pivot(index="file", columns="finding", values="calibrated")[list(FINDINGS)]
    names = rows[rows["pred"]].groupby("file")["finding"].agg("; ".join)
    return table.assign(predicted=names.reindex(table.index).fillna("")).reset_index()


def summarize(counted: list[pd.DataFrame]) -> dict[str, Any]:
    """Return finding → films, predicted, dead maps, mean calibrated probability.

    Args:
        counted: sums by finding, of each part.
    """
    if not counted:
        return {}
    sums = pd.concat(counted).groupby(level=0).sum().reindex(list(FINDINGS))
    return {
        str(name): {
            "films": int(row["films"]),
            "predicted": int(row["predicted"]),
            "dead": int(row["dead"]),
            "mean": float(row["total"] / row["films"]),
        }
        for name, row in sums.iterrows()
    }


def count_reasons(films: pd.DataFrame, column: str) -> dict[str, int]:
    """Return how many films have each problem, or each of their notes, the most frequent first."""
    words: Iterator[str] = (word for cell in films[column] for word in str(cell).split("; ") if word)
    values, counts = np.unique(list(words), return_counts=True)
    return {str(values[n]): int(counts[n]) for n in np.argsort(-counts, kind="stable")}
