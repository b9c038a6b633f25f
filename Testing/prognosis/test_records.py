"""Clinical data from files: units, ranges, patients, and what images say."""

from __future__ import annotations

import json

import pytest

from medai import cli
from medai.commands.demonstrations.prognosis import PATIENT
from medai.errors import InputError
from medai.prognosis.assessment import assess_prognosis, open_records


def written(tmp_path, text, name="patients.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def values_of(tmp_path, text):
    (patient,) = open_records(written(tmp_path, text)).patients
    return patient.values


@pytest.mark.parametrize(
    ("column", "cell", "name", "value"),
    [
        ("crp (mg/L)", "125", "crp", 125.0),
        ("CRP (mg/dL)", "12.5", "crp", 125.0),
        ("urea [mmol/L]", "8.2", "urea", 8.2),
        ("urea (mg/dL)", "60.06", "urea", 10.0),
        ("BUN (mg/dL)", "28.014", "urea", 10.0),
        ("lymphocytes (/µL)", "800", "lymphocytes", 0.8),
        ("lymphocytes (10^9/L)", "0.8", "lymphocytes", 0.8),
        ("temperature (°F)", "100.4", "temperature", 38.0),
        ("Respiratory rate", "24", "respiratory_rate", 24.0),
        ("sex", "M", "sex", "male"),
        ("oxygen", "No", "oxygen", False),
        ("smoking", "ex", "smoking", "former"),
    ],
)
def test_units_and_words(tmp_path, column, cell, name, value):
    found = values_of(tmp_path, f"{column}\n{cell}\n")
    assert found[name] == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crp (g/L)\n5\n", "crp is 5 g/L, expected it in mg/L or mg/dL."),
        ("crp (mg/dL)\n500\n", "crp is 500 mg/dL, expected 0 to 1000 mg/L."),
        ("crp\n5\n", "crp has no unit, expected it in the column's name: crp (mg/L or mg/dL)."),
        ("urea\n5\n", "urea has no unit, expected it in the column's name: urea (mmol/L or"),
        ("age\n-3\n", "age is -3, expected 0 to 120 years."),
        ("spo2\n0.93\n", "spo2 is 0.93, expected 40 to 100 %."),
        ("gcs\n14.5\n", "gcs is 14.5, expected a whole number."),
        ("gcs\n2\n", "gcs is 2, expected 3 to 15."),
        ("age\nold\n", "age is 'old', expected a number."),
        ("age\ninf\n", "age is 'inf', expected a number."),
        ("sex\nx\n", "sex is 'x', expected female, male."),
        ("oxygen\nmaybe\n", "oxygen is 'maybe', expected yes or no."),
        ("systolic,diastolic\n70,120\n", "diastolic is 120 and systolic 70 mmHg"),
        ("gcs,consciousness\n15,unresponsive\n", "gcs is 15 and consciousness is unresponsive"),
        ("urea (mmol/L),bun (mg/dL)\n5,14\n", "urea is given twice"),
        ("age,age\n5,6\n", "the column age is there twice"),
        ("age,sex\n5\n", "line 2: 1 cells, expected 2"),
        ("age\n", "holds no patient"),
        ("weight\n80\n", "no column is of a score"),
        ("age\n50\n60\n", "holds 2 rows and no column patient"),
        ("patient,age\nA,50\nA,60\n", "two rows are of one patient"),
        ("variable,value,patient\nage,50,A\nage,60,B\n", "is of several patients"),
        ("variable,value,unit\ncrp,5,g/L\n", "crp is 5 g/L"),
    ],
)  # fmt: skip
def test_what_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(InputError) as refused:
        open_records(written(tmp_path, text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    file = tmp_path / "patients.csv"
    file.write_bytes(b"\xff\xfe\x00age")
    with pytest.raises(InputError, match=r"patients\.csv can't be read as a table"):
        open_records(file)
    with pytest.raises(InputError, match=r"Can't read none\.csv"):
        open_records(tmp_path / "none.csv")


def test_empty_cells_are_missing_and_other_columns_are_named(tmp_path):
    records = open_records(written(tmp_path, "age,sex,ward\n70,,B2\n"))
    assert dict(records.patients[0].values) == {"age": 70.0}
    assert records.unused == ("ward",)
    result = assess_prognosis(records, None, None)
    assert "Not used by any score: ward." in result.notes


def test_several_patients_are_scored_row_by_row_and_keep_their_names_to_themselves(tmp_path):
    text = "patient,age,confusion,urea (mmol/L),respiratory_rate,systolic,diastolic\n" \
        "Miller,64,no,5,15,120,80\nSmith,70,yes,9,31,85,50\n"  # fmt: skip
    result = assess_prognosis(open_records(written(tmp_path, text)), None, None)
    assert [patient.scores[1].low for patient in result.patients] == [0, 5]
    assert [patient.label for patient in result.patients] == ["Patient 1", "Patient 2"]
    assert "Miller" not in json.dumps([list(result.notes), result.sentence])


def with_json(folder, name, content):
    folder.mkdir()
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "content", "multilobar", "points"),
    [
        ("summary.json", {"burden": {"right_opacity_percent": 12, "left_opacity_percent": 9}},
         True, (5, 5)),
        ("summary.json", {"burden": {"right_opacity_percent": 12, "left_opacity_percent": 0.2}},
         None, (0, 5)),
        ("summary.json", {"burden": {"right_opacity_percent": 0.1, "left_opacity_percent": 0.2}},
         False, (0, 0)),
        ("summary.json", {"burden": {"right_opacity_percent": 2, "left_opacity_percent": 2},
                          "healthy_opacity_percent": 3.0}, False, (0, 0)),
        ("summary.json", {"burden": {"right_opacity_percent": 12, "left_opacity_percent": None}},
         None, (0, 5)),
        ("classification.json", {"severity": {"lobe_opacity_percent": {
            "right upper": 20, "right middle": 5, "right lower": 0, "left upper": 0,
            "left lower": 0}}}, True, (5, 5)),
        ("classification.json", {"severity": {"lobe_opacity_percent": {
            "right upper": 20, "right lower": 0.4}}}, False, (0, 0)),
    ],
)  # fmt: skip
def test_ct_tells_whether_several_lobes_are_infiltrated(
    tmp_path, name, content, multilobar, points
):
    ct = with_json(tmp_path / "ct", name, content)
    result = assess_prognosis(open_records(written(tmp_path, "age\n70\n"), ct=ct), None, None)
    (patient,) = result.patients
    assert patient.values.get("multilobar") == multilobar
    part = patient.scores[4].parts[0]
    assert (part.low, part.high) == points
    assert any("CT: " in note for note in result.notes)


