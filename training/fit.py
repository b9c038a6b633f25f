"""One way to run Lightning for every trainer: devices, precision, logs, checkpoints, resuming."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch import callbacks, loggers
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from medai.errors import TrainingDataError
from training.normalization import Normalization
from training.sampling import step_seed


@dataclass(frozen=True)
class RunSettings:
    """What every trainer's configuration has.

    output: folder of the run: checkpoints, logs, model. seed: of every random choice.
    epochs, steps_per_epoch, batch_size: batch_size is per process. learning_rate, weight_decay:
    of the optimizer. warmup_steps: linear, then cosine to zero over the whole run where
    ``cosine``. average: decay of the exponential moving average of the weights, 0 for none.
    precision, devices, nodes, strategy: Lightning's own words. workers: data-loading processes.
    threads: torch's, 0 leaves them. patience: epochs without a better validation figure before
    the run stops, 0 never stops early. channels_last: memory layout.
    """

    output: Path
    seed: int = 0
    epochs: int = 10
    steps_per_epoch: int = 100
    batch_size: int = 8
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    warmup_steps: int = 0
    cosine: bool = False
    clip_gradient: float = 0.0
    average: float = 0.0
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    workers: int = 0
    threads: int = 0
    patience: int = 0
    channels_last: bool = False

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


class Task(lightning.LightningModule):
    """A network being trained: optimizer, schedule, averaged weights; subclasses give the loss.

    Attribute ``judged`` names the validation figure that picks the best checkpoint (higher is
    better). ``slower``: a part of the network and the share of the learning rate it learns with.
    """

    judged = "validation"
    slower: tuple[torch.nn.Module, float] | None = None
    normal: Normalization | None = None

    def __init__(self, network: torch.nn.Module, settings: RunSettings) -> None:
        super().__init__()
        self.settings = settings
        if settings.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.network = network
        self._seconds, self._started = 0.0, time.monotonic()
        self.averaged = (
            AveragedModel(
                network, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True
            ).requires_grad_(False)
            if settings.average
            else None
        )

    @property
    def best_network(self) -> torch.nn.Module:
        """The network to judge and ship: the averaged one where there is one."""
        return self.network if self.averaged is None else self.averaged.module

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        # The card of what is shipped says by what its pictures are normalised.
        if self.normal is not None:
            checkpoint["normalization"] = {"mean": self.normal.mean, "std": self.normal.std}
        checkpoint["training_seconds"] = self._seconds + time.monotonic() - self._started

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self._seconds = checkpoint.get("training_seconds", 0.0)

    def trained_parameters(self) -> list[torch.nn.Parameter]:
        return [p for p in self.network.parameters() if p.requires_grad]

    def _parameter_groups(self) -> list[dict]:
        trained = self.trained_parameters()
        if self.slower is None:
            return [{"params": trained}]
        part, share = self.slower
        slow = set(part.parameters())
        return [
            {"params": [p for p in trained if p not in slow]},
            {
                "params": [p for p in trained if p in slow],
                "lr": share * self.settings.learning_rate,
            },
        ]

    def configure_optimizers(self):
        s, parameters = self.settings, self._parameter_groups()
        makers = {
            "adam": lambda: torch.optim.Adam(
                parameters, s.learning_rate, weight_decay=s.weight_decay
            ),
            "adamw": lambda: torch.optim.AdamW(
                parameters, s.learning_rate, weight_decay=s.weight_decay
            ),
            "rmsprop": lambda: torch.optim.RMSprop(
                parameters, s.learning_rate, weight_decay=s.weight_decay
            ),
            "sgd": lambda: torch.optim.SGD(
                parameters, s.learning_rate, momentum=s.momentum, weight_decay=s.weight_decay
            ),
        }
        if s.optimizer not in makers:
            raise TrainingDataError(
                f"optimizer = {s.optimizer!r}, expected one of {', '.join(makers)}."
            )
        optimizer = makers[s.optimizer]()

        def factor(step: int) -> float:
            warm = min(1.0, (step + 1) / s.warmup_steps) if s.warmup_steps else 1.0
            if not s.cosine:
                return warm
            done = min(1.0, step / max(1, s.total_steps))
            return warm * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * done))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def on_train_start(self) -> None:
        self._started = time.monotonic()

    def on_train_batch_start(self, batch, batch_index: int) -> None:
        # Dropout and the samplers inside a network draw by the step, so a resumed run repeats them.
        torch.manual_seed(step_seed(self.settings.seed + 1, self.global_step) + self.global_rank)

    def on_before_zero_grad(self, optimizer) -> None:
        if self.averaged is not None and self.global_step > 0:
            if self.global_step < 1.0 / (1.0 - self.settings.average):
                self.averaged.n_averaged.zero_()  # the start is too far from the end to remember
            self.averaged.update_parameters(self.network)


def training_minutes(checkpoint: Path) -> float | None:
    """How long the run had trained when it wrote ``checkpoint``; None where it does not say."""
    seconds = torch.load(checkpoint, map_location="cpu", weights_only=True).get("training_seconds")
    return None if seconds is None else seconds / 60


def fit(task: Task, train, validation, settings: RunSettings) -> Path:
    """Train ``task``, continuing the run in ``settings.output`` if it has a checkpoint.

    train, validation: data loaders. Returns the path of the best checkpoint, ``best.ckpt``;
    beside it lie ``last.ckpt`` and the logs (CSV and TensorBoard) in ``logs``.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    warnings.filterwarnings("ignore", ".*treespec.*")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*ckpt_path.*|.*resuming from.*|.*exists and is not empty.*")
    output = settings.output
    last = output / "last.ckpt"
    keep_best = callbacks.ModelCheckpoint(
        dirpath=output,
        filename="best",
        monitor=task.judged,
        mode="max",
        enable_version_counter=False,
    )
    keep_last = _LastCheckpoint(last)
    extra: list[lightning.Callback] = [keep_best, keep_last]
    if settings.patience:
        extra.append(callbacks.EarlyStopping(task.judged, mode="max", patience=settings.patience))
    trainer = _trainer(settings, extra)
    if last.exists():
        _keep_log(output / "logs" / "csv" / "metrics.csv")
    trainer.fit(
        task,
        train,
        validation,
        ckpt_path=str(last) if last.exists() else None,
        weights_only=True,
    )
    return output / "best.ckpt"


