"""The ctk widgets that panels use, on PySide6: same property, slot and signal names as ctk's.

Where ctk has a property but no setter slot, neither has the stand-in, so a panel that calls
``setCollapsed`` fails here as it fails in Slicer.
"""

from __future__ import annotations

from PySide6.QtCore import Property, QEvent, QRect, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractButton,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOption,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)

_HEADER_PX = 24


class ctkCollapsibleButton(QAbstractButton):
    """A titled section that opens and closes; its children live under the title."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QWidget | str | None = None) -> None:
        super().__init__(None if isinstance(parent, str) else parent)
        if isinstance(parent, str):
            self.setText(parent)
        self._collapsed = False
        # A plain button never grows; this one must, with texts that wrap.
        self.setSizePolicy(QSizePolicy.Minimum, QSizePolicy.Preferred)
        self.setContentsMargins(0, _HEADER_PX, 0, 0)
        self.clicked.connect(self._toggle)

    def _get_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = bool(collapsed)
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(not self._collapsed)
        self.setMaximumHeight(_HEADER_PX if self._collapsed else 16777215)
        self.updateGeometry()
        self.contentsCollapsed.emit(self._collapsed)

    collapsed = Property(bool, _get_collapsed, _set_collapsed)

    def _toggle(self) -> None:
        self._set_collapsed(not self._collapsed)

    def sizeHint(self):
        return self._with_header(super().sizeHint())

    def minimumSizeHint(self):
        return self._with_header(super().minimumSizeHint())

    def _with_header(self, size):
        # A plain button has no hint of its own; the layout says what the content needs.
        if self.layout() is not None and not self._collapsed:
            size = self.layout().totalMinimumSize()
        size.setHeight(max(size.height(), _HEADER_PX))
        return size

    def hitButton(self, point) -> bool:
        return point.y() < _HEADER_PX

    def paintEvent(self, event) -> None:
        painter = QPainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width(), _HEADER_PX - 2)
        self.style().drawPrimitive(QStyle.PE_PanelButtonCommand, option, painter, self)
        arrow = QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QRect(6, 5, 12, 12)
        kind = QStyle.PE_IndicatorArrowRight if self._collapsed else QStyle.PE_IndicatorArrowDown
        self.style().drawPrimitive(kind, arrow, painter, self)
        title = QRect(24, 0, self.width() - 28, _HEADER_PX - 2)
        painter.drawText(title, Qt.AlignVCenter | Qt.AlignLeft, self.text())


def _setter(name: str):
    def set_value(slider, value) -> None:
        setattr(slider, name, value)
        slider._arrange()
        slider.setValue(slider._value)

    return set_value


class ctkSliderWidget(QWidget):
    """A slider and a spin box for one number."""

    valueChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._decimals = 2
        self._minimum, self._maximum, self._step = 0.0, 99.0, 1.0
        self._value = 0.0
        self._slider = QSlider(Qt.Horizontal)
        self._spin_box = QDoubleSpinBox()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin_box)
        self._arrange()
        self._slider.valueChanged.connect(lambda ticks: self.setValue(ticks * self._step))
        self._spin_box.valueChanged.connect(self.setValue)

    def setValue(self, value: float) -> None:
        value = round(min(max(value, self._minimum), self._maximum), self._decimals)
        if value == self._value:
            return
        self._value = value
        self._arrange()
        self.valueChanged.emit(value)

    def _arrange(self) -> None:
        for widget in (self._slider, self._spin_box):
            widget.blockSignals(True)
        self._slider.setRange(round(self._minimum / self._step), round(self._maximum / self._step))
        self._slider.setValue(round(self._value / self._step))
        self._spin_box.setDecimals(self._decimals)
        self._spin_box.setRange(self._minimum, self._maximum)
        self._spin_box.setSingleStep(self._step)
        self._spin_box.setValue(self._value)
        for widget in (self._slider, self._spin_box):
            widget.blockSignals(False)

    value = Property(float, lambda self: self._value, setValue)
    minimum = Property(float, lambda self: self._minimum, _setter("_minimum"))
    maximum = Property(float, lambda self: self._maximum, _setter("_maximum"))
    singleStep = Property(float, lambda self: self._step, _setter("_step"))
    decimals = Property(int, lambda self: self._decimals, _setter("_decimals"))
    suffix = Property(
        str,
        lambda self: self._spin_box.suffix(),
        lambda self, suffix: self._spin_box.setSuffix(suffix),
    )


class ctkPathLineEdit(QWidget):
    """A line for a path with a browse button."""

    currentPathChanged = Signal(str)

    Files, Dirs = 0x0002, 0x0001

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._filters = self.Files
        self._edit = QLineEdit()
        self._button = QToolButton()
        self._button.setText("…")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._edit)
        layout.addWidget(self._button)
        self._edit.textChanged.connect(self.currentPathChanged)
        self._button.clicked.connect(self.browse)

    def setCurrentPath(self, path: str) -> None:
        self._edit.setText(path)

    def browse(self) -> None:
        if self._filters & self.Dirs:
            path = QFileDialog.getExistingDirectory(self)
        else:
            path = QFileDialog.getOpenFileName(self)[0]
        if path:
            self.setCurrentPath(path)

    def addCurrentPathToHistory(self) -> None:
        """ctk remembers the path for next time; a test has no next time."""

    def event(self, event) -> bool:
        if event.type() == QEvent.ToolTipChange:
            self._edit.setToolTip(self.toolTip())
        return super().event(event)

    def _set_filters(self, filters: int) -> None:
        self._filters = int(filters)

    def _set_settings_key(self, key: str) -> None:
        self._settings_key = key

    currentPath = Property(str, lambda self: self._edit.text(), setCurrentPath)
    filters = Property(int, lambda self: self._filters, _set_filters)
    settingKey = Property(str, lambda self: getattr(self, "_settings_key", ""), _set_settings_key)


WIDGETS = (ctkCollapsibleButton, ctkSliderWidget, ctkPathLineEdit)
