"""Byte vectors of bands: those beside each family, and the shared ones where they are."""

import json
import tomllib
from pathlib import Path

import devices
from devices.registry import load_families
from tests.recordings import RECORDED

FOLDER = Path(devices.__file__).parent
SHARED = RECORDED.parent / "devices" / "vectors.json"


def vectors_of(key):
    """Return the vectors in the file beside a family."""
    return tomllib.loads((FOLDER / f"{key}.vectors.toml").read_text("utf-8"))["vector"]


def all_vectors():
    """Return (family, vector) of every family."""
    return [
        (family, vector) for key, family in load_families().items() for vector in vectors_of(key)
    ]


def shared_vectors():
    """Return (family, vector) of the shared file, as far as we know the family; none without it."""
    if not SHARED.exists():
        return []
    vectors = json.loads(SHARED.read_text("utf-8"))["vectors"]
    families = load_families()
    return [(families[v["family"]], v) for v in vectors if v["family"] in families]


def frames_of(vector):
    """Return a vector's frames and its service data, as `decode` takes them."""
    said = vector.get("service_data")
    return [bytes.fromhex(word) for word in vector["hex"]], None if said is None else bytes.fromhex(
        said
    )
