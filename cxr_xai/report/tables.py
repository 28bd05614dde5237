"""A table once, written three ways: Markdown, LaTeX and CSV. Each carries the protocol of its numbers."""

import csv
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cxr_xai.files import whole
from cxr_xai.report.format import UNDEFINED, count, ends, is_known, number, signed

Kind = Literal["text", "count", "number", "estimate", "difference", "p"]
"""``estimate`` and ``difference`` are mappings of ``value`` and perhaps ``low``, ``high``, ``sd``; a difference is
written with its sign."""

ESCAPES = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "≡": r"$\equiv$",
    "→": r"$\to$",
    "†": r"\dag{}",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        label: its head.
        kind: how its cells are written.
    """

    label: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows under columns, and what must be said of them.

    Attributes:
        name: of its files.
        title: what it shows.
        columns: from left to right; the first names the row.
        rows: one value per column; None where there is none.
        notes: the protocol and the marks, a sentence each.
        strong: numbers of the rows that are means or the primary contrast.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str]
    strong: frozenset[int] = frozenset()


def p_value(p: float | None) -> str:
    """Return a p value; small ones as a bound.

    >>> p_value(0.0234), p_value(0.0001), p_value(None), p_value(1.0)
    ('.023', '<.001', '–', '1.000')
    """
    return f"<{number(0.001)}" if is_known(p) and float(p or 0) < 0.001 else number(p)


def cell_parts(kind: Kind, value: Any) -> tuple[str, str]:
    """Return a cell's number and what stands beside it: interval, standard deviation.

    >>> cell_parts("estimate", {"value": 0.8, "low": 0.75, "high": 0.85, "sd": 0.01})
    ('.800', '.750–.850, ±.010')
    >>> cell_parts("difference", {"value": 0.05}), cell_parts("count", 1200), cell_parts("number", None)
    (('+.050', ''), ('1,200', ''), ('–', ''))
    """
    if isinstance(value, Mapping):
        write = signed if kind == "difference" else number
        beside = [ends(value), f"±{number(value['sd'])}" if is_known(value.get("sd")) else ""]
        return write(value["value"]), ", ".join(word for word in beside if word) if is_known(value["value"]) else ""
    plain: dict[str, Callable[[Any], str]] = {"count": count, "number": number, "p": p_value}
    if value is None:
        return (UNDEFINED if kind in plain else "", "")
    return plain.get(kind, str)(value), ""


def cell_text(kind: Kind, value: Any) -> str:
    """Return a cell on one line.

    >>> cell_text("estimate", {"value": 0.8, "low": 0.75, "high": 0.85})
    '.800 (.750–.850)'
    """
    main, beside = cell_parts(kind, value)
    return f"{main} ({beside})" if beside else main


def to_markdown(table: Table) -> str:
    """Return a pipe table under its title, the notes below."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    head = [column.label for column in table.columns]
    rule = ["---" if column.kind == "text" else "---:" for column in table.columns]
    body = []
    for number_, row in enumerate(table.rows):
        cells = [cell_text(column.kind, value) for column, value in zip(table.columns, row, strict=True)]
        body.append(line([f"**{cell}**" if cell else "" for cell in cells] if number_ in table.strong else cells))
    return "\n".join([f"## {table.title}", "", line(head), line(rule), *body, "", *_lines(table.notes)]) + "\n"


def _lines(notes: Sequence[str]) -> list[str]:
    return [f"{note}  " for note in notes]


def escape_tex(text: str) -> str:
    """Return text as LaTeX prints it.

    >>> escape_tex("F1 ≥ 5 % of a_b − 2")
    'F1 $\\\\geq$ 5 \\\\% of a\\\\_b $-$ 2'
    """
    return "".join(ESCAPES.get(mark, mark) for mark in text)


def to_tex(table: Table) -> str:
    """Return a ``table`` with ``booktabs`` rules, its protocol in the caption."""
    kinds = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    body = []
    for number_, row in enumerate(table.rows):
        cells = [escape_tex(cell_text(c.kind, value)) for c, value in zip(table.columns, row, strict=True)]
        words = [f"\\textbf{{{cell}}}" if cell and number_ in table.strong else cell for cell in cells]
        body.append("  " + " & ".join(words) + r" \\")
    caption = escape_tex(f"{table.title}. " + " ".join(table.notes))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
            f"  \\caption{{{caption}}}",
            f"  \\label{{tab:{table.name}}}",
            f"  \\begin{{tabular}}{{{kinds}}}",
            r"  \toprule",
            "  " + " & ".join(escape_tex(column.label) for column in table.columns) + r" \\",
            r"  \midrule",
            *body,
            r"  \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_csv(table: Table) -> str:
    """Return full numbers, an interval in columns of its own, the protocol in the last column of every row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = {n: _parts_of(table, n) for n in range(len(table.columns))}
    head = [f"{c.label}{part and f' {part}'}" for n, c in enumerate(table.columns) for part in parts[n]]
    writer.writerow([*head, "protocol"])
    for row in table.rows:
        values: list[Any] = []
        for n, value in enumerate(row):
            entry = value if isinstance(value, Mapping) else {"value": value}
            values += [entry.get(part or "value") for part in parts[n]]
        writer.writerow(
            [*("" if v is None else f"{v:.6g}" if isinstance(v, float) else v for v in values), table.notes[0]]
        )
    return out.getvalue()


def _parts_of(table: Table, column: int) -> list[str]:
    entries = [row[column] for row in table.rows if isinstance(row[column], Mapping)]
    return ["", *(part for part in ("low", "high", "sd") if any(part in entry for entry in entries))]


def with_own_names(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose names differ, also where a file system ignores case: a number is added to the later ones.

    >>> [table.name for table in with_own_names([Table("lr_1", "", [], [], [])] * 2)]
    ['lr_1', 'lr_1_2']
    """
    taken: set[str] = set()
    named = []
    for table in tables:
        names = (f"{table.name}_{n}" if n > 1 else table.name for n in itertools.count(1))
        own = next(each for each in names if each.casefold() not in taken)
        taken.add(own.casefold())
        named.append(replace(table, name=own))
    return named


def write_tables(folder: Path, tables: Sequence[Table], former: Sequence[str] = ()) -> None:
    """Write each table as ``.md``, ``.tex`` and ``.csv``; those that a former aggregate wrote and this does not, go.

    Args:
        folder: for the tables; other files in it stay.
        tables: to write.
        former: names of tables written before.
    """
    writers = {"md": to_markdown, "tex": to_tex, "csv": to_csv}
    wanted = {folder / f"{table.name}.{suffix}": write(table) for table in tables for suffix, write in writers.items()}
    for path, text in wanted.items():
        with whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    for path in (folder / f"{name}.{suffix}" for name in former for suffix in writers):
        if path not in wanted:
            path.unlink(missing_ok=True)
