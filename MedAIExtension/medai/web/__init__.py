"""A study in the browser: the same folder, rules and checks as in Slicer, served to raters."""
