"""Cards of the built-in data sets; importing them reads and loads nothing."""

from pc3dad.cards import DatasetCard

ANOMALY_SHAPENET_NEW_CATEGORIES = (
    "cabinet0",
    "cap1",
    "cap2",
    "chair0",
    "cup2",
    "desk0",
    "knife0",
    "knife1",
    "microphone1",
    "screen0",
    "vase10",
    "vase6",
)

ANOMALY_SHAPENET = DatasetCard(
    slug="anomaly_shapenet",
    title="Anomaly-ShapeNet v2, shapes with modelled defects",
    licence="CC BY 4.0; the shapes come from ShapeNet, whose own terms allow research only",
    source="https://github.com/Chopper-233/Anomaly-ShapeNet",
    download="https://huggingface.co/datasets/Chopper233/Anomaly-ShapeNet",
    size="3.6 GB (Anomaly-ShapeNet-v2.rar), about 12 GB unpacked",
    unit="none, about unit size",
    dataset="pc3dad.data.anomaly_shapenet:AnomalyShapenet",
    config="pc3dad.data.anomaly_shapenet:AnomalyShapenetConfig",
    categories=(
        "ashtray0",
        "bag0",
        "bottle0",
        "bottle1",
        "bottle3",
        "bowl0",
        "bowl1",
        "bowl2",
        "bowl3",
        "bowl4",
        "bowl5",
        "bucket0",
        "bucket1",
        "cap0",
        "cap3",
        "cap4",
        "cap5",
        "cup0",
        "cup1",
        "eraser0",
        "headset0",
        "headset1",
        "helmet0",
        "helmet1",
        "helmet2",
        "helmet3",
        "jar0",
        "microphone0",
        "shelf0",
        "tap0",
        "tap1",
        "vase0",
        "vase1",
        "vase2",
        "vase3",
        "vase4",
        "vase5",
        "vase7",
        "vase8",
        "vase9",
    ),
    auxiliary=("ashtray0", "bag0", "bottle0"),
    counts="160 train, 1312 test (712 defective); subset new_pcd, 12 categories: 48 train, 411 test (231)",
    layout="dataset/{pcd,new_pcd}/<class>/{train,test,GT}/<class>_<type><k>.{pcd,txt}, "
    "GT of defective ones only",
    notes=(
        "this loader has never seen the real archive: it was tested on trees built from the inventory",
        "unpack the RAR archive with unar or unrar; p7zip may leave empty files",
        "crack is spelled crak in file names: ids keep it, the kind of defect is crack",
        "five tables of helmet1 have one row more than the scan: with points=scan they have no point labels",
        "the readme of the owners (1600 samples, 15 to 24 test clouds per class) describes another state",
        "per sample 0.05 to 23.6 % of the points are anomalous: below 8192 points small defects may vanish",
    ),
    published=(
        "PO3AD, Simple3D and BTP take points and labels of defective samples from the tables (points=labels)",
        "BTP subtracts the mean, divides by the largest radius, keeps 2048 points by farthest-point sampling",
        "PASDF uses a copy with 16384 points per cloud, turned by (pi/2, 0, -pi/2)",
        "PO3AD trains on the OBJ templates instead of the PCD ones",
        "the authors leave point AP out of their benchmark",
    ),
)

ARRAYS = DatasetCard(
    slug="arrays",
    title="Labels in NumPy archives, to evaluate your own scores",
    licence="that of your data",
    source="",
    unit="file",
    dataset="pc3dad.data.arrays:Arrays",
    config="pc3dad.data.arrays:ArraysConfig",
    counts="whatever is there, all of it test samples",
    layout="<category>/<sample>.npz with the arrays labels, object_label, xyz; optional valid, regions",
    notes=(
        "labels (N,) or (H, W) are whole numbers, anomalous above 0; object_label is 0 or 1, never derived",
        "xyz is (N, 3) or (H, W, 3); labels of an image, (H, W), do without",
        "an array of another name is an error, so that no misspelt one is ignored",
    ),
)

BTP_NPZ = DatasetCard(
    slug="btp_npz",
    title="Sample files of BTP, converted Real3D-AD or Anomaly-ShapeNet",
    licence="these files carry none of their own: that of the data set they were made from applies "
    "(Real3D-AD CC BY 4.0; Anomaly-ShapeNet CC BY 4.0, shapes from ShapeNet for research only)",
    source="https://arxiv.org/abs/2603.21511",
    unit="file",
    dataset="pc3dad.data.btp_npz:BtpNpz",
    config="pc3dad.data.btp_npz:BtpNpzConfig",
    counts="1206 test of Real3D-AD or 1312 of Anomaly-ShapeNet; 48 or 160 train if they were converted",
    layout="<category>/{train,test}/<stem>.npz, or .npy of the first release",
    notes=(
        "this loader has never seen a real file: it was tested on files written from the documented keys",
        "results on 2048 sampled points cannot be compared with those on whole clouds",
        "a small defect may have no sampled point: its object stays defective (object_label=file)",
        "files of the first release are not normalised; `data verify` names them",
        "whole clouds of defective samples have no point labels, unless the file has original_labels",
    ),
    published=(
        "BTP subtracts the mean, divides by the largest radius, keeps 2048 points by farthest-point sampling",
        "BTP takes points and labels of defective samples from the label tables",
        "BTP trains and evaluates with the object label of the sampled points (object_label=sampled)",
    ),
)

