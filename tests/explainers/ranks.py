"""One of two processes of a DDP job that runs all explainers: ``python ranks.py RANK FOLDER``.

The folder holds ``job.pt`` (settings by name, backbone, number of films, state of the model) and receives ``RANK.pt``:
maps or an error by name, and the gradients of a training step afterwards.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

SHARED = runpy.run_path(str(Path(__file__).with_name("conftest.py")))


def explain_all(rank: int, folder: Path) -> dict[str, Any]:
    job = torch.load(folder / "job.pt")
    model = SHARED["lived_in"](job["backbone"])
    model.load_state_dict(job["state"])
    wrapped = DistributedDataParallel(model.train())
    image, large = SHARED["noise"](job["films"])[rank : rank + 2], job["backbone"] != "small"
    found: dict[str, Any] = {}
    for name, settings in job["settings"].items():
        try:
            out = SHARED["build_member"](settings, large=large).explain(wrapped, image, [4, 11])
            found[name] = (out.attribution, out.logits)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    torch.manual_seed(3)
    wrapped(image).sum().backward()
    return {"found": found, "grads": [parameter.grad for parameter in model.parameters()]}


if __name__ == "__main__":
    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(explain_all(rank, folder), folder / f"{rank}.pt")
    dist.destroy_process_group()
