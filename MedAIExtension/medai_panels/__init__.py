"""What the four panels share: Qt code that runs in Slicer (PythonQt) and in tests (PySide6) alike.

Widgets are read with ``isChecked()``, ``property("…")`` and written with setters, since Slicer's
PythonQt shows a Qt property as a value where PySide6 has a method.
"""
