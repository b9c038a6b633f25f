"""The architectures, torch only; all randomly initialised, nothing is downloaded.

Every network takes *normalised* images; mean and standard deviation are the model card's.
"""

from __future__ import annotations

from medai.networks.covid_mask_net import CovidMaskNet, covid_mask_net
from medai.networks.ctnet10 import CTnet10, ctnet10
from medai.networks.efficientnet_lite import EfficientNetLite, efficientnet_lite
from medai.networks.encoder_unet import EncoderUNet, encoder_unet
from medai.networks.lesion_mask_rcnn import LesionMaskRCNN, lesion_mask_rcnn
from medai.networks.lung_classifier import LungClassifier, lung_classifier
from medai.networks.parameters import ParameterCount, count_parameters
from medai.networks.radiograph_net import RadiographNet, radiograph_net
from medai.networks.transfer_classifier import transfer_classifier
from medai.networks.unet import UNet, unet
from medai.networks.unet_classifier import UNetClassifier, unet_classifier

__all__ = [
    "CTnet10",
    "CovidMaskNet",
    "EfficientNetLite",
    "EncoderUNet",
    "LesionMaskRCNN",
    "LungClassifier",
    "ParameterCount",
    "RadiographNet",
    "UNet",
    "UNetClassifier",
    "count_parameters",
    "covid_mask_net",
    "ctnet10",
    "efficientnet_lite",
    "encoder_unet",
    "lesion_mask_rcnn",
    "lung_classifier",
    "radiograph_net",
    "transfer_classifier",
    "unet",
    "unet_classifier",
]
