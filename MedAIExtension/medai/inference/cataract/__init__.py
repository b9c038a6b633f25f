"""Cataract maps: OCT scans of an eye in, probability maps and cataract fractions out."""
