"""What the machine refuses ends in one line with the values at hand; other errors stay what they are."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from cxr_xai.experiments.failures import explain_failure

SETTINGS: dict[str, Any] = {
    "paths": {"outputs": "outputs"},
    "datamodule": {"batch_size": 32, "image_size": 224, "num_workers": 2},
    "trainer": {"precision": "32-true"},
}


def explain(error: BaseException, settings: dict[str, Any] = SETTINGS) -> str:
    explained = explain_failure(error, settings)
    assert explained is not None
    assert "\n" not in explained
    return explained


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"),
            "GPU (CUDA out of memory)",
        ),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "CPU ("),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), "GPU (CUDA error: out of memory)"),
        (MemoryError(), "CPU (MemoryError)"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "CPU ("),
    ],
)
def test_out_of_memory_says_what_to_lower(error: BaseException, where: str) -> None:
    said = explain(error)
    assert said.startswith(f"out of memory on the {where}")
    assert "datamodule.batch_size=32, trainer.accumulate_grad_batches=1, datamodule.image_size=224" in said
    assert "trainer.precision=32-true, datamodule.num_workers=2. Halve batch_size and double accumulate_grad" in said


def test_a_real_refusal_of_torch_is_one() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55)
    assert explain(raised.value).startswith("out of memory on the CPU")


def test_a_script_that_does_not_train_is_told_other_things() -> None:
    said = explain(MemoryError(), {"batch_size": 64})
    assert said.endswith("with batch_size=64. Lower the batch size or explain fewer studies.")


def test_a_full_disk_is_found_behind_what_it_became(tmp_path: Path) -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "not" / "there.csv"))
        except OSError as error:
            raise RuntimeError("unexpected pos 768 vs 662") from error
    except RuntimeError as error:
        said = explain(error)
    assert said.startswith(f"no space left on the disk of {tmp_path}, ")
    assert said.endswith("the same command continues.")


def test_a_compiler_that_fails_is_named() -> None:
    class InductorError(Exception):
        pass

    said = explain(InductorError("CppCompileError: C++ compile error\n\nCommand:\ng++ …"))
    assert said == "compile=true failed: CppCompileError: C++ compile error; use compile=false, or see to the compiler."


def test_loader_processes_that_were_ended_need_memory() -> None:
    said = explain(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "))
    assert "lower datamodule.num_workers=2" in said


@pytest.mark.parametrize(
    "error", [ValueError("no"), RuntimeError("shapes differ"), OSError(errno.EACCES, "Permission denied")]
)
def test_other_errors_stay(error: Exception) -> None:
    assert explain_failure(error, SETTINGS) is None
