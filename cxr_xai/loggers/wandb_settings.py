"""What every W&B run of the project keeps to itself."""

import wandb


def make_settings() -> wandb.Settings:
    """Return settings under which no code, console output, host, user or machine leaves; logs are flushed at once."""
    return wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        host="withheld",
        silent=True,
        username="withheld",
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        x_transaction_log_flush_interval=1,
    )
