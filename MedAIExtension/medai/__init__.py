"""MedAI: lesion, COVID-19 and cataract inference, and how well raters agree.

Everything that is not a window. Rooms and their order are in the project's README.
"""

__version__ = "0.1.0"