def _trainer(settings: RunSettings, extra: list[lightning.Callback]) -> lightning.Trainer:
    output = settings.output
    try:
        return lightning.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.nodes,
            strategy=settings.strategy,
            precision=settings.precision,  # type: ignore[arg-type]
            max_epochs=settings.epochs,
            gradient_clip_val=settings.clip_gradient or None,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            callbacks=extra,
            logger=[
                loggers.CSVLogger(output, name="logs", version="csv", flush_logs_every_n_steps=10),
                loggers.TensorBoardLogger(output, name="logs", version="tensorboard"),
            ],
            enable_model_summary=False,
            enable_progress_bar=not os.environ.get("CI"),
        )
    except (MisconfigurationException, ValueError) as error:
        first_line = str(error).splitlines()[0]
        raise TrainingDataError(f"The run can't be set up: {first_line}") from None


def _keep_log(log: Path) -> None:
    """Move a stopped run's log aside: Lightning deletes it when the resumed run writes its own."""
    if log.exists():
        number = len(list(log.parent.glob("metrics-*.csv"))) + 1
        log.rename(log.with_name(f"metrics-{number}.csv"))


class _LastCheckpoint(lightning.Callback):
    """Writes ``last.ckpt`` after each epoch under another name first, so a kill leaves it whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule
    ) -> None:
        beside = self.path.with_suffix(".writing")
        trainer.save_checkpoint(beside)
        if trainer.is_global_zero:
            beside.replace(self.path)
