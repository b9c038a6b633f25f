"""``slicer.parameterNodeWrapper``: typed attributes stored in a MRML script node.

The parts that panels use, behaving as Slicer's do: a default is written into the node when the
wrapper is made; a value of a wrong type or out of range is a ValueError or TypeError and changes
nothing; every change is a ModifiedEvent of the node; connected widgets follow the node and the
node follows them. Values are kept as text in the node, so they travel with a saved scene.
"""

from __future__ import annotations

import enum
import pathlib
import typing
from dataclasses import dataclass

import ctk
import qt
import slicer
import vtk

from Testing.standins.mrml_widgets import qMRMLNodeComboBox

PROPERTY = "SlicerParameterName"


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within [{self.minimum}, {self.maximum}], is {value}")


@dataclass(frozen=True)
class Minimum:
    minimum: float

    def validate(self, value) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must be >= {self.minimum}, is {value}")


@dataclass(frozen=True)
class Maximum:
    maximum: float

    def validate(self, value) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must be <= {self.maximum}, is {value}")


@dataclass(frozen=True)
class Choice:
    choices: tuple

    def validate(self, value) -> None:
        if value not in self.choices:
            raise ValueError(f"Value must be one of {tuple(self.choices)}, is {value!r}")


@dataclass(frozen=True)
class Default:
    value: object


class _Parameter:
    """One attribute: how it is stored in the node and what it may be."""

    def __init__(self, name: str, hint) -> None:
        self.name = name
        annotated = typing.get_origin(hint) is typing.Annotated
        self.type, *annotations = typing.get_args(hint) if annotated else (hint,)
        self.validators = [a for a in annotations if hasattr(a, "validate")]
        self.defaults = [a.value for a in annotations if isinstance(a, Default)]
        self.is_node = isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)
        is_enum = isinstance(self.type, type) and issubclass(self.type, enum.Enum)
        if not (self.is_node or is_enum or self.type in (int, float, str, bool, pathlib.Path)):
            raise TypeError(f"The stand-in can't store {name}: {self.type}")

    def default(self):
        if self.defaults:
            return self.defaults[0]
        if self.is_node:
            return None
        if issubclass(self.type, enum.Enum):
            return next(iter(self.type))
        return self.type()

    def read(self, node):
        # Closing a scene empties the node; the default comes back then.
        if not node.HasParameter(self.name):
            self.write(node, self.default())
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if self.type is bool:
            return text == "True"
        return self.type[text] if issubclass(self.type, enum.Enum) else self.type(text)

    def write(self, node, value) -> None:
        accepted = (int, float) if self.type is float else self.type
        if not (isinstance(value, accepted) or (self.is_node and value is None)):
            raise TypeError(f"{self.name} must be {self.type.__name__}, is {type(value).__name__}")
        for validator in self.validators:
            validator.validate(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, value.name if isinstance(value, enum.Enum) else str(value))

    def annotation(self, kind):
        return next((v for v in self.validators if isinstance(v, kind)), None)


