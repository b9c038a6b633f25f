"""An invented patient's clinical data, one value missing, goes in; published scores come out."""

from __future__ import annotations

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun

PATIENT = """variable,value,unit
age,72,years
sex,male,
comorbidities,1,
respiratory rate,24,/min
spo2,91,%
oxygen,no,
gcs,15,
consciousness,alert,
confusion,no,
systolic,118,mmHg
diastolic,70,mmHg
pulse,104,/min
temperature,38.4,°C
urea,8.2,mmol/L
crp,12.5,mg/dL
lymphocytes,0.7,10^9/L
smoking,former,
hypertension,yes,
multilobar,yes,
"""


def demonstrate(run: DemoRun) -> Demonstration:
    """Read an invented patient, compute the scores, write the report."""
    from medai.output import write_text
    from medai.prognosis.assessment import assess_prognosis, open_records
    from medai.reports.prognosis import summary_of
    from medai.reports.write import write_files

    file = run.folder / "patient.csv"
    write_text(file, PATIENT)
    result = assess_prognosis(open_records(file), None, None, run.progress, run.cancelled)
    write_files(result, run.folder)
    return Demonstration(
        title="Clinical scores",
        sentences=(
            result.sentence,
            "The patient is invented. Whether bacteria joined in is not known: the MuLBSTA score "
            "is therefore a range.",
        ),
        pictures=(),
        links=(
            ("prognosis/report.html", "The full report"),
            ("prognosis/scores.csv", "Every score as a table"),
            ("prognosis/patient.csv", "What was put in"),
        ),
        summary=summary_of(result),
    )
