"""What ``medai demo`` runs for each task, on synthetic studies with known truth."""
