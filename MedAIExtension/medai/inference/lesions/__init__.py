"""Lesion segmentation: a chest CT in, lesions, lungs and their burden out."""
