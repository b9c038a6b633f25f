"""Lists, results, failures: what one run of a batch makes of good and bad studies."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from medai import cli
from medai.batch import Batch, ListedStudy, read_list, run_batch
from medai.batch.cluster import queue_client, scheduler_client
from medai.batch.one_study import run_study
from medai.batch.run import _only_one
from medai.errors import ImageReadError, InputError, MissingDependencyError, OutputError
from medai.images import write_segmentation
from medai.progress import ignore_progress
from Testing.standins.cuda import CARD_BYTES, stand_in_card


def here(requests):
    return map(run_study, requests)


@pytest.fixture
def studies(tmp_path: Path, monkeypatch):
    """Three studies whose "segmentation" copies a number out of the input, without a network."""
    for name, number in (("one", 10.0), ("two", 20.0), ("three", 30.0)):
        (tmp_path / f"{name}.txt").write_text(str(number))

    def fake(request, folder: Path) -> None:
        text = request.study.read_text()
        if text == "damaged":
            raise ImageReadError(f"{request.study.name} is damaged:\nexpected a number.")
        if text == "defect":
            raise RuntimeError("boom")
        burden = dict.fromkeys(
            (
                *("right_opacity_percent", "left_opacity_percent", "high_opacity_percent"),
                *("lesion_volume_ml", "lung_volume_ml", "lesion_count"),
            )
        )
        burden["opacity_percent"] = float(text)
        summary = {
            "model": {"id": "m"},
            "burden": burden,
            "healthy_opacity_percent": None,
            "notes": ["=a note"],
        }
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "inner").mkdir()
        (folder / "inner" / "more.txt").write_text(text)

    monkeypatch.setattr("medai.batch.one_study.write_study", fake)
    monkeypatch.setattr("medai.batch.one_study.cards_of", lambda request: [])
    (tmp_path / "list.csv").write_text("study,name\none.txt,One\ntwo.txt,\nthree.txt,Dreißig\n")
    return tmp_path


def run(folder: Path, *, overwrite: bool = False, output: str = "out", model: str | None = None):
    batch = Batch("segment", folder / output, model, "cpu", overwrite)
    return run_batch(batch, read_list(folder / "list.csv", "segment"), here, ignore_progress)


def states(outcomes) -> list[str]:
    return [outcome.state for outcome in outcomes]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_each_study_has_its_folder_and_its_line(studies):
    assert states(run(studies)) == ["done", "done", "done"]
    rows = table(studies / "out" / "results.csv")
    assert [(row["number"], row["name"], row["opacity_percent"]) for row in rows] == [
        ("1", "One", "10.0"),
        ("2", "study-0002", "20.0"),
        ("3", "Dreißig", "30.0"),
    ]
    assert rows[0]["notes"] == "'=a note"
    assert table(studies / "out" / "failures.csv") == []
    assert (studies / "out/studies/study-0002/inner/more.txt").read_text() == "20.0"


def test_a_bad_study_costs_only_itself_and_is_done_again_alone(studies):
    (studies / "two.txt").write_text("damaged")
    (studies / "three.txt").write_text("defect")
    assert states(run(studies)) == ["done", "failed", "failed"]
    failures = table(studies / "out" / "failures.csv")
    assert failures[0]["reason"] == "two.txt is damaged: expected a number."
    assert failures[1]["reason"].startswith("Defect in MedAI")
    assert [row["name"] for row in table(studies / "out" / "results.csv")] == ["One"]
    assert not (studies / "out/studies/study-0002").exists()
    (studies / "two.txt").write_text("20.5")
    assert states(run(studies)) == ["kept", "done", "failed"]
    (studies / "three.txt").unlink()
    assert run(studies)[2].reason == f"{studies / 'three.txt'} doesn't exist."


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "inner/more.txt").write_text("10.1"),
        lambda folder: (folder / "inner/more.txt").unlink(),
    ],
    ids=["changed", "missing"],
)
def test_results_that_are_not_as_they_were_written_are_made_again(studies, damage):
    run(studies)
    damage(studies / "out/studies/One")
    assert states(run(studies)) == ["done", "kept", "kept"]
    assert (studies / "out/studies/One/inner/more.txt").read_text() == "10.0"
    assert states(run(studies)) == ["kept", "kept", "kept"]


def test_a_users_own_file_among_results_stays_and_does_no_harm(studies):
    run(studies)
    (studies / "out/studies/One/mine.txt").write_text("a note")
    assert states(run(studies)) == ["kept", "kept", "kept"]
    (studies / "out/studies/One/summary.json").unlink()
    assert states(run(studies)) == ["done", "kept", "kept"]
    assert (studies / "out/studies/One/mine.txt").read_text() == "a note"


def test_results_without_a_manifest_are_replaced_only_when_asked(studies):
    run(studies)
    (studies / "out/studies/One/manifest.json").unlink()
    assert states(run(studies)) == ["failed", "kept", "kept"]
    assert states(run(studies, overwrite=True)) == ["done", "kept", "kept"]


def test_results_of_another_input_or_model_are_replaced_only_when_asked(studies):
    run(studies)
    (studies / "one.txt").write_text("11.25")
    again = run(studies)
    assert states(again) == ["failed", "kept", "kept"]
    assert "--overwrite" in again[0].reason
    assert (studies / "out/studies/One/inner/more.txt").read_text() == "10.0"
    assert states(run(studies, model="other")) == ["failed"] * 3
    assert states(run(studies, overwrite=True)) == ["done", "kept", "kept"]
    assert (studies / "out/studies/One/inner/more.txt").read_text() == "11.25"


def test_a_folder_of_something_else_is_left_alone(studies):
    run(studies)
    listed = read_list(studies / "list.csv", "agree")
    with pytest.raises(OutputError, match="another task"):
        run_batch(Batch("agree", studies / "out"), listed, here, ignore_progress)
    (studies / "mine").mkdir()
    (studies / "mine" / "thesis.doc").write_text("years")
    with pytest.raises(OutputError, match="no batch's"):
        run(studies, output="mine")
    assert sorted(path.name for path in (studies / "mine").iterdir()) == [".lock", "thesis.doc"]


def test_two_runs_into_one_folder_do_not_mix(studies):
    with _only_one(studies / "out"), pytest.raises(OutputError, match="Another run"):
        run(studies)
    assert states(run(studies)) == ["done"] * 3


def test_what_a_killed_run_was_writing_is_removed(studies):
    run(studies)
    half = studies / "out" / "studies" / ".writing-abc"
    half.mkdir()
    (half / "summary.json").write_text("{")
    (studies / "out" / ".writing-results.csv").write_text("half")
    run(studies)
    assert not list((studies / "out").rglob(".writing-*"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column study"),
        ("name\nx\n", "no column study"),
        ("study\n", "no rows"),
        ("study,modle\na,b\n", "column 'modle'"),
        ("study,study\na,b\n", "a column twice"),
        ("study,name\na\n", "row 1 has more or fewer cells"),
        ("study,name\na,b,c\n", "row 1 has more or fewer cells"),
        ("study,name\n,b\n", "row 1 names no study"),
        ("study,name\na,../b\n", "row 1"),
        ("study,name\na,X\nb,x\n", "share the name"),
        ("study,name\na,study-0002\nb,\n", "share the name"),
        ('study\n"a\n', "not a CSV file"),
        ("study\n\xff\n", "not a CSV file"),
    ],
)
def test_a_list_that_can_not_be_meant_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        read_list(path, "segment")
    assert "\n" not in str(error.value)


def test_paths_in_a_list_count_from_the_list(tmp_path):
    path = tmp_path / "Liste für mich.csv"
    path.write_text("\ufeffstudy,lungs\r\nct/a b,masks/ü.nrrd\r\n/abs,\r\n", encoding="utf-8")
    first, second = read_list(path, "segment")
    assert first.study == tmp_path / "ct/a b"
    assert first.options == {"lungs": str(tmp_path / "masks/ü.nrrd")}
    assert second.study == Path("/abs") and second.options == {}


def test_the_limit_on_gpu_memory_reaches_each_study(studies, monkeypatch):
    shares = stand_in_card(monkeypatch)
    batch = Batch("segment", studies / "out", device="cpu", gpu_memory_gb=6.0)
    outcomes = run_batch(batch, read_list(studies / "list.csv", "segment"), here, ignore_progress)
    assert states(outcomes) == ["done", "done", "done"]
    assert shares == [6e9 / CARD_BYTES] * 3


def test_the_command_says_what_happened_by_its_status(studies, capsys):
    arguments = ["batch", str(studies / "list.csv"), "--task", "agree", "-o", str(studies / "out")]
    assert cli.run([*arguments, "--workers", "1"]) == 2
    said = capsys.readouterr()
    assert "0 of 3 studies done, 0 done before, 3 failed." in said.out
    assert "failures.csv says why" in said.err
    assert cli.run([*arguments, "--model", "x"]) == 2
    assert "uses none" in capsys.readouterr().err
    assert cli.run(["batch", str(studies / "none.csv"), *arguments[2:]]) == 2
    assert cli.run([*arguments, "--workers", "1", "--scheduler", "tcp://x:1"]) == 2
    assert "one of --workers" in capsys.readouterr().err


def test_agreement_of_many_studies(tmp_path, capsys):
    import numpy as np

    from medai.images import segmentation_from_masks

    rng = np.random.default_rng(1)
    truth = rng.random((1, 12, 12)) < 0.4
    for image in ("i1", "i2"):
        for rater in ("AB", "CD"):
            mask = truth ^ (rng.random(truth.shape) < 0.1)
            place = tmp_path / "Studie Ä" / image / f"{rater}.seg.nrrd"
            place.parent.mkdir(parents=True, exist_ok=True)
            write_segmentation(
                segmentation_from_masks({"lesion": mask}, np.eye(4), colors={"lesion": (1, 0, 0)}),
                place,
            )
    (tmp_path / "list.csv").write_text("study\nStudie Ä\nmissing\n", encoding="utf-8")
    batch = Batch("agree", tmp_path / "out")
    outcomes = run_batch(batch, read_list(tmp_path / "list.csv", "agree"), here, ignore_progress)
    assert states(outcomes) == ["done", "failed"]
    (row,) = table(tmp_path / "out" / "results.csv")
    assert (row["images"], row["raters"]) == ("2", "2")
    assert 0 < float(row["krippendorff_alpha"]) < 1
    assert states(
        run_batch(batch, read_list(tmp_path / "list.csv", "agree"), here, ignore_progress)
    ) == ["kept", "failed"]


def test_without_dask_a_cluster_is_a_missing_dependency(monkeypatch, tmp_path):
    config = tmp_path / "slurm.toml"
    config.write_text('cluster = "SLURMCluster"\njobs = 2\n')
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(MissingDependencyError, match=r"medai\[cluster\]"), scheduler_client("x"):
        pass
    with pytest.raises(MissingDependencyError, match=r"medai\[cluster\]"), queue_client(config):
        pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cluster = 3\njobs = 2\n", "expected cluster"),
        ('cluster = "SLURMCluster"\njobs = 0\n', "expected cluster"),
        ('cluster = "SLURMCluster"\njobs = 1\nqueue = "x"\n', "found queue"),
        ("cluster = ", "not TOML"),
        ('cluster = "Popen"\njobs = 1\n', "expected HTCondorCluster"),
        ('cluster = "SLURMCluster"\njobs = 1\n', "doesn't take this"),
    ],
)
def test_a_job_queue_file_that_can_not_be_meant_is_refused(tmp_path, text, message):
    pytest.importorskip("dask_jobqueue")
    path = tmp_path / "queue.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message), queue_client(path):
        pass


def test_an_address_where_no_scheduler_is_says_so(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("medai.batch.cluster._CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match="No Dask scheduler"),
        scheduler_client("tcp://127.0.0.1:9"),
    ):
        pass


def test_no_table_of_a_batch_tells_where_a_study_lay(tmp_path):
    study = tmp_path / "DOE_JOHN_19600101" / "ct"
    study.mkdir(parents=True)
    (study / "DOE_JOHN.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"damaged")
    gone = tmp_path / "ROE_JANE_19700101" / "ct"
    listed = (
        ListedStudy(1, "Fall-1", study, {}),
        ListedStudy(2, "Fall-2", gone, {"lungs": str(tmp_path / "ROE_JANE.nrrd")}),
    )
    outcomes = run_batch(
        Batch("segment", tmp_path / "out"), listed, lambda rs: map(run_study, rs), ignore_progress
    )
    assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
    for file in (tmp_path / "out").rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        assert "DOE" not in text and "ROE" not in text and "01" not in text, text
    assert "Fall-2 doesn't exist" in (tmp_path / "out" / "failures.csv").read_text()
