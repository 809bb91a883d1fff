"""Tools for authors of plug-ins: golden cases and fixtures."""
