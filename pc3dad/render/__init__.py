"""Renderer: a cloud to views from one camera, and values of pixels back to points (docs/renderer.md)."""
