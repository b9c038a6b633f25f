"""Data sets, configurations and trainers of every network; the product never imports this."""
