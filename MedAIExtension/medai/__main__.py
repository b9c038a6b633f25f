"""What the command ``medai`` starts: the command line, or one line that says what it needs."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Of the ``app`` extra: what the command line itself is made of.
_NEEDED = ("typer", "rich")


def main() -> None:
    """Run the command line; without its libraries end with exit status 3 and say what to do."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"medai: the command line needs {' and '.join(missing)}: pip install 'medai[app]', or "
            "pip install '.[app]' in a checkout.",
            file=sys.stderr,
        )
        sys.exit(3)
    from medai.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
