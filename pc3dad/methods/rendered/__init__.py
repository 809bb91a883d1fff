"""What detectors share that look at rendered views: PointAD, GS-CLIP, Align3D-AD."""
