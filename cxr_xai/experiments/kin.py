"""Sources whose films are of the same patients, under ids that may be of two kinds."""

from collections.abc import Mapping
from typing import Any

from cxr_xai.data.index import Index


def find_kin(trained_on: Mapping[str, Any], index: Index) -> str:
    """Tell whether films are of the same patients as a run's under other ids, and whether those say of whom.

    RSNA's films are NIH's: with the challenge's mapping they are ``linked``, without it ``unlinked``. So are those of
    one source of which one side alone had the mapping: a film's own name is nobody's id. Empty for other patients, and
    for the source itself under the same ids.

    Args:
        trained_on: ``data`` of the run's certificate.
        index: of the films to be scored.
    """
    named, linked = trained_on["source"] == index.name, trained_on.get("linked", True)
    if named and linked == index.linked:
        return ""
    if (trained_on.get("films_of") or trained_on["source"]) != index.origin:
        return ""
    return "linked" if index.linked and linked else "unlinked"


def describe_unlinked(trained_on: Mapping[str, Any], index: Index) -> str:
    """Say that films may have trained the run, and what would tell."""
    accept = "accept with may_have_met=true numbers that are too good, which the page will say."
    if trained_on["source"] == index.name:
        was, now, way_out = ("without", "with", "leave it out") if index.linked else ("with", "without", "give it")
        return (
            f"The run was trained on {index.name} {was} its mapping, these films come {now}: ids of their patients "
            f"({index.origin}) are of two kinds, and nothing says who was met; {way_out} here, too "
            f"(datamodule.reader.mapping), or {accept}"
        )
    unlinked = index.name if not index.linked else trained_on["source"]
    return (
        f"Films of {index.name} and of {trained_on['source']}, on which the run was trained, are of the same patients "
        f"({index.origin}), and nothing says which: give {unlinked} its mapping (datamodule.reader.mapping=FILE), or "
        f"{accept}"
    )
