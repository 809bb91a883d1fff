"""Cards: light descriptions of methods, data sets and weights that import nothing heavy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pc3dad.types import Regime

SLUG_PATTERN = r"^[a-z][a-z0-9_]*$"


class Card(BaseModel):
    """Common part of all cards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str = Field(pattern=SLUG_PATTERN, description="name on the command line and in tables")
    title: str = Field(min_length=3, description="one line for people")


class ConfiguredCard(Card):
    """A card of something that has options."""

    config: str = Field(pattern=r":", description='"module:Class" of the configuration')


class MethodCard(ConfiguredCard):
    """Describes a detector.

    `method` and `config` are "module:Class"; a leading dot means a module of the card's own package.
    """

    regime: Regime = Field(description="what the method may see before it scores the target category")
    inputs: tuple[str, ...] = Field(
        min_length=1, description="what it reads of a sample: xyz, rgb, normals, image"
    )
    outputs: tuple[str, ...] = Field(min_length=1, description="what it scores: object, point")
    deterministic: bool = Field(description="True if the seed changes nothing")
    revision: int = Field(
        ge=1, description="raised whenever scores change, so that stored cells are not reused"
    )
    method: str = Field(pattern=r":", description='"module:Class" of the method')
    imports: str = Field(
        default="",
        pattern=r"^$|:",
        description='"module:function" that reads files of the authors; empty if there is none',
    )
    preset: str = Field(
        default="default", description="preset whose values are the defaults of the configuration"
    )
    paper: str = Field(
        default="", description="citation or address of the paper; empty for baselines of our own"
    )
    extras: tuple[str, ...] = Field(default=(), description="installation extras that it needs")
    weights: tuple[str, ...] = Field(default=(), description="slugs of the weights that it loads")
    invariances: tuple[str, ...] = Field(
        default=(), description="claims that the contract tests: rotation, translation, scale, permutation"
    )
    deviations: tuple[str, ...] = Field(default=(), description="where it departs from its paper, and why")


class DatasetCard(ConfiguredCard):
    """Describes a data set. `dataset` and `config` are "module:Class" as in `MethodCard`."""

    licence: str = Field(min_length=2, description="licence as its owners state it, shown before use")
    source: str = Field(description="page where a person gets it; empty if it is made or owned by the user")
    unit: str = Field(description="unit of the coordinates; 'file' if the files decide")
    dataset: str = Field(pattern=r":", description='"module:Class" of the loader')
    categories: tuple[str, ...] = Field(
        default=(), description="all categories of the full set; empty if any"
    )
    auxiliary: tuple[str, ...] = Field(
        default=(), description="training categories of one-vs-rest if none are named"
    )
    organised: bool = Field(default=False, description="True if clouds are images of points")
    needs_root: bool = Field(default=True, description="False if it is generated")
    revision: int = Field(default=1, ge=1, description="raised whenever samples or labels change")
    download: str = Field(default="", description="address of the files themselves, where it is another one")
    size: str = Field(default="", description="of the download, and unpacked")
    counts: str = Field(default="", description="samples per split, in words")
    layout: str = Field(default="", description="expected folders and files")
    notes: tuple[str, ...] = Field(default=(), description="traps, and what is untested")
    published: tuple[str, ...] = Field(
        default=(), description="what published works do to it before they score"
    )


class WeightsFile(BaseModel):
    """A file of weights as its owners publish it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=3, description="name of the file")
    form: Literal["safetensors", "torch", "torchscript"] = Field(
        description="safetensors; torch: a pickled state dict; torchscript: an archive that holds code"
    )
    address: str = Field(default="", description="where it is downloaded; empty if it is only read")
    hub: str = Field(default="", description="repository on the Hugging Face hub whose local copy is used")
    sha256: str = Field(
        default="",
        pattern=r"^([0-9a-f]{8}|[0-9a-f]{64})?$",
        description="published digest, whole or its first eight digits; empty if nobody published one",
    )
    bytes: int = Field(default=0, ge=0, description="exact size; 0 if it is not known")
    size: str = Field(default="", description="size in words where the exact one is not known")


class WeightsCard(Card):
    """Describes weights of a network.

    `files` are alternatives, the one to download first. What is read are the `parts`, safetensors in a folder
    of their own, made of any of those files by `pc3dad weights import`.
    """

    kind: Literal["image-text", "text", "point-language", "points"] = Field(
        description="what the network turns into features"
    )
    architecture: str = Field(
        min_length=3, description="name of the architecture; that of open_clip where it builds the network"
    )
    tag: str = Field(default="", description="open_clip's name of these weights; empty where it has none")
    licence: str = Field(min_length=2, description="licence as its owners state it, shown before use")
    source: str = Field(description="page of its owners")
    training: str = Field(min_length=3, description="what it was trained on")
    inputs: str = Field(min_length=3, description="layout of what it reads")
    reader: str = Field(min_length=3, description="what reads these weights")
    files: tuple[WeightsFile, ...] = Field(min_length=1, description="files as published")
    revision: str = Field(default="", description="of the repository; empty if none is pinned")
    parts: tuple[str, ...] = Field(default=("model.safetensors",), min_length=1, description="what is read")
    packaged: str = Field(default="", description="package whose folder `weights` ships the parts")
    checks: str = Field(
        default="", pattern=r"^$|:", description='"module:function" that recomputes its quality'
    )
    notes: tuple[str, ...] = Field(default=(), description="traps, and what is untested")
