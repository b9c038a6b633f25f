"""The parts of the Rater Agreement panel; Slicer's module file puts them together."""
