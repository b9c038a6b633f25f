"""Every command line of the README and the pages is run as it stands there, or says why not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.cli import run
from medai.images import lung_window, write_volume
from medai.phantoms.lens_oct import lens_oct
from Testing.commands.bad_inputs import PHANTOM, make_bad_inputs

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "Resources" / "Documentation").glob("*.md")))

# As on the page -> as typed in the desk's folder, and what is printed. In this order: later ones
# use what earlier ones wrote.
RUN = {
    "medai doctor": ("medai doctor", "models: "),
    "medai models list": ("medai models list", "Models of your own are kept in "),
    "medai models show ID": ("medai models show lesions-unet", "[maturity]"),
    "medai models add net.pt --card card.toml": (
        "medai models add model/weights.pt --card model/card.toml",
        "Added model: ",
    ),
    "medai segment STUDY -o OUT": ("medai segment chest.nrrd -o OUT/segment", " % of lung"),
    "medai measure STUDY --lesions MASK -o OUT": (
        "medai measure chest.nrrd --lesions OUT/segment/lesions.seg.nrrd -o OUT/measure",
        " % of lung",
    ),
    "medai measure STUDY --lesions MASK [--lungs MASK] -o OUT": (
        "medai measure chest.nrrd --lesions mask.nrrd --lungs lungs.nrrd -o OUT/lungs",
        " % of lung",
    ),
    "medai classify STUDY… -o OUT": (
        "medai classify patient1/a.png patient1/b.png -o OUT/pictures",
        "b.png: ",
    ),
    "medai cataract IMAGE… -o OUT": ("medai cataract scans -o OUT/eyes", "cataract fraction"),
    "medai prognosis PATIENT.csv -o OUT": ("medai prognosis clinic.csv -o OUT/scores", "CURB-65"),
    "medai agree SCORES.csv -o OUT": ("medai agree scores.csv -o OUT/agree", "alpha"),
    "medai study create STUDY images/ --raters AB,CD,EF,GH --labels lesion --regions skin/ "
    "--covariates table.csv --repeat 0.2 --seed 1 "
    '--instructions "Outline every inflamed area of the skin."': (
        "medai study create STUDY images --raters AB,CD,EF,GH --labels lesion --repeat 0.2 "
        '--seed 1 --instructions "Outline every inflamed area of the skin."',
        "for AB, CD, EF, GH.",
    ),
    "medai study status STUDY": ("medai study status STUDY", "0 of "),
    "medai study check STUDY": ("medai study check STUDY", ""),
    "medai study check STUDY --repair": (
        "medai study check STUDY --repair",
        "files of unfinished saves removed",
    ),
}

_SAME = "as another line here, with other options or files"
_HOURS = "takes minutes to hours, or installs"
_CLUSTER = "needs a cluster or a network address"
_NAME = "names a command in a sentence, without its input"
_OWN = "has a test of its own with the files it needs"
# As on the page -> why it is not run here.
NOT_RUN = {
    "make demo": _HOURS,
    "make test": _HOURS,
    "make fuzz": _HOURS,
    "make audit": _HOURS,
    "make sbom": _HOURS,
    "medai demo": _HOURS,
    "medai demo -o OUT": _HOURS,
    "medai agree": _NAME,
    "medai batch": _NAME,
    "medai segment": _NAME,
    "medai xray": _NAME,
    "medai models add": _NAME,
    "medai models import": _NAME,
    "medai study check": _NAME,
    "medai study key": _NAME,
    "medai study dashboard STUDY -o progress.html": _OWN,
    "medai study serve": _NAME,
    "medai models list | show ID | verify | add | import": _NAME,
    "medai study create | import | check | status | export | invite | serve": _NAME,
    "medai batch --scheduler": _CLUSTER,
    "medai batch --scheduler tls://…": _CLUSTER,
    "medai agree STUDY -o OUT": _OWN,
    "medai agree STUDY -o OUT --gold right_answers/ [--key KEY.csv] [--gold-foreground 255]": _OWN,
    "medai batch LIST.csv --task segment -o OUT": _OWN,
    "medai batch LIST.csv --task segment -o OUT --workers 4": _OWN,
    "medai batch LIST.csv --task prognosis": _OWN,
    "medai cataract scans/ -o result/": _SAME,
    "medai cataract 1.png 2.png -o result/ --eye right --spacing-um 7.7 7.4": _SAME,
    "medai cataract scans/ -o result/ --eyes eyes.csv --crop center --flip-average --json": _SAME,
    "medai classify patient1/ -o OUT": _SAME,
    "medai classify patient1/*.png -o OUT": _SAME,
    "medai models accept ID": _OWN,
    "medai models add FOLDER/NAME/weights.pt": _OWN,
    'medai models import FILE --as KIND --id NAME --licence "…" -o FOLDER': _OWN,
    "medai study add STUDY --raters IJ,KL": _OWN,
    "medai study add STUDY more_images/": _OWN,
    "medai study revoke STUDY AB": _OWN,
    "medai study export STUDY -o OUT": _OWN,
    "medai study export STUDY -o OUT --as masks|coco|nnunet|bids|csv "
    '--license "CC BY 4.0, Jane Doe"': _OWN,
    "medai study import STUDY crops.npz": _OWN,
    "medai study import STUDY masks/ --images pictures/ --preview": _OWN,
    "medai study import STUDY masks/ --images pictures/ [--labels lesion,scar] "
    "[--foreground 255]": _OWN,
    "medai xray IMAGE… -o OUT": _OWN,
    "medai xray film.dcm -o OUT": _OWN,
    "medai xray before.png after.png -o OUT --reader 0,1,1,0,0,1 --reader 0,2,2,0,1,2": _OWN,
}


def commands_of(text: str) -> list[str]:
    """The command lines of a page: in blocks of code, and in its sentences."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = [re.split(r"\s+#", line)[0] for line in lines] + re.findall(r"`([^`]+)`", rest)
    plain = (" ".join(each.split()) for each in found)
    return [each for each in plain if re.match(r"(medai|make) \w", each)]


