"""What the machine refused, memory or disk, as one line that says what to lower or to free.

Imports nothing heavy: every script asks here what its error means.
"""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""What torch says of the memory of a CPU, and of accelerators in errors without a class of their own."""

COMPILER = ("InductorError", "CppCompileError", "InvalidCxxCompiler", "BackendCompilerFailed")
"""Errors of ``torch.compile``, by name: torch would be imported for them."""

WORKERS = ("is killed by signal: Killed", "is killed by signal: Bus error")
"""What becomes of loader processes where the machine has too little memory, or too little that they share."""


def explain_failure(error: BaseException, settings: Mapping[str, Any]) -> str | None:
    """Return what to say to a person; None for an error that is no failure of the machine.

    Args:
        error: with what it was raised from, and what it was raised during.
        settings: of the script.

    >>> explain_failure(ValueError("no"), {}) is None
    True
    """
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in FULL:
            return _explain_disk(each, settings)
        text = str(each)
        if type(each).__name__ in COMPILER:
            reason = next((line.strip() for line in text.splitlines() if line.strip()), type(each).__name__)
            return f"compile=true failed: {reason[:200]}; use compile=false, or see to the compiler."
        if isinstance(each, RuntimeError) and any(words in text for words in WORKERS):
            return (
                "a loader process was ended by the system, mostly for want of memory or of /dev/shm, which they share; "
                f"lower datamodule.num_workers={_read(settings, 'datamodule', 'num_workers')}."
            )
        if (
            isinstance(each, MemoryError)
            or type(each).__name__ == "OutOfMemoryError"
            or (isinstance(each, RuntimeError) and any(words in text.lower() for words in MEMORY))
            or (isinstance(each, OSError) and each.errno == errno.ENOMEM)
        ):
            return _explain_memory(each, settings)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _explain_disk(error: OSError, settings: Mapping[str, Any]) -> str:
    outputs = _read(settings, "paths", "outputs")
    place = Path(str(error.filename or outputs or "."))
    while not place.exists() and place != place.parent:
        place = place.parent
    free = f", {shutil.disk_usage(place).free / 2**20:,.0f} MiB left" if place.exists() else ""
    quota = " (quota)" if error.errno == errno.EDQUOT else ""
    return (
        f"no space left on the disk of {place}{quota}{free}; all that was written before is whole. Free some "
        "(keep=[best] halves a run), or name another disk by paths.outputs or paths.cache; the same command continues."
    )


def _explain_memory(error: BaseException, settings: Mapping[str, Any]) -> str:
    where = "GPU" if type(error).__name__ == "OutOfMemoryError" or "cuda" in str(error).lower() else "CPU"
    said = str(error).split(". ")[0].split("\n")[0][:120]
    trainer = settings.get("trainer", {})
    now = {
        "datamodule.batch_size": _read(settings, "datamodule", "batch_size"),
        "batch_size": settings.get("batch_size"),
        "trainer.accumulate_grad_batches": trainer.get("accumulate_grad_batches", 1) if trainer else None,
        "datamodule.image_size": _read(settings, "datamodule", "image_size"),
        "trainer.precision": trainer.get("precision"),
        "datamodule.num_workers": _read(settings, "datamodule", "num_workers"),
    }
    values = ", ".join(f"{key}={value}" for key, value in now.items() if value is not None)
    how = (
        "Halve batch_size and double accumulate_grad_batches for as many studies per step, lower image_size, or use "
        "precision=bf16-mixed."
        if trainer
        else "Lower the batch size or explain fewer studies."
    )
    return f"out of memory on the {where} ({said or type(error).__name__}) with {values or 'these settings'}. {how}"


def _read(settings: Mapping[str, Any], section: str, key: str) -> Any:
    node = settings.get(section)
    return node.get(key) if isinstance(node, Mapping) else None


def is_said_by_another(error: BaseException) -> bool:
    """Whether all processes of a run met this together, and this is not the first, which tells the person."""
    first = all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "SLURM_PROCID"))
    return getattr(error, "everywhere", False) and not first
