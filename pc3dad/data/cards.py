"""Cards of the built-in data sets; importing them reads and loads nothing."""

from pc3dad.cards import DatasetCard

EYECANDIES = DatasetCard(
    slug="eyecandies",
    title="Eyecandies, rendered sweets with exact depth",
    licence="not stated by its owners; treat as research use only and confirm before anything else",
    source="https://eyecan-ai.github.io/eyecandies/",
    unit="metre",
    dataset="pc3dad.data.eyecandies:Eyecandies",
    config="pc3dad.data.eyecandies:EyecandiesConfig",
    categories=(
        "CandyCane",
        "ChocolateCookie",
        "ChocolatePraline",
        "Confetto",
        "GummyBear",
        "HazelnutTruffle",
        "LicoriceSandwich",
        "Lollipop",
        "Marshmallow",
        "PeppermintCandy",
    ),
    auxiliary=("Confetto", "LicoriceSandwich", "PeppermintCandy"),
    organised=True,
    counts="per category: 1000 train, 100 validation, 50 test (25 defective), 400 without public labels",
    layout="<Class>/{train,val,test_public,test_private}/data/<id>_<item>.<ext>",
    notes=(
        "depth level 0 is the nearest depth, not a missing pixel; no pixel is missing",
        "colors and normals defects do not change the shape: use the population `geometry` for them",
        "converted copies (M3DM, PointAD) have other frames and numbering and are refused",
        "checked on real samples of CandyCane only",
    ),
)

MVTEC3D_AD = DatasetCard(
    slug="mvtec3d_ad",
    title="MVTec 3D-AD, industrial scans with photographs",
    licence="CC BY-NC-SA 4.0, copyright MVTec Software GmbH; non-commercial use only",
    source="https://www.mvtec.com/company/research/datasets/mvtec-3d-ad",
    unit="metre",
    dataset="pc3dad.data.mvtec3d_ad:Mvtec3dAd",
    config="pc3dad.data.mvtec3d_ad:Mvtec3dAdConfig",
    categories=(
        "bagel",
        "cable_gland",
        "carrot",
        "cookie",
        "dowel",
        "foam",
        "peach",
        "potato",
        "rope",
        "tire",
    ),
    auxiliary=("carrot", "cookie", "dowel"),
    organised=True,
    counts="2656 train, 294 validation, 1197 test (948 defective)",
    layout="<class>/{train,validation,test}/<type>/{xyz/NNN.tiff,rgb/NNN.png,gt/NNN.png}, gt in test only",
    notes=(
        "grey levels of masks are class ids: every level above 0 is a defect",
        "tire is 800 x 600 and rope 400 x 900 (H x W); the others are square",
        "defects may lie where the sensor saw nothing",
        "foam/color does not change the shape: use the population `geometry` for it",
        "masks, image and calibration of tire were checked on real files; no real xyz TIFF was available",
    ),
)

FOLDER = DatasetCard(
    slug="folder",
    title="Your own parts: scans in folders, labels optional",
    licence="that of your data",
    source="",
    unit="file",
    dataset="pc3dad.data.folder:Folder",
    config="pc3dad.data.folder:FolderConfig",
    counts="whatever is there",
    layout="<category>/train/*, <category>/test/{good,<defect>}/*, gt/<defect>/*, rgb/...",
    notes=("labels, masks, normal samples and photographs may each be missing",),
)

SYNTHETIC = DatasetCard(
    slug="synthetic",
    title="Parametric parts with exact defects",
    licence="Apache-2.0 (generated)",
    source="",
    unit="millimetre",
    dataset="pc3dad.data.synthetic:Synthetic",
    config="pc3dad.data.synthetic:SyntheticConfig",
    categories=("bottle", "flange"),
    auxiliary=("flange",),
    needs_root=False,
    counts="as configured",
)

CARDS: tuple[DatasetCard, ...] = (EYECANDIES, FOLDER, MVTEC3D_AD, SYNTHETIC)