def test_every_line_of_the_pages_is_run_or_says_why_not():
    on_pages = {line for page in PAGES for line in commands_of(page.read_text(encoding="utf-8"))}
    assert on_pages - RUN.keys() - NOT_RUN.keys() == set()
    assert (RUN.keys() | NOT_RUN.keys()) - on_pages == set()
    assert RUN.keys() & NOT_RUN.keys() == set()


def test_command_lines_are_found_in_blocks_and_sentences():
    page = (
        "Try `medai doctor` or\n```\nmedai segment A \\\n  -o B   # quick\nls\n```\n`medai.api`\n"
    )
    assert commands_of(page) == ["medai segment A -o B", "medai doctor"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a synthetic chest, pictures, scans, a patient's values and scores."""
    folder = tmp_path_factory.mktemp("desk") / "in"
    make_bad_inputs(folder)
    for name in ("patient1", "scans", "images"):
        (folder / name).mkdir()
    for name, index in (("a", 5), ("b", 7)):
        picture = Image.fromarray(lung_window(PHANTOM.volume.array[index]))
        picture.save(folder / "patient1" / f"{name}.png")
        picture.save(folder / "images" / f"{name}.png")
    scan = lens_oct(seed=2).volume.array[0]
    Image.fromarray(scan).save(folder / "scans" / "OD_1.png")
    _lungs(folder / "lungs.nrrd")
    (folder / "clinic.csv").write_text(
        "age,sex,confusion,urea (mmol/L),respiratory_rate,systolic_bp,diastolic_bp,spo2\n"
        "70,male,no,9,24,118,76,91\n"
    )
    rows = [
        f"{image},{rater},{image % 3 + (rater == 'CD' and image % 4 == 0)}"
        for image in range(1, 13)
        for rater in ("AB", "CD")
    ]
    (folder / "scores.csv").write_text("image,rater,score\n" + "\n".join(rows) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder.parent / "user"))
        patch.chdir(folder)
        yield folder


def _lungs(path: Path) -> None:
    lungs = PHANTOM.lungs.astype(np.uint8)
    write_volume(replace(PHANTOM.volume, array=lungs, modality="", name="lungs"), path)


def test_each_line_of_the_pages_does_what_the_page_says(desk, capsys):
    for line, (typed, words) in RUN.items():
        status = run(shlex.split(typed)[1:])
        said = capsys.readouterr()
        assert status == 0, f"{line}: {said.err}"
        assert words in said.out, line
