"""Are the devices there, and does a batch fit into their memory?"""

from cxr_xai.experiments.doctor.case import Answer, Case, broken, ok, warn

TIGHT = 0.9
"""Share of memory above which another film size or a fuller machine may end the run."""


def check(case: Case) -> Answer:
    """Count what the trainer asks for; on a GPU, train one step on a batch of the chosen size."""
    import torch

    trainer = case.settings["trainer"]
    kind, wanted = trainer["accelerator"], trainer["devices"]
    there = torch.cuda.device_count()
    if case.launcher in ("slurm", "sbatch") and not there:
        todo = "cells run on other machines; start this there, by srun, to try their GPUs."
        return warn("no GPU here, from where cells are submitted", todo) if kind != "cpu" else ok("CPU, on the cluster")
    if kind in ("gpu", "cuda") and not there:
        return broken(f"trainer.accelerator={kind}, and torch finds no GPU", "use trainer=cpu, or a machine with one.")
    if kind == "cpu" or not there:
        free = "" if kind == "cpu" else "; no GPU found"
        words = f"CPU, {torch.get_num_threads()} threads{free}"
        if case.image_size >= 224 and kind != "cpu":
            return warn(words, "films of 224 px and more take hours an epoch on a CPU; is a driver missing?")
        return ok(words)
    if (count_devices(wanted) or 0) > there:
        return broken(f"trainer.devices={wanted}, and there are {there}", f"use trainer.devices={there}.")
    used, total = measure_step(case)
    name = torch.cuda.get_device_name(0)
    batch = case.settings["datamodule"]["batch_size"]
    words = f"{there} × {name}; a step of {batch} films takes {used / 1e9:.1f} of {total / 1e9:.1f} GB"
    if used > TIGHT * total:
        return warn(words, "make datamodule.batch_size smaller, with trainer.accumulate_grad_batches.")
    return ok(words)


def count_devices(wanted: object) -> int | None:
    """Return how many GPUs must be there; None where any number will do.

    >>> count_devices(2), count_devices([0, 5]), count_devices("auto"), count_devices(-1)
    (2, 6, None, None)
    """
    if isinstance(wanted, list | tuple):  # numbers of devices
        return max((int(number) for number in wanted), default=-1) + 1
    return wanted if isinstance(wanted, int) and wanted >= 0 else None


def measure_step(case: Case) -> tuple[float, float]:
    """Return the most bytes that a training step held on the GPU, and all that it has.

    Raises:
        torch.OutOfMemoryError: it does not fit; `explain_failure` says what to lower.
    """
    import torch

    from cxr_xai.experiments.build import build

    model = build({**case.settings["model"], "weights": "none"}, "model").cuda().train()
    optimizer = build(case.settings["optimizer"], "optimizer")(model.parameters())
    shape = (int(case.settings["datamodule"]["batch_size"]), 1, case.image_size, case.image_size)
    torch.cuda.reset_peak_memory_stats()
    half = "bf16" in str(case.settings["trainer"]["precision"])
    with torch.autocast("cuda", torch.bfloat16, enabled=half):
        loss = model(torch.rand(shape, device="cuda")).square().mean()
    loss.backward()
    optimizer.step()
    used, total = float(torch.cuda.max_memory_allocated()), float(torch.cuda.get_device_properties(0).total_memory)
    del model, optimizer, loss
    torch.cuda.empty_cache()
    return used, total
