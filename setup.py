"""Mounts two top-level folders as sub-packages; the rest of the metadata is in pyproject.toml."""

from setuptools import find_packages, setup

MOUNTED = {"pc3dad.cli": "cli", "pc3dad.baselines": "baselines"}

packages = find_packages(include=["pc3dad", "pc3dad.*"])
for name, folder in MOUNTED.items():
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(folder))]
setup(packages=packages, package_dir=MOUNTED)
