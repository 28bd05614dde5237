"""Means of two processes, weighed so that they average to the joined one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from cxr_xai.training.averaging import weigh_means, world


def test_a_single_process_keeps_its_means() -> None:
    assert world() == (0, 1)
    assert weigh_means(torch.tensor([3.0, 0.0])).tolist() == [1, 1]


def weigh(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(weigh_means(torch.tensor([[1.0, 3.0], [0.0, 4.0], [0.0, 0.0]])[:, rank]), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert [torch.load(tmp_path / f"{rank}.pt").tolist() for rank in range(2)] == [[0.5, 0, 0], [1.5, 2, 0]]


if __name__ == "__main__":
    weigh(int(sys.argv[1]), sys.argv[2])
