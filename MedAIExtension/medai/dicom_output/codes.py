"""The coded concepts of results: structures from the shipped terminology, measurements, units."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.coding import Code

from medai.errors import InputError
from medai.terminology import terminology_entry

# What no standard dictionary has a code for; a designator that starts with 99 is private
# (DICOM PS3.16, 8.2).
_PRIVATE = "99MEDAI"
PERCENTAGE_OF_OPACITY = Code("PO", _PRIVATE, "Percentage of opacity of the lung volume")
PERCENTAGE_OF_HIGH_OPACITY = Code(
    "PHO", _PRIVATE, "Percentage of lesion of -200 HU and more of the lung volume"
)
LESION_SCORE = Code("SCORE", _PRIVATE, "Mean probability of lesion of its voxels")
CT_OF_CHEST = Code("169069000", "SCT", "Computed tomography of chest")
MILLILITER = Code("ml", "UCUM", "milliliter")
PERCENT = Code("%", "UCUM", "percent")
NO_UNIT = Code("1", "UCUM", "no units")


@dataclass(frozen=True)
class StructureCodes:
    """Category, type and laterality of a structure; laterality None where it has none."""

    category: Code
    kind: Code
    modifier: Code | None


def structure_codes(name: str) -> StructureCodes:
    """The codes of a structure of the shipped terminology ("consolidation", "right lung", …), or
    of a "lung" without a side.

    Raises InputError for a name without a code.
    """
    if name == "lung":
        right = structure_codes("right lung")
        return StructureCodes(right.category, right.kind, None)
    entry = terminology_entry(name)
    if not entry:
        raise InputError(f"{name!r} has no code in the terminology.")
    category, kind, modifier = entry.split("~")[1:4]
    return StructureCodes(
        _code(category), _code(kind), _code(modifier) if modifier != "^^" else None
    )


def _code(text: str) -> Code:
    scheme, value, meaning = text.split("^")
    return Code(value, scheme, meaning)
