"""What the source papers report, number by number, and where they contradict themselves."""

from __future__ import annotations

from types import MappingProxyType

# S2, Table 2 (150 slices of the CNCB set): AP@0.5, AP@0.75, mAP[.5:.95]; minutes of training.
AVERAGE_PRECISION = MappingProxyType(
    {
        "R18": (0.3699, 0.2898, 0.3137),
        "R18-T1": (0.4995, 0.3778, 0.3932),
        "R18-T2": (0.4993, 0.3852, 0.3759),
        "R34": (0.5357, 0.3333, 0.3465),
        "R34-T1": (0.5988, 0.4506, 0.4476),
        "R34-T2": (0.4491, 0.3118, 0.3404),
        "R50, merged masks": (0.6192, 0.4522, 0.4468),
        "R50, separate masks": (0.5020, 0.4198, 0.3871),
    }
)
LESION_MINUTES = MappingProxyType(
    dict(
        zip(
            AVERAGE_PRECISION,
            (128.75, 108.8, 126.9, 119.23, 134.01, 129.2, 137.38, 145.54),
            strict=True,
        )
    )
)
# S2, Table 3 (21,192 slices of COVIDx-CT), percent: COVID-19, pneumonia, normal, overall.
CLASS_SENSITIVITY = MappingProxyType(
    {
        "R18": (87.51, 77.31, 74.57, 78.18),
        "R18-T1": (91.35, 91.63, 96.98, 93.95),
        "R18-T2": (84.05, 85.81, 93.01, 88.66),
        "R34": (86.98, 94.27, 71.12, 82.45),
        "R34-T1": (91.76, 91.70, 94.36, 92.89),
        "R34-T2": (89.25, 93.32, 92.11, 91.99),
        "R50, merged masks": (92.68, 96.69, 97.74, 96.63),
        "R50, separate masks": (93.88, 95.06, 96.91, 95.64),
    }
)
MASK_NET_MINUTES = MappingProxyType(
    dict(
        zip(
            CLASS_SENSITIVITY,
            (151.2, 106.6, 113.66, 163.81, 144.73, 112.6, 430.0, 460.0),
            strict=True,
        )
    )
)
# S4: accuracy on a random tenth of COVID-CT, percent; confusion matrices as (COVID-19 called
# COVID-19, COVID-19 missed, other called COVID-19, other called other).
SHAH_ACCURACY = MappingProxyType(
    {
        "CTnet-10": 82.1,
        "VGG-19": 94.52,
        "VGG-16": 93.15,
        "DenseNet-169": 93.15,
        "ResNet-50": 60.0,
        "Inception-V3": 53.4,
    }
)
SHAH_FIRST_STAGE = MappingProxyType({"VGG-19": 91.78, "VGG-16": 89.0})
SHAH_MATRICES = MappingProxyType(
    {
        "VGG-19": (32, 2, 2, 37),
        "CTnet-10": (28, 7, 6, 32),
        "VGG-16": (30, 4, 4, 35),
        "DenseNet-169": (31, 3, 2, 37),
        "ResNet-50": (29, 5, 0, 39),
        "Inception-V3": (0, 34, 0, 39),
    }
)
# S5: validation set (221 eyes) and development set (84 eyes).
CATARACT = MappingProxyType(
    {
        "clear mean ± SD": ("0.024 ± 0.077", "0.002 ± 0.003"),
        "cataract mean ± SD": ("0.479 ± 0.230", "0.625 ± 0.236"),
        "AUC": ("0.98", "1.00"),
        "threshold": ("0.14", "0.19"),
        "sensitivity": ("0.944", "1.000"),
        "specificity": ("0.947", "1.000"),
    }
)
# S5, Table 1: age and logMAR visual acuity, p between the sets.
CATARACT_PATIENTS = MappingProxyType(
    {
        "age, clear lens": ("34.6 ± 10.0", "38.0 ± 10.0", "0.01"),
        "age, cataract": ("73.4 ± 11.5", "70.4 ± 8.4", "0.07"),
        "logMAR BCVA, clear lens": ("0.00 ± 0.00", "0.00 ± 0.00", "> 0.05"),
        "logMAR BCVA, cataract": ("0.27 ± 0.30", "0.31 ± 0.20", "0.10"),
    }
)
# S3 (four raters, 80 photographs, of which 71 in the agreement summaries).
ECZEMA = MappingProxyType(
    {
        "images left out": "9 of 80",
        "pixel ICC, mean (SE)": "0.45 (0.04)",
        "images with pixel ICC < 0.5": "56 %",
        "images with pixel ICC > 0.9": "11 %",
        "pixel ICC and alpha, r": "0.879 (0.812–0.923)",
        "extent ICC": "0.440 (0.313–0.555)",
        "rater accuracy, mean ± SE": "0.806 ± 0.015",
    }
)

NOTES = MappingProxyType(
    {
        "1": (),
        "2": (
            "The paper gives R18-T1's mAP as 0.3932 (Table 2) and 0.4269 (text), and 500 (text) or "
            "600 (Table 1) slices to train on; the lists published with its code name 645 and 100.",
            "The paper's average precision is \"per image, scores ≥ 0.75\"; the cards' figures are "
            "COCO's, which count every score and all pictures together.",
        ),
        "3": (
            "The paper gives R50's accuracy as 96.63 (table) and 96.33 (its source): the confusion "
            "matrix published with its code (20,414 of 21,191 right) says 96.33.",
        ),
        "shah": (
            "The paper contradicts itself: ResNet-50's confusion matrix (29 of 34, 39 of 39) says "
            "93.15 %, its text and Fig. 5 say 60 %. CTnet-10 is given as 82.1 and 84 %; its matrix "
            "(28 of 35, 32 of 38) says 82.2 %. VGG-16's 89 % is its matrix, 93.15 % its second "
            "stage.",
            "A random tenth leaks patients into the test part; the official split is by patient.",
        ),
        "cataract": ("The paper's development set was also what its network learned from.",),
        "eczema": (
            "Agreement is fitted by the Laplace approximation here, as published; it can be far "
            "off where little is marked. The extent ICC is over all images, as the published "
            "script has it.",
        ),
    }
)
