"""Parameters of the networks beside Table 1 of the lightweight Mask R-CNN paper (S2).

python -m training.table1
"""

from __future__ import annotations

from medai.networks import count_parameters, covid_mask_net, ctnet10, lesion_mask_rcnn, unet

# Backbone, truncation, and the paper's millions: segmentation, classification, trainable in it.
PAPER = (
    ("resnet18", 0, 14.52, 14.75, 0.60),
    ("resnet18", 1, 6.12, 6.35, 0.60),
    ("resnet18", 2, 4.02, 4.25, 0.60),
    ("resnet34", 0, 24.63, 24.86, 0.60),
    ("resnet34", 1, 11.45, 11.74, 0.60),
    ("resnet34", 2, 4.68, 4.92, 0.60),
    ("resnet50", 0, 31.78, 34.14, 2.36),
)
_HEADER = f"{'network':<34}{'paper':>8}{'total':>9}{'+buffers':>10}{'trainable':>11}{'paper':>8}"


def rows() -> list[str]:
    """The printed lines: 7 segmentation networks, 7 classifiers."""
    lines = [
        "Millions of parameters. total: learnable; +buffers: and batch-norm statistics, which the",
        "paper counts; trainable: learnable while this network trains.",
        "",
        _HEADER,
    ]
    for backbone, truncation, segmentation, _, _ in PAPER:
        count = count_parameters(lesion_mask_rcnn(backbone, truncation))
        lines.append(
            f"{_label('Mask R-CNN', backbone, truncation):<34}{segmentation:>8.2f}"
            f"{count.total / 1e6:>9.2f}{count.with_buffers / 1e6:>10.2f}"
            f"{count.trainable / 1e6:>11.2f}"
        )
    for backbone, truncation, _, classification, trainable in PAPER:
        count = count_parameters(covid_mask_net(backbone, truncation))
        lines.append(
            f"{_label('COVID-CT-Mask-Net', backbone, truncation):<34}{classification:>8.2f}"
            f"{count.total / 1e6:>9.2f}{count.with_buffers / 1e6:>10.2f}"
            f"{count.trainable / 1e6:>11.2f}{trainable:>8.2f}"
        )
    lines += [
        "",
        "The paper's T1 and T2 rows of ResNet-18 and T2 of ResNet-34 are 0.06-0.10 above any count",
        "of the network it describes; its ResNet-50 classifier still counts the mask branch.",
        "",
        f"U-Net, 3 classes, transposed: {count_parameters(unet()).total / 1e6:.2f} (S5: 31.04)",
        f"CTnet-10: {count_parameters(ctnet10()).total / 1e6:.2f}",
    ]
    return lines


def _label(kind: str, backbone: str, truncation: int) -> str:
    suffix = f"-T{truncation}" if truncation else ""
    return f"{kind} {backbone.replace('resnet', 'ResNet-')}{suffix}"


def main() -> None:
    """Print the table."""
    print("\n".join(rows()))


if __name__ == "__main__":
    main()
