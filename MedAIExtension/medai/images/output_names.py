"""What a study, a scan or a picture is called in outputs: as its file, or by an alias.

Hospitals name files and folders after patients. What MedAI writes is passed on more freely than
the images themselves, so a name that may tell who the patient is never gets into a report, a
table, a scene or a log unless the user asks for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from medai.errors import InputError
from medai.images.study_origin import StudyOrigin, tells_identifier
from medai.plain_text import one_line

NameRule = Literal["files", "aliases"]
NAME_RULES: tuple[NameRule, ...] = ("files", "aliases")

# Words that name files of images and are nobody's name. Whatever else is spelled in letters may
# be one.
_IMAGING_WORDS = frozenset(
    """
    abc abdomen acquisition acute adjusted admission after aligned and annot anon anonymised
    anonymized anonymous anterior archive ards area arm arterial artificial ascan asoct axial
    background bad bare baseline batch before belly big biopsy bit black blank blind block bmp
    body bone both bottom bowel brain breath bright brixia broken bscan bz case cases cat
    cataract cavitating center centre chest child chncxr cip class classes classify clean clear
    clinic clinical coarse cohort color colour consensus consolidation contrast control convex
    copy cornea coronacases coronal correct covid covidct crop cropped csv cxr damaged dat data
    dataset day dcm deep deflated deid deidentified demo derived dermoscopy diaphragm dicom
    dicomdir disease distress dose draft dual dup eczema edge eight empty enhanced exam example
    expected expiration export extra extubation eye eyes factor fake fast file files final fine
    first five fixed flat flip flipped flu folder follow followup foot for found four fractions
    frame full gantry ggo glass good gray grey grid ground group guide half hand hard head
    healthy heart helical hidden high hip hospital huge ibsi image images img index infection
    infer input inspiration inverted iris iso item jkms jpeg jpg json kaggle kernel key kidney
    kjr knee known label labels large later lateral layer left leg legionella lens lesion
    lesions level license lidc light line linear liver lobe lobes localizer low lps lrg luna
    lung lungs lus main manifest map mask masks mean measure med medai median mediastinum merged
    mha mhd mild mirror mirrored missing mixed model moderate mono montage mosaic mosmed mri msd
    multi multiframe nan native neck new nhdr nifti nii nine nodule noise noncovid none nonlung
    normal notes nothing npz nrrd nuclear number oct od odd old one opacity opt orbit org orig
    original os other ours out outlines output overlay own page pages palette panel part pass
    patient patients paving pelvis phantom phase photo physionet picture pictures pixel pixels
    plain plane pmc pneumococcal pneumocystis pneumomediastinum pneumonia pneumothorax png
    positive post posterior pre prediction predictions prior probability probe progressive
    project prone pseudonym pupil qform quality quarter radial radiol radiomics radiopaedia
    rapidly ras rater raters raw read readers readme real recon reconstruction reference region
    report resampled rescaled research respiratory result results rgb right rle roc roi rotated
    row ryct sagittal sample samples sars scaled scan scans scene score scores screening second
    sector seg segment segmentation segmented sequence series set seven severe severity sform
    sharp shifted short side singapore single site six skin slice slices slit small smooth soft
    source spacing spine spiral split stack standard std step stored stray studies study subject
    subjects supine symptoms syndrome synthetic tab table target tcia temp template ten test
    tests the theirs thick thin third thorace thorax three tiff tiny tissue tmp toml top
    totalsegmentator toy trachea train training transposed trauma tri trial truncated truth tube
    turned two txt uint ultrasound unknown upper usual val valid validation variables vein
    venous version vessel video view views visit volume volumes voxel ward whole wide window
    with without writing wrong xray year zenodo zeros zip zone
    """.split()  # noqa: SIM905 (a list of so many words has as many lines)
)
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")
# Eight digits that are a day of somebody's life, also with separators.
_DAY = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-._]?(?:0[1-9]|1[0-2])[-._]?(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])[-._]?(?:0[1-9]|1[0-2])[-._]?(?:19|20)\d\d)(?!\d)"
)
_SUFFIX = re.compile(
    r"(?:\.seg\.nrrd|\.nii\.gz|\.(?:nrrd|nhdr|nii|mha|mhd|dcm|png|jpe?g|tiff?|bmp))$",
    re.IGNORECASE,
)
_LEAST_LATIN_LETTERS = 3


def parse_name_rule(text: str | None) -> NameRule | None:
    """The rule a user wrote, None for none. Raises InputError."""
    if text is None or text in NAME_RULES:
        return text
    raise InputError(f"--names is {text!r}, expected files or aliases.")


def output_name(
    path: Path | str,
    number: int = 1,
    rule: NameRule | None = None,
    *,
    origin: StudyOrigin | None = None,
    kind: str = "study",
) -> str:
    """What the input at ``path`` is called in everything that is written about it.

    number: its place among the inputs, from 1, for its alias (``study-0001``).
    rule: "files" always takes the file's or folder's name, "aliases" never; None takes it unless
        ``may_identify`` says that it may tell who the patient is.
    origin: of the DICOM study, whose identifiers are looked for in the name.
    kind: the alias's word.

    Control and direction characters are taken out of a name that is kept.
    """
    name = Path(path).name or Path(path).resolve().name
    if rule == "aliases" or (rule is None and may_identify(name, origin)):
        return f"{kind}-{number:04d}"
    return one_line(name)


def output_names(
    paths: Sequence[Path | str],
    rule: NameRule | None = None,
    *,
    origins: Sequence[StudyOrigin | None] = (),
    kind: str = "study",
) -> tuple[str, ...]:
    """``output_name`` of each input; inputs of one name in different folders are told apart."""
    names: list[str] = []
    known = list(origins) or [None] * len(paths)
    for number, (path, origin) in enumerate(zip(paths, known, strict=True), start=1):
        name = output_name(path, number, rule, origin=origin, kind=kind)
        same = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return tuple(names)


def may_identify(name: str, origin: StudyOrigin | None = None) -> bool:
    """Whether a file's or folder's name may tell who the patient is.

    It does when it holds an identifier of the DICOM study (ID, a part of the name, birth date), a
    date, or a word that isn't one of imaging: three letters of the Latin alphabet or more, two of
    another. Letters joined to digits (``SSA002``) are a code, not a name.
    """
    stem = unicodedata.normalize("NFC", _SUFFIX.sub("", name))
    if origin is not None and tells_identifier(stem, origin):
        return True
    if "^" in stem or _DAY.search(stem):
        return True
    return any(_is_name_like(word) for word in _WORD.findall(_camel_parted(stem)))


def without_identifying(text: str, path: Path, name: str, beside: Path) -> str:
    """``text`` with every mention of the study at ``path`` as ``name``, where it may name somebody.

    For reasons that readers give about a study whose path must not get into a table. beside: where
    the table lies. Folders that hold both are checked less strictly: only dates and words that
    aren't in small letters count there.
    """
    whole = path.absolute()
    shared = set(beside.absolute().parts)
    names = (
        [*whole.parts, *(file.name for file in path.rglob("*"))] if path.is_dir() else whole.parts
    )
    told = {n for n in names if may_identify(n) and not (n in shared and n.islower())}
    if any(part in told for part in whole.parts):
        told |= {str(path), str(whole), str(path.resolve())}
    for words in sorted(told - {whole.anchor}, key=len, reverse=True):
        pattern = rf"(?<![^\W_]){re.escape(words)}(?![^\W_])"
        text = re.sub(pattern, lambda _: name, text)
    return text


def _camel_parted(text: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)


def _is_name_like(word: str) -> bool:
    least = _LEAST_LATIN_LETTERS if word.isascii() else 2
    return len(word) >= least and word.casefold() not in _IMAGING_WORDS
