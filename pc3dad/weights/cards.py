"""Cards of all weights; importing them reads and loads nothing. What nobody stated is said to be unknown."""

from pc3dad.cards import WeightsCard, WeightsFile
from pc3dad.config import nearest
from pc3dad.errors import ConfigError

OPENAI = "https://openaipublic.azureedge.net/clip/models"
HUB = "https://huggingface.co"
OPENAI_TRAINING = "400 million image-text pairs that OpenAI collected and did not publish"
RECORDED = "nobody published a digest: it is recorded at the first import and compared from then on"
HUB_FILE = "open_clip_model.safetensors"
"""Name of the weights in repositories that open_clip reads."""


def _clip_inputs(size: int) -> str:
    """Layout of pictures and sentences of a CLIP model."""
    return f"RGB {size} x {size}, bicubic, mean and deviation of CLIP; text: CLIP's BPE, 77 tokens"


def _openai(
    slug: str, title: str, *, architecture: str, name: str, sha256: str, hub: str, size: str, pixels: int
) -> WeightsCard:
    """A CLIP model of OpenAI: its own archive, or the copy of its tensors on the hub."""
    return WeightsCard(
        slug=slug,
        title=title,
        kind="image-text",
        architecture=architecture,
        tag="openai",
        licence="MIT",
        source="https://github.com/openai/CLIP",
        training=OPENAI_TRAINING,
        inputs=_clip_inputs(pixels),
        reader="the image-text encoder",
        files=(
            WeightsFile(
                name=name, form="torchscript", address=f"{OPENAI}/{sha256}/{name}", sha256=sha256, size=size
            ),
            WeightsFile(name=HUB_FILE, form="safetensors", hub=hub),
        ),
        notes=(
            "the archive holds code, which reading runs: it is read only if its digest is the published one",
            "needs QuickGELU: without it the features are wrong, so the architecture names it",
            f"of {HUB_FILE} {RECORDED}",
        ),
    )


CLIP_VIT_L_14_336 = _openai(
    "clip_vit_l_14_336",
    "CLIP ViT-L/14 at 336 pixels, by OpenAI",
    architecture="ViT-L-14-336-quickgelu",
    name="ViT-L-14-336px.pt",
    sha256="3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    hub="timm/vit_large_patch14_clip_336.openai",
    size="about 891 MiB",
    pixels=336,
)

CLIP_VIT_L_14 = _openai(
    "clip_vit_l_14",
    "CLIP ViT-L/14 at 224 pixels, by OpenAI",
    architecture="ViT-L-14-quickgelu",
    name="ViT-L-14.pt",
    sha256="b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    hub="timm/vit_large_patch14_clip_224.openai",
    size="about 890 MiB",
    pixels=224,
)

CLIP_VIT_B_16 = _openai(
    "clip_vit_b_16",
    "CLIP ViT-B/16 at 224 pixels, by OpenAI",
    architecture="ViT-B-16-quickgelu",
    name="ViT-B-16.pt",
    sha256="5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    hub="timm/vit_base_patch16_clip_224.openai",
    size="about 335 MiB",
    pixels=224,
)

CLIP_VIT_B_32 = _openai(
    "clip_vit_b_32",
    "CLIP ViT-B/32 at 224 pixels, by OpenAI",
    architecture="ViT-B-32-quickgelu",
    name="ViT-B-32.pt",
    sha256="40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    hub="timm/vit_base_patch32_clip_224.openai",
    size="about 338 MiB",
    pixels=224,
)

CLIP_VIT_B_16_PLUS_240 = WeightsCard(
    slug="clip_vit_b_16_plus_240",
    title="ViT-B/16+ at 240 pixels, by open_clip",
    kind="image-text",
    architecture="ViT-B-16-plus-240",
    tag="laion400m_e31",
    licence="open_clip: MIT; of the weights themselves: not stated",
    source="https://github.com/mlfoundations/open_clip",
    training="LAION-400M, 31 epochs",
    inputs=_clip_inputs(240),
    reader="the image-text encoder",
    files=(
        WeightsFile(
            name="vit_b_16_plus_240-laion400m_e31-8fb26589.pt",
            form="torch",
            address="https://github.com/mlfoundations/open_clip/releases/download/v0.2-weights/"
            "vit_b_16_plus_240-laion400m_e31-8fb26589.pt",
            sha256="8fb26589",
            size="about 0.8 GB",
        ),
        WeightsFile(
            name=HUB_FILE, form="safetensors", hub="timm/vit_base_patch16_plus_clip_240.laion400m_e31"
        ),
    ),
    revision="v0.2-weights",
    notes=(
        "of the digest only the first eight digits are published",
        "exact GELU, not QuickGELU",
        f"of {HUB_FILE} {RECORDED}",
    ),
)