EYECANDIES = DatasetCard(
    slug="eyecandies",
    title="Eyecandies, rendered sweets with exact depth",
    licence="not stated by its owners; treat as research use only and confirm before anything else",
    source="https://eyecan-ai.github.io/eyecandies/",
    size="near 2.4 GB per category, one archive each",
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
    layout="""\
<Class>/{train,val,test_public,test_private}/data/<id>_<item>.<ext>
every sample: depth.png, info_depth.yaml, pose.txt, normals.png, image_0.png to image_5.png
labelled ones: metadata.yaml, mask.png, {bumps,dents,colors,normals}_mask.png, object_params.yaml""",
    notes=(
        "depth level 0 is the nearest depth, not a missing pixel; no pixel is missing",
        "colors and normals defects do not change the shape: use the population `geometry` for them",
        "converted copies (M3DM, PointAD) have other frames and numbering and are refused",
        "checked on real samples of CandyCane only",
    ),
    published=(
        "M3DM converts to xyz TIFFs: axes (x, z, y), scale (0.1, -0.1, 0.1), image_4 as photograph",
        "the background of that copy is not exactly zero: a test of z alone calls all of it valid",
        "PointAD renumbers (below 1000 normal, the others defective) and reduces 512 to 336 pixels, nearest",
        "PointAD turns by 45 degrees about x; nine views: x -30, -15, 0, 10, 20, y -30, -15, 15, 30 degrees",
        "the authors' website and code place the camera in two other ways: equal shapes in other frames",
        "reduced to 224 x 224 by nearest neighbour, the smallest defect keeps 10 pixels",
    ),
)