class _Connector:
    """One widget for one parameter."""

    def __init__(self, widget, parameter: _Parameter) -> None:
        self.widget = widget
        self.parameter = parameter
        self._callback = None
        if isinstance(widget, qt.QComboBox):
            choices = parameter.annotation(Choice)
            if choices is None:
                raise RuntimeError(f"{parameter.name}: a combo box needs the Choice annotation")
            self._choices = list(choices.choices)
            widget.clear()
            widget.addItems([str(choice) for choice in self._choices])
        limits = parameter.annotation(WithinRange)
        if isinstance(widget, ctk.ctkSliderWidget) and limits is None:
            raise RuntimeError(f"{parameter.name}: a slider needs the WithinRange annotation")
        if limits is not None:
            widget.setProperty("minimum", limits.minimum)
            widget.setProperty("maximum", limits.maximum)
        if isinstance(widget, qMRMLNodeComboBox):
            widget.setProperty("nodeTypes", [parameter.type.__name__])

    def _signal(self):
        widget = self.widget
        if isinstance(widget, qt.QCheckBox | qt.QPushButton):
            return widget.toggled
        if isinstance(widget, qt.QComboBox):
            return widget.currentIndexChanged
        if isinstance(widget, qt.QLineEdit):
            return widget.textChanged
        if isinstance(widget, qt.QSpinBox | qt.QDoubleSpinBox | qt.QSlider | ctk.ctkSliderWidget):
            return widget.valueChanged
        if isinstance(widget, ctk.ctkPathLineEdit):
            return widget.currentPathChanged
        if isinstance(widget, qMRMLNodeComboBox):
            return widget.currentNodeChanged
        raise RuntimeError(f"{self.parameter.name}: no connection to {type(widget).__name__}")

    def connect(self, callback) -> None:
        self._callback = lambda *_: callback()
        self._signal().connect(self._callback)

    def disconnect(self) -> None:
        self._signal().disconnect(self._callback)

    def read(self):
        widget = self.widget
        if isinstance(widget, qMRMLNodeComboBox):
            return widget.currentNode()
        if isinstance(widget, qt.QCheckBox | qt.QPushButton):
            return widget.isChecked()
        if isinstance(widget, qt.QComboBox):
            return self._choices[widget.currentIndex()]
        for name in ("text", "currentPath", "value"):
            if widget.metaObject().indexOfProperty(name) >= 0:
                return self.parameter.type(widget.property(name))
        raise RuntimeError(f"{self.parameter.name}: nothing to read from {type(widget).__name__}")

    def write(self, value) -> None:
        widget = self.widget
        if isinstance(widget, qMRMLNodeComboBox):
            widget.setCurrentNode(value)
        elif isinstance(widget, qt.QCheckBox | qt.QPushButton):
            widget.setChecked(value)
        elif isinstance(widget, qt.QComboBox):
            widget.setCurrentIndex(self._choices.index(value))
        elif isinstance(widget, ctk.ctkPathLineEdit):
            widget.setCurrentPath(str(value))
        elif isinstance(widget, qt.QLineEdit):
            widget.setText(value)
        else:
            widget.setValue(value)


class _Wrapper:
    """What ``@parameterNodeWrapper`` adds to a class."""

    allParameters: typing.ClassVar[dict[str, _Parameter]]

    def __init__(self, parameterNode) -> None:
        self.parameterNode = parameterNode
        self._guis: dict[int, tuple[list[_Connector], int]] = {}
        self._updating = False
        for parameter in self.allParameters.values():
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default())

    def getValue(self, name: str):
        return self.allParameters[name].read(self.parameterNode)

    def setValue(self, name: str, value) -> None:
        with slicer.util.NodeModify(self.parameterNode):
            self.allParameters[name].write(self.parameterNode, value)

    def default(self, name: str):
        return Default(self.allParameters[name].default())

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, was_modifying):
        return self.parameterNode.EndModify(was_modifying)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()

    def connectGui(self, gui) -> int:
        is_widget = isinstance(gui, qt.QWidget)
        widgets = gui.findChildren(qt.QWidget) if is_widget else vars(gui).values()
        return self.connectParametersToGui(
            {widget.property(PROPERTY): widget for widget in widgets if widget.property(PROPERTY)}
        )

    def connectParametersToGui(self, mapping) -> int:
        unknown = set(mapping) - set(self.allParameters)
        if unknown:
            raise ValueError(f"Cannot find a param with the given name: {sorted(unknown)}")
        connectors = []
        for name, widget in mapping.items():
            connector = _Connector(widget, self.allParameters[name])
            connector.write(self.getValue(name))
            connector.connect(lambda name=name, source=connector: self._from_gui(name, source))
            connectors.append(connector)
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui())
        tag = len(self._guis)
        self._guis[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag) -> None:
        connectors, observer = self._guis.pop(tag, ([], None))
        for connector in connectors:
            connector.disconnect()
        if observer is not None:
            self.RemoveObserver(observer)

    def _from_gui(self, name: str, connector: _Connector) -> None:
        if not self._updating:
            self.setValue(name, connector.read())

    def _to_gui(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for connectors, _ in list(self._guis.values()):
                for connector in connectors:
                    connector.write(connector.parameter.read(self.parameterNode))
        finally:
            self._updating = False


def parameterNodeWrapper(cls):
    """Make a class of annotations a wrapper of a MRML script node."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: _Parameter(name, hint) for name, hint in hints.items()}
    namespace = {"allParameters": parameters, "__doc__": cls.__doc__, "__module__": cls.__module__}
    for name, parameter in parameters.items():
        if hasattr(cls, name):
            parameter.defaults = [getattr(cls, name)]
        namespace[name] = property(
            lambda self, name=name: self.getValue(name),
            lambda self, value, name=name: self.setValue(name, value),
        )
    return type(cls.__name__, (_Wrapper,), namespace)
