"""Sources under different names whose films are of the same patients."""

from collections.abc import Mapping
from typing import Any

from cxr_xai.data.index import Index


def find_kin(trained_on: Mapping[str, Any], index: Index) -> str:
    """Tell whether two sources of different names hold films of the same patients, and whether their ids say of whom.

    RSNA's films are NIH's: with the challenge's mapping they are ``linked``, without it ``unlinked``.

    Args:
        trained_on: ``data`` of the run's certificate.
        index: of the films to be scored.
    """
    if (trained_on.get("films_of") or trained_on["source"]) != index.origin or trained_on["source"] == index.name:
        return ""
    return "linked" if index.linked and trained_on.get("linked", True) else "unlinked"


def describe_unlinked(trained_on: Mapping[str, Any], index: Index) -> str:
    """Say that films may have trained the run, and what would tell."""
    unlinked = index.name if not index.linked else trained_on["source"]
    return (
        f"Films of {index.name} and of {trained_on['source']}, on which the run was trained, are of the same patients "
        f"({index.origin}), and nothing says which: give {unlinked} its mapping (datamodule.reader.mapping=FILE), or "
        "accept with may_have_met=true numbers that are too good, which the page will say."
    )
