"""``medai prognosis``: a patient's clinical data in; published scores of pneumonia out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Output, run_task


def prognosis(
    patient: Annotated[
        Path,
        typer.Argument(
            help="CSV: a row a patient (columns age, sex, spo2, crp (mg/L), …), or the columns "
            "variable, value, unit of one patient."
        ),
    ],
    output: OutputOption,
    ct: Annotated[
        Path | None,
        typer.Option("--ct", help="Results of medai segment, measure or classify, of the patient."),
    ] = None,
    xray: Annotated[
        Path | None, typer.Option("--xray", help="Results of medai xray, of the patient.")
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compute published clinical scores: 4C Mortality, CURB-65, NEWS2, qSOFA, MuLBSTA."""
    from medai.prognosis.assessment import open_records

    run_task(
        "prognosis",
        [lambda: open_records(patient, ct=ct, xray=xray)],
        None,
        Output(output, overwrite, as_json),
    )