CLIP_VIT_BIGG_14_TEXT = WeightsCard(
    slug="clip_vit_bigg_14_text",
    title="Text half of ViT-bigG/14, by LAION",
    kind="text",
    architecture="ViT-bigG-14",
    tag="laion2b_s39b_b160k",
    licence="MIT by an outside statement, see the page",
    source=f"{HUB}/laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    training="LAION-2B (laion2b_s39b_b160k)",
    inputs="text: CLIP's BPE, 77 tokens",
    reader="the text half of the image-text encoder",
    files=(
        WeightsFile(
            name="open_clip_pytorch_model.bin",
            form="torch",
            address=f"{HUB}/laion/CLIP-ViT-bigG-14-laion2B-39B-b160k/resolve/main/open_clip_pytorch_model.bin",
            size="10.2 GB, of which 2.8 GB are kept",
        ),
        WeightsFile(name=HUB_FILE, form="safetensors", hub="laion/CLIP-ViT-bigG-14-laion2B-39B-b160k"),
    ),
    notes=(
        "the picture half is never read",
        RECORDED,
        "exact GELU, not QuickGELU",
    ),
)

ULIP2_POINTBERT = WeightsCard(
    slug="ulip2_pointbert",
    title="PointBERT of ULIP-2, 10,000 points with colour",
    kind="point-language",
    architecture="PointBERT, 512 groups of 32, 18 blocks of width 384",
    licence="code: BSD-3-Clause; weights: not stated; data: ODC-By (Objaverse), terms of ShapeNet",
    source=f"{HUB}/datasets/SFXX/ulip",
    training="Objaverse and ShapeNet, aligned to ViT-bigG/14",
    inputs="(N, 6) float32: xyz in the unit sphere about the centroid, rgb in [0, 1]",
    reader="the point-language encoder",
    files=(
        WeightsFile(
            name="ULIP-2-PointBERT-10k-xyzrgb-pc-vit_g-objaverse_shapenet-pretrained.pt",
            form="torch",
            address=f"{HUB}/datasets/SFXX/ulip/resolve/main/ULIP-2/pretrained_models/"
            "ULIP-2-PointBERT-10k-xyzrgb-pc-vit_g-objaverse_shapenet-pretrained.pt",
            bytes=402_018_241,
        ),
    ),
    notes=(
        RECORDED,
        "ULIP-1 and the first release of ULIP-2 have other shapes and are refused",
        "state of the optimiser in the file is left out",
        "colour of clouds without any: 0.4 in ULIP-2, 0.5 in BTP",
    ),
)

POINTNET2_SEM_SEG = WeightsCard(
    slug="pointnet2_sem_seg",
    title="PointNet++ of semantic segmentation, single scale",
    kind="points",
    architecture="PointNet++, 4 set abstractions, 4 feature propagations",
    licence="MIT",
    source="https://github.com/yanx27/Pointnet_Pointnet2_pytorch",
    training="S3DIS, 13 classes",
    inputs="(N, 9) float32: xyz in the unit sphere, rgb, xyz scaled to the scene",
    reader="the PointNet++ encoder",
    files=(
        WeightsFile(
            name="best_model.pth",
            form="torch",
            address="https://github.com/yanx27/Pointnet_Pointnet2_pytorch/raw/HEAD/"
            "log/sem_seg/pointnet2_sem_seg/checkpoints/best_model.pth",
            size="11.2 MB",
        ),
    ),
    notes=(RECORDED, "the layer of the 13 classes is kept and not used"),
)

TINY_FILES = (
    WeightsFile(
        name="tiny_image_text.safetensors",
        form="safetensors",
        sha256="253e5ce2cebbeb8612d0b6f0d17e0caf63df83d29c8288cbf202de5d433daa46",
        bytes=9_414_304,
    ),
    WeightsFile(
        name="tiny_points.safetensors",
        form="safetensors",
        sha256="9dbb5a534acf50abac50862c9aa359527ad38587d61430d5f49796da9a70b979",
        bytes=11_025_392,
    ),
)
"""Files in `pc3dad/encoders/embedded/weights/`."""


TINY = WeightsCard(
    slug="tiny",
    title="Embedded encoders of pictures, sentences and clouds",
    kind="image-text",
    architecture="tiny",
    licence="Apache-2.0, as pc3dad",
    source="docs/embedded.md",
    training="procedural shapes with captions and exact defects, made by scripts/train_embedded.py",
    inputs="RGB 224 x 224; text: CLIP's BPE, 77 tokens; (N, 6) float32: xyz in the unit sphere, rgb",
    reader="the image-text encoder and the point-language encoder",
    files=TINY_FILES,
    parts=tuple(file.name for file in TINY_FILES),
    packaged="pc3dad.encoders.embedded",
    checks="pc3dad.encoders.embedded.checks:run",
    notes=(
        "small, trained on CPUs in hours: docs/embedded.md says what it can and cannot tell",
        "no family of shapes that it was trained on is a category of `synthetic`",
    ),
)

CARDS: tuple[WeightsCard, ...] = (
    TINY,
    CLIP_VIT_L_14_336,
    CLIP_VIT_L_14,
    CLIP_VIT_B_16,
    CLIP_VIT_B_32,
    CLIP_VIT_B_16_PLUS_240,
    CLIP_VIT_BIGG_14_TEXT,
    ULIP2_POINTBERT,
    POINTNET2_SEM_SEG,
)


def get(slug: str) -> WeightsCard:
    """The card of that slug.

    Raises:
        ConfigError: there is none; the message names the nearest one.
    """
    cards = {card.slug: card for card in CARDS}
    if slug not in cards:
        raise ConfigError(
            f"unknown weights {slug!r}{nearest(slug, cards)}", hint="`pc3dad weights list` shows all"
        )
    return cards[slug]