MVTEC3D_AD = DatasetCard(
    slug="mvtec3d_ad",
    title="MVTec 3D-AD, industrial scans with photographs",
    licence="CC BY-NC-SA 4.0, copyright MVTec Software GmbH; non-commercial use only",
    source="https://www.mvtec.com/company/research/datasets/mvtec-3d-ad",
    size="11.6 GB (mvtec_3d_anomaly_detection.tar.xz), or one archive per category",
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
    layout="""\
<class>/train/good/{xyz/NNN.tiff,rgb/NNN.png}
<class>/validation/good/{xyz/NNN.tiff,rgb/NNN.png}
<class>/test/<type>/{xyz/NNN.tiff,rgb/NNN.png,gt/NNN.png}
<class>/{class_ids.json,readme.txt,license.txt}
<class>/calibration/camera_parameters.json""",
    notes=(
        "grey levels of masks are class ids: every level above 0 is a defect",
        "tire is 800 x 600 and rope 400 x 900 (H x W); the others are square",
        "defects may lie where the sensor saw nothing",
        "foam/color does not change the shape: use the population `geometry` for it",
        "masks, image and calibration of tire were checked on real files; no real xyz TIFF was available",
    ),
    published=(
        "Back to the Feature, M3DM, CPMF and PointAD find the support plane by RANSAC without a seed",
        "they search the 10-pixel border (1000 draws of 50, 0.004 m) and remove what is within 0.005 m",
        "they pad with zeros to a square, keep the largest DBSCAN cluster (0.006 m), overwrite the files",
        "resizing: M3DM to 224 x 224, PointAD to 336 x 336; scans by nearest neighbour, photographs bicubic",
        "masks: by nearest neighbour (M3DM), or bicubic and above 0.5 (PointAD)",
        "PointAD turns by pi about x; nine views: x -45, -15, 0, 15, 45, y -30, -15, 15, 30 degrees",
        "a point is valid if z is not 0 in some works, if no coordinate is 0 in others",
        "official scores: area under PRO up to false-positive rate 0.3, AUROC of the largest point score",
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
    layout="""\
<category>/train/*                normal samples
<category>/test/good/*            normal samples
<category>/test/<defect>/*        defective samples
<category>/test/*, <category>/*   samples without a label
<category>/gt/<defect>/<stem>.*   labels of test/<defect>/<stem>.*
<category>/rgb/<path of the scan below its category>.{png,jpg}""",
    notes=("labels, masks, normal samples and photographs may each be missing",),
)

PRERENDERED = DatasetCard(
    slug="prerendered",
    title="Official renders of PointAD, GS-CLIP and Align3D-AD",
    licence="these packages carry none of their own: that of the data set they were made from applies "
    "(MVTec 3D-AD CC BY-NC-SA 4.0; Eyecandies not stated; Real3D-AD CC BY 4.0; Anomaly-ShapeNet CC BY 4.0, "
    "shapes from ShapeNet for research only)",
    source="https://github.com/zqhang/PointAD",
    unit="file",
    dataset="pc3dad.data.prerendered:Prerendered",
    config="pc3dad.data.prerendered:PrerenderedConfig",
    counts="test split only, as many as the data set it was made from has",
    layout="[all_meta.json, <category>_meta.json,] <category>/test/<species>/{rgb,gt,xyz,pcd,gt_pcd}/<id>.*, "
    "<category>/test/<species>/{2d_rendering,2d_3d_cor,2d_depth,2d_gt,2d_rgb_rendering}/<id>/view_<k>*",
    notes=(
        "this loader has never seen a real package: it was tested on trees of the documented layout",
        "one root holds one data set; organised clouds are grids of 336 x 336, others have 112896 points",
        "the points are not those of the original scans: results cannot be compared with those on them",
        "point labels: the image in gt for organised clouds, the white points of gt_pcd for the others",
        "whether white marks defects in gt_pcd was never seen: any colour but black and white is an error",
        "the files do not tell defects that change the shape: there is no population `geometry`",
        "auxiliary categories are those of the data set it was made from; name them with --train-on",
        "views contain masks, which are labels: only training may read them",
    ),
    published=(
        "MVTec 3D-AD: plane and all but the largest cluster removed, padded to a square, then 336 x 336",
        "Eyecandies: reduced to 336 x 336 by nearest neighbour, cropped, axes swapped and scaled by 0.1",
        "Real3D-AD: made exactly 112896 points by farthest-point sampling or by inserting points",
        "one point per pixel is visible; pixels outside the image were moved to its border",
    ),
)

REAL3D_AD = DatasetCard(
    slug="real3d_ad",
    title="Real3D-AD, scanned toys at high resolution",
    licence="CC BY 4.0",
    source="https://github.com/M-3LAB/Real3D-AD",
    size="not published (real3d-ad-pcd.zip)",
    unit="millimetre",
    dataset="pc3dad.data.real3d_ad:Real3dAd",
    config="pc3dad.data.real3d_ad:Real3dAdConfig",
    categories=(
        "airplane",
        "car",
        "candybar",
        "chicken",
        "diamond",
        "duck",
        "fish",
        "gemstone",
        "seahorse",
        "shell",
        "starfish",
        "toffees",
    ),
    auxiliary=("seahorse", "shell", "starfish"),
    counts="48 train, 1206 test (602 defective)",
    layout="<class>/train/<number>_template*.pcd, <class>/test/<number>_<type>[_cut|_copy].pcd, "
    "<class>/gt/<same name>.txt of defective ones only",
    notes=(
        "this loader has never seen the real archive: it was tested on trees built from the inventory",
        "templates are full turns, most test scans one-sided: open borders occur only in test",
        "_good_cut is a normal sample; samples of one leading number are one physical object (`group`)",
        "five tables have other numbers of rows than their scans: with points=scan they have no point labels",
        "the mesh release (PLY) and train-cut copies are refused: their scores cannot be compared",
    ),
    published=(
        "points and labels of defective samples are taken from the tables (points=labels)",
        "Reg3D-AD subtracts the mean and keeps scale and all points",
        "Simple3D thins to voxels of 0.15 mm, labels from the nearest original point",
        "BTP subtracts the mean, divides by the largest radius, keeps 2048 points by farthest-point sampling",
        "R3D-AD and its followers draw 2048 random points, GS-CLIP 3000 for its point branch",
        "PointAD makes it exactly 112896 points, turns them by pi about x and renders nine views about x",
        "PO3AD trains on the PLY meshes; PASDF centres and divides by 17.744 mm",
    ),
)

SYNTHETIC = DatasetCard(
    slug="synthetic",
    title="Parametric parts with exact defects",
    licence="Apache-2.0 (generated)",
    source="",
    unit="millimetre",
    dataset="pc3dad.data.synthetic.dataset:Synthetic",
    config="pc3dad.data.synthetic.config:SyntheticConfig",
    revision=3,
    categories=(
        "blade",
        "bolt",
        "bottle",
        "bracket",
        "connector",
        "elbow",
        "flange",
        "gasket",
        "gear",
        "hinge",
        "impeller",
        "mug",
        "spring",
        "wheel",
    ),
    auxiliary=("flange",),
    needs_root=False,
    counts="as configured; preset mini: 14 categories, 3 training and 12 test samples each",
    notes=("generated anew from its options and seed: nothing is stored, nothing can be missing",),
)

CARDS: tuple[DatasetCard, ...] = (
    ANOMALY_SHAPENET,
    ARRAYS,
    BTP_NPZ,
    EYECANDIES,
    FOLDER,
    MVTEC3D_AD,
    PRERENDERED,
    REAL3D_AD,
    SYNTHETIC,
)
