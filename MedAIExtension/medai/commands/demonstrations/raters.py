"""Twelve photographs, outlined by four simulated raters, go in; how well they agree comes out."""

from __future__ import annotations

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun


def demonstrate(run: DemoRun) -> Demonstration:
    """Make a study, analyse it, and show the image that the raters agree on least."""
    from medai.agreement import raters_needed
    from medai.palette import rater_line
    from medai.progress import Progress
    from medai.reports.agreement import summary_of
    from medai.reports.agreement_examples import example_pictures
    from medai.reports.rater_agreement import (
        AgreementOptions,
        measure_agreement,
        write_study_agreement,
    )
    from medai.studies import phantom_study, study_ratings

    study = phantom_study(run.folder / "study", cancelled=run.cancelled)
    run.progress(Progress(0.3, "measuring agreement"))
    analysis = measure_agreement(
        study_ratings(study), None, AgreementOptions(), cancelled=run.cancelled
    )
    run.progress(Progress(0.7, "writing the report"))
    (run.folder / "agreement").mkdir()
    write_study_agreement(analysis, run.folder / "agreement")
    report = analysis.report
    worst = report.examples[0]
    lines = {rater: rater_line(k) for k, rater in enumerate(study.protocol.raters)}
    colors = {rater: line.color for rater, line in lines.items()}
    if run.has_scene and worst.picture is not None:
        from medai import scene
        from medai.scene.agreement import show_raters

        node = scene.show_volume(worst.picture)
        show_raters(worst.ratings, colors, node)
    agreement = report.cohort.summary("pixel_icc") or {}
    needed = raters_needed(agreement["mean"])
    oneself = min(row["dice"] for row in analysis.repeat_rows)
    return Demonstration(
        title="How well raters agree",
        sentences=(
            report.cohort.sentence,
            f"A consensus with a reliability of 0.9 takes {needed} such raters. On images that "
            f"came back unannounced, raters overlap with themselves by a Dice of {oneself:.2f} "
            "or more.",
            "The raters are simulated: each has a bias and a hand of a certain roughness, misses "
            "some lesions and sees some that are not there.",
        ),
        pictures=tuple(example_pictures(worst, lines)),
        links=(
            ("raters/agreement/report.html", "The full report"),
            ("raters/agreement/images.csv", "Every image as a table"),
            ("raters/study/study.toml", "The study that it was made from"),
        ),
        summary=summary_of(report),
    )
