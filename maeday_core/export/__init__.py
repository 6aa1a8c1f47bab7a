"""Models for other programs: as ONNX or OpenVINO's format, with a program that runs them without PyTorch."""
