"""The sections that all panels share, each alone."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from medai.errors import CancelledError, InputError, MissingDependencyError, OutputError
from medai.progress import Progress
from Testing.modules.cards import store_with
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def section(slicer):
    """An empty section of a panel."""
    import ctk
    import qt

    button = ctk.ctkCollapsibleButton()
    button.setLayout(qt.QVBoxLayout())
    button.resize(400, 300)
    button.show()
    yield button
    button.close()
    button.deleteLater()


def events():
    import qt

    qt.QApplication.processEvents()


class Run:
    """A run section with a scripted worker; remembers what it was told."""

    def __init__(self, section, end=lambda *a: "the result", steps=None):
        from medai_panels.run_section import RunSection

        self.worker = ScriptedWorker(end, steps)
        self.finished, self.running = [], []
        self.section = RunSection(
            section,
            lambda: self.worker.submit("lesions"),
            self.finished.append,
            self.running.append,
            "Look for lesions.",
        )

    def tick(self, times=1):
        for _ in range(times):
            self.section._on_timer()

    def press(self):
        self.section.button.click()


def test_run_becomes_cancel_and_shows_what_happens_and_becomes_run_again(section, messages):
    run = Run(section)
    run.press()
    assert run.section.button.text() == "Cancel"
    assert run.section.bar.isVisible() and run.section.bar.maximum() == 0  # moves by itself
    run.tick()
    assert run.section.status.text() == "Loading the model"
    run.tick()
    assert run.section.status.text() == "Slice 10 of 20"
    assert run.section.bar.value() == run.section.bar.maximum() / 2
    run.tick()
    assert run.finished == ["the result"] and run.running == [True, False]
    assert run.section.button.text() == "Run" and not run.section.bar.isVisible()
    assert run.section.status.text() == "Done in 0 s." and messages.shown == []


def test_cancel_ends_the_job_and_shows_no_result(section, messages):
    run = Run(section)
    run.press()
    run.tick()
    run.press()
    assert not run.section.button.isEnabled()  # a second click has nothing to cancel
    assert run.section.status.text() == "Cancelling"
    run.tick(3)
    assert run.worker.jobs[0].state == "cancelled" and run.finished == []
    assert run.section.status.text() == "Cancelled." and run.section.button.isEnabled()
    assert messages.shown == []


def test_a_failed_run_says_why_in_one_line_and_can_be_repeated(section, messages):
    def fail(*_):
        raise InputError("ct: no lungs in view, expected a chest CT.")

    run = Run(section, fail, steps=[])
    run.press()
    run.tick()
    assert [(m.kind, m.text) for m in messages.shown] == [
        ("error", "ct: no lungs in view, expected a chest CT.")
    ]
    assert run.section.status.text() == "ct: no lungs in view, expected a chest CT."
    run.press()
    assert run.section.running


def test_a_result_that_cant_be_shown_leaves_the_section_idle(section, messages):
    run = Run(section, steps=[])
    run.section._finished = lambda result: 1 / 0
    run.press()
    run.tick()
    assert not run.section.running and run.section.button.text() == "Run"
    assert messages.shown[0].text.startswith("The result can't be shown.")
    assert "ZeroDivisionError" in messages.shown[0].text and messages.shown[0].details == ""


def test_a_result_that_is_shown_in_steps_ends_the_run_with_the_last_one(section, messages):
    run = Run(section, steps=[])
    shown = []

    def show(result):
        for step in range(3):
            time.sleep(0.02)  # longer than one turn may do steps for
            shown.append((step, result))
            yield

    run.section._finished = show
    run.press()
    run.tick(2)
    assert run.section.status.text() == "Showing the result" and shown == [(0, "the result")]
    assert run.section.running and not run.section.button.isEnabled()
    run.tick(3)
    assert len(shown) == 3 and run.running == [True, False] and messages.shown == []
    assert not run.section.running and run.section.status.text() == "Done in 0 s."
    assert run.section.button.isEnabled() and run.section._timer.interval() == 50


def test_steps_that_fail_or_are_abandoned_leave_the_section_idle(section, messages):
    def fail(result):
        yield
        raise InputError("The CT of this result is no longer in the scene.")

    run = Run(section, steps=[])
    run.section._finished = fail
    run.press()
    run.tick(3)
    assert not run.section.running and run.section.status.text() == "Failed."
    assert "no longer in the scene" in messages.shown[0].text

    def never_ends(result):
        while True:
            time.sleep(0.02)
            yield

    run.section._finished = never_ends
    run.press()
    run.tick(3)
    run.section.abandon()
    run.tick(2)
    assert not run.section.running and run.section.status.text() == "Cancelled."
    assert len(messages.shown) == 1


def test_a_job_that_cant_be_followed_is_given_up_at_once(section, messages):
    run = Run(section)
    run.press()
    run.worker.jobs[0].poll = lambda: 1 / 0
    run.tick(3)
    assert not run.section.running and run.section.status.text() == "Failed."
    assert len(messages.shown) == 1


def test_a_refused_start_says_so_beside_the_button_only(section, messages):
    run = Run(section)

    def refuse():
        raise CancelledError("PyTorch was not installed.")

    run.section._start = refuse
    run.press()
    assert run.section.status.text() == "PyTorch was not installed."
    assert not run.section.running and messages.shown == [] and run.running == []


def test_an_abandoned_job_is_cancelled_and_calls_nothing(section):
    run = Run(section)
    run.press()
    run.tick()
    run.section.abandon()
    assert run.worker.jobs[0].wants_cancel and run.finished == [] and not run.section.running
    run.tick()
    assert run.worker.jobs[0].state == "cancelled"  # polled until its process is gone
    run.section.abandon()  # nothing to abandon
    assert len(run.running) == 2


def test_a_run_that_isnt_possible_says_why_beside_the_button_and_in_its_tooltip(section):
    run = Run(section)
    run.section.set_usable("Choose a CT first.")
    assert not run.section.button.isEnabled()
    assert run.section.status.text() == "Choose a CT first."
    assert run.section.button.toolTip() == "Look for lesions.\n\nChoose a CT first."
    run.section.set_usable()
    assert run.section.button.isEnabled() and run.section.button.toolTip() == "Look for lesions."


def test_a_closed_section_hears_no_clicks(section):
    run = Run(section)
    run.section.close()
    run.press()
    assert run.worker.jobs == []


def test_time_left_is_said_once_the_pace_is_known():
    from medai_panels.time_left import TimeLeft

    left = TimeLeft(0.0)
    assert left.text(0.0, 30.0) == ""  # loading says nothing about the pace
    assert left.text(0.10, 40.0) == ""
    assert left.text(0.20, 41.0) == ""  # 1 s is too early
    assert left.text(0.30, 50.0) == "about 35 s left"  # 20 % took 10 s, 70 % are left
    assert left.text(0.95, 82.5) == "about 3 s left"
    slow = TimeLeft(0.0)
    slow.text(0.01, 0.0)
    assert slow.text(0.11, 60.0) == "about 9 min left"
    assert slow.text(0.11, 1000.0) == "about 2.5 h left"


def test_the_model_section_lists_the_recommended_model_first_with_its_line(section, tmp_path):
    from medai_panels.model_section import ModelSection

    store = store_with(
        tmp_path, {"id": "alpha"}, {"id": "beta", "recommended": "true"}, {"id": "gamma"}
    )
    chosen = []
    model = ModelSection(section, "lesions", store, chosen.append)
    assert model.model_id == "beta" and model.problem == ""
    assert model.combo.itemText(0) == "Beta ★"
    assert model.summary.text() == store.card("beta").summary
    model.combo.setCurrentIndex(1)
    assert chosen == ["alpha"] and model.card.id == "alpha"
    model.choose("gamma")
    assert model.model_id == "gamma" and chosen == ["alpha"]  # nobody has to be told
    assert model.summary.text() == store.card("gamma").summary
    model.choose("never heard of")
    assert model.model_id == "gamma"


def test_a_click_shows_the_whole_card_and_another_hides_it(section, tmp_path):
    from medai_panels.model_section import ModelSection

    model = ModelSection(section, "lesions", store_with(tmp_path, {"id": "alpha"}), lambda _: None)
    assert not model.card_view.isVisible()
    model.more.click()
    assert model.card_view.isVisible()
    lines = model.card_view.toPlainText().splitlines()
    assert lines[:2] == ["Meant for", "Research on lesions"]
    assert "Dice 0.6 (0.5 to 0.7), n = 10: 10 held-out slices" in lines
    assert "Data set: 40 slices: far too few" in lines and "Commercial use: not allowed" in lines
    model.more.click()
    assert not model.card_view.isVisible()


def test_what_a_card_says_is_shown_as_text_and_never_as_markup(section, tmp_path):
    from medai.models import ModelStore
    from medai_panels.model_section import ModelSection

    store_with(tmp_path, {"id": "alpha"})
    card = tmp_path / "alpha" / "card.toml"
    card.write_text(card.read_text().replace("Few training slices", "<b>none</b>"))
    model = ModelSection(section, "lesions", ModelStore([tmp_path]), lambda _: None)
    assert "<b>none</b>" in model.card_view.toPlainText()


def test_without_models_the_section_says_how_to_get_one(section, tmp_path):
    from medai_panels.model_section import ModelSection

    model = ModelSection(section, "lesions", store_with(tmp_path), lambda _: None)
    assert model.model_id == "" and model.card is None
    assert "medai models add" in model.problem and model.summary.text() == model.problem
    assert not model.combo.isEnabled() and model.problem in model.combo.toolTip()


def test_a_model_whose_card_is_damaged_is_left_out_and_named(section, tmp_path):
    from medai_panels.model_section import ModelSection

    store = store_with(tmp_path, {"id": "alpha"}, {"id": "beta", "task": "nonsense"})
    model = ModelSection(section, "lesions", store, lambda _: None)
    assert model.combo.count() == 1
    assert "beta" in model.left_out.text() and model.left_out.isVisible()


def test_the_table_shows_numbers_and_calls_with_the_clicked_row(slicer):
    import qt

    from medai_panels.findings_table import FindingsTable

    widget, rows = qt.QTableWidget(), []
    columns = [("#", "number", "d"), ("mL", "volume", ",.1f"), ("Where", "zone", "")]
    table = FindingsTable(widget, columns, rows.append)
    table.fill([(1, 1234.56, "right lower"), (2, float("nan"), "left upper")])
    shown = [[widget.item(r, c).text() for c in range(3)] for r in range(2)]
    assert shown == [["1", "1,234.6", "right lower"], ["2", "–", "left upper"]]
    widget.selectRow(1)
    assert rows == [1]
    table.fill([(1, 2.0, "x")])
    assert rows == [1] and widget.selectedItems() == []  # filling chooses nothing
    table.close()
    widget.selectRow(0)
    assert rows == [1]


def test_export_writes_a_new_folder_each_time_and_replaces_nothing(section, messages, tmp_path):
    from medai_panels.export_section import ExportSection

    def write(folder):
        folder.mkdir()
        (folder / "report.html").write_text("x")

    export = ExportSection(section, "lesions", write, "a report")
    export.path.setCurrentPath(str(tmp_path))
    export.button.click()
    export.button.click()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lesions", "lesions-2"]
    assert str(tmp_path / "lesions-2") in export.status.text() and messages.shown == []


@pytest.mark.parametrize(("path", "says"), [("", "No folder is chosen"), ("{}/no", "not a folder")])
def test_export_without_a_usable_folder_says_so(section, messages, tmp_path, path, says):
    from medai_panels.export_section import ExportSection

    written = []
    export = ExportSection(section, "lesions", written.append, "a report")
    export.path.setCurrentPath(path.format(tmp_path))
    export.button.click()
    assert says in messages.shown[0].text and written == []


def test_an_export_that_fails_shows_the_reason_and_no_link(section, messages, tmp_path):
    from medai_panels.export_section import ExportSection

    def fail(folder):
        raise OutputError(f"Can't write {folder}: the disk is full.")

    export = ExportSection(section, "lesions", fail, "a report")
    export.path.setCurrentPath(str(tmp_path))
    export.button.click()
    assert "the disk is full" in messages.shown[0].text and export.status.text() == ""


def test_errors_are_shown_as_one_line_and_the_unforeseen_without_a_traceback(messages, caplog):
    from medai_panels.shown_errors import shown_errors

    with shown_errors("Can't run."):
        raise InputError("ct: empty.")
    with shown_errors("Can't run."):
        raise KeyError("secret name")
    with shown_errors("Can't run."):
        raise CancelledError
    assert [m.text for m in messages.shown] == [
        "Can't run.\n\nct: empty.",
        "Can't run.\n\nUnexpected error (KeyError). The application log has the details.",
    ]
    assert all(m.details == "" for m in messages.shown)
    assert "Traceback" in caplog.text  # for the bug report


def test_pytorch_is_installed_only_after_asking_and_only_by_its_extension(messages, monkeypatch):
    import sys

    from medai_panels import pytorch

    present, calls = set(), []
    monkeypatch.setattr(pytorch, "find_spec", lambda name: name in present or None)
    with pytest.raises(MissingDependencyError, match="Extensions Manager"):
        pytorch.ensure_torch()
    assert messages.shown == []

    def install(**how):
        calls.append(how)
        present.update(("torch", "torchvision"))

    present.add("PyTorchUtils")
    monkeypatch.setitem(
        sys.modules,
        "PyTorchUtils",
        SimpleNamespace(PyTorchUtilsLogic=lambda: SimpleNamespace(installTorch=install)),
    )
    messages.answer = False
    with pytest.raises(CancelledError):
        pytorch.ensure_torch()
    assert calls == [] and "Install it now?" in messages.shown[0].text
    messages.answer = True
    pytorch.ensure_torch()
    assert calls == [{"askConfirmation": False, "torchVersionRequirement": ">=2.10"}]
    pytorch.ensure_torch()
    assert len(calls) == 1 and len(messages.shown) == 2  # there now: neither asked nor installed


def test_a_failed_installation_of_pytorch_says_where_to_look(messages, monkeypatch):
    import sys

    from medai_panels import pytorch

    monkeypatch.setattr(pytorch, "find_spec", lambda name: name == "PyTorchUtils" or None)
    logic = SimpleNamespace(installTorch=lambda **how: None)
    extension = SimpleNamespace(PyTorchUtilsLogic=lambda: logic)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    with pytest.raises(MissingDependencyError, match="could not be installed"):
        pytorch.ensure_torch()


def test_later_does_the_work_once_for_many_requests(slicer):
    import time

    from medai_panels.later import Later

    done = []
    later = Later(lambda: done.append(1))
    for _ in range(5):
        later.soon()
    end = time.monotonic() + 5
    while not done and time.monotonic() < end:
        events()
    assert done == [1]
    later.soon()
    later.cancel()
    time.sleep(0.06)
    events()
    assert done == [1]


def test_progress_that_says_more_than_everything_fills_the_bar(section):
    run = Run(section, steps=[Progress(1.5, "Almost")])
    run.press()
    run.tick()
    assert run.section.bar.value() == run.section.bar.maximum()


# The limit on GPU memory: one for the computer, whichever panel sets it.


@pytest.fixture
def gpu_memory(slicer):
    """The choice in an otherwise empty panel; the setting is gone afterwards."""
    import qt

    from medai_panels.gpu_memory import GpuMemoryChoice

    qt.QSettings().clear()
    made = []

    def choice():
        panel = qt.QWidget()
        panel.setLayout(qt.QVBoxLayout())
        made.append((GpuMemoryChoice(panel.layout()), panel))
        return made[-1][0]

    yield choice
    for one, _ in made:
        one.close()
    qt.QSettings().clear()


def test_gpu_memory_is_unlimited_until_someone_limits_it_for_all_panels(gpu_memory):
    from medai_panels.gpu_memory import gpu_memory_gb

    here, there = gpu_memory(), gpu_memory()
    assert here.spin.text() == "no limit" and gpu_memory_gb() is None
    here.spin.setValue(5.5)
    assert gpu_memory_gb() == 5.5
    there.refresh()
    assert there.spin.text() == "5.5 GB"
    assert gpu_memory().spin.value() == 5.5
    here.spin.setValue(0)
    assert gpu_memory_gb() is None


def test_a_damaged_setting_limits_nothing(gpu_memory):
    import qt

    from medai_panels.gpu_memory import gpu_memory_gb

    for value in ("many", "", "-3", "nan", ["1", "2"]):
        qt.QSettings().setValue("MedAI/gpuMemoryGb", value)
        assert gpu_memory_gb() is None
        assert gpu_memory().spin.text() == "no limit"


def test_the_limit_goes_with_each_study_to_the_process(gpu_memory):
    from medai.inference.worker.array_transfer import unpack
    from medai_panels.worker_logic import new_worker

    choice, worker = gpu_memory(), new_worker()
    try:
        limits = []
        for value in (0.0, 2.5):
            choice.spin.setValue(value)
            job = worker.submit("lesions", "study", "model", "options")
            limits.append(unpack(job.message.payload, worker._folder)[0][-1])
    finally:
        worker.close()
    assert limits == [None, 2.5]


def test_many_findings_that_replace_others_keep_the_window_for_less_than_a_tenth(section):
    """Qt measured every cell again for each one that was replaced: seconds for 300 lesions."""
    import qt

    from medai_panels.findings_table import FindingsTable

    widget = qt.QTableWidget()
    section.layout().addWidget(widget)
    columns = [("#", "number", "d"), ("mL", "volume", ",.1f"), ("Where", "zone", "")]
    table = FindingsTable(widget, columns, print)
    for factor in (1.0, 2.0, 3.0):
        events()
        before = time.thread_time()
        table.fill([(row, row * factor, "right lower") for row in range(300)])
        assert time.thread_time() - before < 0.1
    assert widget.rowCount() == 300 and widget.item(2, 1).text() == "6.0"