def test_a_stated_value_counts_more_than_the_image_and_the_difference_is_said(tmp_path):
    xray = {"images": [{"right_opacity_percent": 30.0, "left_opacity_percent": 20.0}]}
    folder = with_json(tmp_path / "xray", "xray.json", xray)
    file = written(tmp_path, "age,multilobar\n70,no\n")
    result = assess_prognosis(open_records(file, xray=folder), None, None)
    assert result.patients[0].values["multilobar"] is False
    assert any("the file says otherwise" in note for note in result.notes)


def test_ct_and_x_ray_of_one_patient_stand_side_by_side(tmp_path, capsys):
    burden = {"right_opacity_percent": 12.0, "left_opacity_percent": 0.2}
    ct = with_json(tmp_path / "ct", "summary.json", {"burden": burden})
    film = {"right_opacity_percent": 30.0, "left_opacity_percent": 4.0}
    xray = with_json(tmp_path / "xray", "xray.json", {"images": [film]})
    file = written(tmp_path, "age\n70\n")
    arguments = ["prognosis", str(file), "--ct", str(ct), "--xray", str(xray), "--json"]
    assert cli.run([*arguments, "-o", str(tmp_path / "out")]) == 0
    (patient,) = json.loads(capsys.readouterr().out)["patients"]
    told = [(row["source"], row["right_percent"], row["multilobar"]) for row in patient["imaging"]]
    assert told == [("CT", 12.0, None), ("X-ray", 30.0, True)]
    # The CT leaves it open, the film shows both lungs.
    assert patient["values"]["multilobar"] is True
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "right lung opaque (%)" in page


def test_images_of_one_patient_are_refused_beside_several(tmp_path):
    ct = with_json(tmp_path / "ct", "summary.json", {"burden": {}})
    file = written(tmp_path, "patient,age\nA,50\nB,60\n")
    with pytest.raises(InputError, match="holds 2 patients, expected one"):
        open_records(file, ct=ct)
    with pytest.raises(InputError, match=r"expected a result of medai xray"):
        open_records(file, xray=ct)


def test_the_command_writes_json_table_and_report(tmp_path, capsys):
    file = written(tmp_path, PATIENT)
    assert cli.run(["prognosis", str(file), "-o", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "prognosis.json").read_text("utf-8"))
    scores = printed["patients"][0]["scores"]
    ranges = {key: (score["low"], score["high"]) for key, score in scores.items()}
    assert ranges == {
        "4c_mortality": (14, 14),
        "curb_65": (2, 2),
        "news2": (7, 7),
        "qsofa": (1, 1),
        "mulbsta": (15, 19),
        "severe_by_guideline": (1, 1),
    }
    table = (tmp_path / "out" / "scores.csv").read_text("utf-8").splitlines()
    assert len(table) == 7
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "BMJ 2020;370:m3339" in page
    assert "Research use only" in page


def test_the_command_refuses_bad_input_in_one_line(tmp_path, capsys):
    file = written(tmp_path, "crp (g/L)\n5\n")
    assert cli.run(["prognosis", str(file), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_a_batch_scores_every_file_of_a_list(tmp_path):
    written(tmp_path, PATIENT, "study1.csv")
    (tmp_path / "list.csv").write_text("study,name\nstudy1.csv,one\n", encoding="utf-8")
    arguments = ["batch", str(tmp_path / "list.csv"), "--task", "prognosis"]
    assert cli.run([*arguments, "-o", str(tmp_path / "out"), "--workers", "1"]) == 0
    results = (tmp_path / "out" / "results.csv").read_text("utf-8")
    assert "mulbsta_high" in results.splitlines()[0]
    assert "15,19" in results
