"""Draws the extension's and the modules' icons, 128 x 128, in the colors of the palette.

Run from the top of the checkout: ``python Resources/Icons/draw.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QGuiApplication,
    QImage,
    QPainter,
    QPainterPath,
    QPen,
    QRadialGradient,
    QTransform,
)

from medai import palette

ROOT = Path(__file__).resolve().parents[2]
SIZE = 128
GROUND = QColor("#17324d")
WHITE = QColor("#f5f8fb")


def color(rgb: palette.Rgb, alpha: float = 1.0) -> QColor:
    return QColor.fromRgbF(*rgb, alpha)


def pen(line_color: QColor, width: float) -> QPen:
    return QPen(line_color, width, Qt.SolidLine, Qt.RoundCap, Qt.RoundJoin)


def lung(mirror: bool) -> QPainterPath:
    """The right lung as seen on the screen's left; mirrored for the other one."""
    path = QPainterPath(QPointF(54, 36))
    path.cubicTo(44, 18, 22, 44, 18, 92)
    path.cubicTo(17, 108, 30, 104, 44, 98)
    path.cubicTo(54, 94, 56, 88, 56, 78)
    path.closeSubpath()
    if mirror:
        path = QTransform().translate(SIZE, 0).scale(-1, 1).map(path)
    return path


def lesion_segmentation(painter: QPainter) -> None:
    painter.setPen(pen(WHITE, 5))
    painter.setBrush(color(palette.SKY_BLUE, 0.35))
    painter.drawPath(lung(False))
    painter.drawPath(lung(True))
    painter.drawLine(QPointF(64, 18), QPointF(64, 50))
    painter.setPen(pen(color(palette.VERMILLION), 5))
    painter.setBrush(color(palette.VERMILLION, 0.55))
    painter.drawEllipse(QRectF(24, 68, 24, 22))
    painter.drawEllipse(QRectF(82, 56, 16, 18))


def covid_classification(painter: QPainter) -> None:
    center = QPointF(48, 52)
    painter.setPen(pen(WHITE, 5))
    for step in range(10):
        painter.save()
        painter.translate(center)
        painter.rotate(36 * step)
        painter.drawLine(QPointF(0, -24), QPointF(0, -33))
        painter.drawLine(QPointF(-5, -33), QPointF(5, -33))
        painter.restore()
    painter.setBrush(color(palette.REDDISH_PURPLE, 0.75))
    painter.drawEllipse(center, 24, 24)
    painter.setPen(Qt.NoPen)
    for left, height, bar in (
        (66, 16, palette.SKY_BLUE),
        (82, 30, palette.ORANGE),
        (98, 54, palette.VERMILLION),
    ):
        painter.setBrush(color(bar))
        painter.drawRoundedRect(QRectF(left, 112 - height, 12, height), 3, 3)


def cataract_map(painter: QPainter) -> None:
    eye = QPainterPath(QPointF(12, 64))
    eye.cubicTo(36, 24, 92, 24, 116, 64)
    eye.cubicTo(92, 104, 36, 104, 12, 64)
    painter.setPen(pen(WHITE, 5))
    painter.setBrush(color(palette.SKY_BLUE, 0.25))
    painter.drawPath(eye)
    heat = QRadialGradient(QPointF(64, 64), 25)
    heat.setColorAt(0.0, color(palette.YELLOW))
    heat.setColorAt(0.55, color(palette.VERMILLION))
    heat.setColorAt(1.0, color(palette.SKY_BLUE))
    painter.setBrush(QBrush(heat))
    painter.drawEllipse(QPointF(64, 64), 25, 25)


def chest_xray(painter: QPainter) -> None:
    painter.setPen(pen(WHITE, 5))
    painter.setBrush(color(palette.BLACK, 0.55))
    painter.drawPath(lung(False))
    painter.drawPath(lung(True))
    painter.drawLine(QPointF(64, 18), QPointF(64, 50))
    painter.setPen(pen(color(palette.YELLOW), 3))
    for y in (58, 80):
        painter.drawLine(QPointF(20, y), QPointF(54, y))
        painter.drawLine(QPointF(74, y), QPointF(108, y))


def rater_agreement(painter: QPainter) -> None:
    painter.setPen(Qt.NoPen)
    painter.setBrush(color(palette.YELLOW, 0.45))
    painter.drawEllipse(QPointF(64, 64), 22, 22)
    painter.setBrush(Qt.NoBrush)
    for index, (dx, dy) in enumerate(((-11, -9), (11, -8), (-9, 11), (10, 12))):
        line = WHITE if index == 0 else color(palette.rater_color(index))
        painter.setPen(pen(line, 6))
        painter.drawEllipse(QPointF(64 + dx, 64 + dy), 34, 31)


def medai(painter: QPainter) -> None:
    plus = QPainterPath()
    plus.setFillRule(Qt.WindingFill)
    plus.addRoundedRect(QRectF(48, 20, 32, 88), 8, 8)
    plus.addRoundedRect(QRectF(20, 48, 88, 32), 8, 8)
    painter.setPen(Qt.NoPen)
    painter.setBrush(WHITE)
    painter.drawPath(plus.simplified())
    painter.setPen(pen(GROUND, 4))
    for x, y, dot in (
        (64, 36, palette.SKY_BLUE),
        (36, 64, palette.REDDISH_PURPLE),
        (92, 64, palette.ORANGE),
        (64, 92, palette.BLUISH_GREEN),
    ):
        painter.drawLine(QPointF(64, 64), QPointF(x, y))
        painter.setBrush(color(dot))
        painter.drawEllipse(QPointF(x, y), 9, 9)
    painter.setBrush(color(palette.VERMILLION))
    painter.drawEllipse(QPointF(64, 64), 13, 13)


def draw(pictogram: Callable[[QPainter], None], path: Path) -> None:
    image = QImage(SIZE, SIZE, QImage.Format_ARGB32)
    image.fill(Qt.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.Antialiasing)
    painter.setPen(Qt.NoPen)
    painter.setBrush(GROUND)
    painter.drawRoundedRect(QRectF(2, 2, SIZE - 4, SIZE - 4), 22, 22)
    pictogram(painter)
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(str(path))


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication([])
    modules = {
        "LesionSegmentation": lesion_segmentation,
        "CovidClassification": covid_classification,
        "CataractMap": cataract_map,
        "ChestXray": chest_xray,
        "RaterAgreement": rater_agreement,
    }
    for name, pictogram in modules.items():
        draw(pictogram, ROOT / "MedAIExtension" / name / "Resources" / "Icons" / f"{name}.png")
    draw(medai, ROOT / "Resources" / "Icons" / "MedAI.png")
    application.quit()


if __name__ == "__main__":
    main()
