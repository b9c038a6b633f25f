"""CTnet-10 (S4: Shah et al., Fig. 2): COVID-19 or not, from one CT picture."""

from __future__ import annotations

from torch import Tensor, nn

INPUT_SIZE = 128
_FLAT = 32 * 29 * 29


class CTnet10(nn.Module):
    """Normalised pictures (n, 3, 128, 128) to logits (n, 1); their sigmoid is p(COVID-19)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 32, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 32, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(_FLAT, 256),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(256, 256),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(256, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images))


def ctnet10() -> CTnet10:
    """CTnet-10, randomly initialised: 126, 124, 62, 60, 58, 29 pixels, then 26,912 numbers."""
    return CTnet10()
