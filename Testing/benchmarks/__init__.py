"""Speed and memory against the targets: ``python -m Testing.benchmarks``."""
