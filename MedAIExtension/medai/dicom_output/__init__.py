"""Results as DICOM objects that a PACS takes: segmentations (SEG) and measurements (SR)."""
