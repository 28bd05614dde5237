"""Can several processes of a training talk to each other?"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import cxr_xai
from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok

PATIENCE = 60.0
"""Seconds; two processes import torch and meet in ten on a slow machine."""

TALK = """
import datetime, os, sys, torch
import torch.distributed as dist
rank, backend = int(os.environ["RANK"]), sys.argv[1]
if backend == "nccl": torch.cuda.set_device(rank)
dist.init_process_group(backend, timeout=datetime.timedelta(seconds=30))
value = torch.ones(1, device=f"cuda:{rank}" if backend == "nccl" else "cpu") * (rank + 1)
dist.all_reduce(value)
dist.destroy_process_group()
sys.exit(0 if value.item() == 3 else 9)
"""
"""Two processes add 1 and 2."""


def check(case: Case) -> Answer:
    """Let two tiny processes add two numbers, by NCCL where there are two GPUs and by gloo elsewhere."""
    trainer = case.settings["trainer"]
    several = trainer["devices"] not in (1, "1") or int(trainer.get("num_nodes") or 1) > 1
    if not several and "ddp" not in str(trainer["strategy"]):
        return ok("one is asked for")
    import torch

    backend = "nccl" if torch.cuda.device_count() > 1 and trainer["accelerator"] != "cpu" else "gloo"
    reason = talk(backend, PATIENCE)
    if reason:
        todo = "try NCCL_P2P_DISABLE=1, or GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME with your network's name."
        return broken(f"two processes could not add two numbers over {backend}: {reason}", todo)
    return ok(f"two of this machine talk over {backend}")


def talk(backend: str, patience: float, script: str = TALK) -> str:
    """Return why two processes could not add two numbers; empty where they could."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = str(Path(cxr_xai.__file__).parents[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "PYTHONPATH": root}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", script, backend],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [rank.communicate(timeout=patience)[1] for rank in ranks]
    except subprocess.TimeoutExpired:
        return f"no answer in {patience:.0f} s"
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    bad = [text for rank, text in zip(ranks, said, strict=True) if rank.returncode]
    return "" if not bad else (bad[0].strip().splitlines() or ["it ended without a word"])[-1][:200]
