"""The stories that ``medai demo`` tells, each on synthetic studies with known truth."""
