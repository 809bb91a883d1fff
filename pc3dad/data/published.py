"""How many test samples the public data sets have, for copies that were converted."""

from pc3dad.data import manifests


def published_kinds(category: str) -> dict[str, int]:
    """Kind to number of test samples: types of defect of MVTec 3D-AD, else `good` and `anomaly`.

    Empty for categories of no inventory, and for Eyecandies: which samples copies hold is not documented.
    """
    if found := manifests.read("mvtec3d_ad")["categories"].get(category):
        return dict(found["test"])
    if found := manifests.read("real3d_ad")["categories"].get(category):
        return {"good": found["test_good"], "anomaly": found["test_defect"]}
    shapes = manifests.read("anomaly_shapenet_v2")
    if found := shapes["pcd"].get(category) or shapes["new_pcd"].get(category):
        return {"good": found["test_positive"], "anomaly": found["test_total"] - found["test_positive"]}
    return {}
