"""Inference in a process of its own, and the way of studies and results to it and back."""
