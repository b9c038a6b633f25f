"""Chest radiographs: lungs, opacities by kind, six zones and their scores."""
