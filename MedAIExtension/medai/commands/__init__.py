"""What each ``medai`` command does; ``medai.cli`` registers them."""
