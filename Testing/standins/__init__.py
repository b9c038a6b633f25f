"""What the slicer-core wheel lacks, so that tests can open a module's real panel without Slicer.

``install()`` puts ``qt``, ``ctk``, ``slicer.ScriptedLoadableModule``, ``slicer.i18n``,
``slicer.parameterNodeWrapper`` and the qMRML widgets where a module imports them from; the scene,
the logics and ``slicer.util`` are slicer-core's own, started by ``medai.host``. ``open_panel()``
does what Slicer does when a user selects a module.
"""

from Testing.standins.install import install
from Testing.standins.panel import Panel, load_module, open_panel

__all__ = ["Panel", "install", "load_module", "open_panel"]
