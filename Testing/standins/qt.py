"""``qt`` as Slicer has it: every Qt name in one flat module, here from PySide6.

Only names are given. PythonQt's own ways (properties as values, ints for enums) can't be had with
PySide6; panels are written so that they need neither.
"""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

for _module in (QtCore, QtGui, QtWidgets):
    globals().update({name: getattr(_module, name) for name in dir(_module) if name[0] == "Q"})


class QUiLoader(QtUiTools.QUiLoader):
    """A loader that knows the ctk and MRML widgets that Slicer registers with Qt Designer."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        from Testing.standins import ctk, mrml_widgets

        for widget_class in (*ctk.WIDGETS, *mrml_widgets.WIDGETS):
            self.registerCustomWidget(widget_class)
