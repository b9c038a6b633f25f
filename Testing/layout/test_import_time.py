"""``import medai`` costs nothing: everything is loaded when it is first used."""

from __future__ import annotations

import doctest
import subprocess
import sys

import medai.api

LONGEST_S = 0.1


def test_import_is_under_a_tenth_of_a_second_and_loads_no_library():
    code = (
        "import sys, time\nbefore = time.process_time()\nimport medai\n"
        "print(time.process_time() - before, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, numpy_loaded = done.stdout.split()
    assert float(seconds) < LONGEST_S
    assert numpy_loaded == "False"


def test_the_examples_of_the_python_interface_run():
    found = doctest.testmod(medai.api)
    assert found.attempted > 0 and found.failed == 0
