"""The freely licensed photographs that the sample is trained on, taken from public packages.

None of them is in this repository. `load` fetches the packages into a cache folder (Debian's with
apt-get, Python's with pip; nothing is installed) and reads the pictures. README.md names the licences.
"""

from __future__ import annotations

import bz2
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

DEBIAN = (
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
)
# releases that carry their pictures, and the Python they have wheels for; nothing of them is run
PYTHON = {"scikit-image==0.16.2": "3.8", "scikit-learn==1.5.2": "3.9", "scipy==1.9.3": "3.8"}

_MATE = "debian/mate-backgrounds/usr/share/backgrounds/mate/nature/{}.jpg"
_PLASMA = "debian/plasma-workspace-wallpapers/usr/share/wallpapers/{}/contents/images/2560x1600.jpg"
_LOMIRI = "debian/lomiri-wallpapers-16.04/usr/share/backgrounds/{}.jpg"
_LOMIRI_20 = "debian/lomiri-wallpapers-20.04/usr/share/backgrounds/{}.jpg"
_SKIMAGE = "python/skimage/data/{}"
_SKLEARN = "python/sklearn/datasets/images/{}.jpg"


@dataclass(frozen=True)
class Photograph:
    """One photograph.

    Attributes:
        label: What the network calls it.
        path: Within the cache folder.
    """

    label: str
    path: str


_FOLDERS = {
    _MATE: {
        "water drop": "Aqua",
        "leaf veins": "Blinds",
        "dune grass": "Dune",
        "orange flower": "FreshFlower",
        "marigold": "Garden",
        "meadow": "GreenMeadow",
        "forget-me-nots": "LadyBird",
        "drops on a leaf": "RainDrops",
        "storm clouds": "Storm",
        "dandelion seeds": "TwoWings",
        "weathered wood": "Wood",
        "yellow flower": "YellowFlower",
    },
    _PLASMA: {
        "planks by the water": "BytheWater",
        "pier in fog": "ColdRipple",
        "colorful cups": "ColorfulCups",
        "dark lake": "DarkestHour",
        "boats in the evening": "EveningGlow",
        "fallen leaves": "FallenLeaf",
        "white curves": "Grey",
        "kite": "Kite",
        "moss": "OneStandsOut",
        "forest path": "Path",
        "shore at dawn": "summer_1am",
    },
    _LOMIRI: {
        "bridge cables": "Bridge_by_Sander_Klootwijk",
        "dragonfly": "Dragonfly_by_Bolly",
        "fig in a bowl": "Picture_0B_by_freespace",
        "paint brushes": "Picture_1A_by_freespace",
        "wine glasses": "Wine_by_Jakkub_Mede",
        "autumn hills": "aitzgorri_by_Aitzol_Berasategi",
        "lamps": "free_by_Peter_Nerlich",
        "dogs at a door": "friends_by_Aitzol_Berasategi",
        "clock face": "greentock_by_Peter_Nerlich",
        "brook": "life_by_Aitzol_Berasategi",
        "mountains": "picosdeeuropa_by_Aitzol_Berasategi",
        "dandelions": "seeding_by_Clements_Engelhardt",
        "sunset": "sunset_by_Aitzol_Berasategi",
    },
    _LOMIRI_20: {"nuthatch": "Kleiber_by_Lukas_Baubkus"},
    _SKIMAGE: {
        "astronaut": "astronaut.png",
        "brick wall": "brick.png",
        "cat": "chelsea.png",
        "cup of coffee": "coffee.png",
        "grass": "grass.png",
        "gravel": "gravel.png",
        "galaxies": "hubble_deep_field.jpg",
        "retina": "retina.jpg",
        "rocket": "rocket.jpg",
    },
    _SKLEARN: {"pagoda": "china", "dahlia": "flower"},
    "python/scipy/misc/{}": {"raccoon": "face.dat"},
}
PHOTOGRAPHS = tuple(
    Photograph(label, folder.format(name))
    for folder, names in _FOLDERS.items()
    for label, name in names.items()
)


def load(cache: Path, side: int) -> list[Image.Image]:
    """Every photograph as RGB, its shorter side at most `side` pixels; fetches what is missing.

    Raises:
        subprocess.CalledProcessError: A package could not be fetched.
    """
    for package in DEBIAN:
        if not (cache / "debian" / package).is_dir():
            _fetch_debian(package, cache)
    if not (cache / "python").is_dir():
        _fetch_python(cache)
    return [_reduced(_read(cache / photograph.path), side) for photograph in PHOTOGRAPHS]


def _fetch_debian(package: str, cache: Path) -> None:
    archives = cache / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", package], cwd=archives, check=True)
    (archive,) = archives.glob(f"{package}_*.deb")
    subprocess.run(["dpkg", "-x", str(archive), str(cache / "debian" / package)], check=True)


def _fetch_python(cache: Path) -> None:
    archives = cache / "archives"
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    for package, version in PYTHON.items():
        subprocess.run(
            [*pip, "--python-version", version, "-d", str(archives), package], check=True
        )
    for wheel in archives.glob("*.whl"):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(cache / "python")


def _read(path: Path) -> Image.Image:
    if path.suffix == ".dat":  # scipy's raccoon: 768 x 1024 RGB bytes, compressed
        pixels = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8)
        return Image.fromarray(pixels.reshape(768, 1024, 3))
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    scale = min(1.0, side / min(picture.size))
    width, height = (round(length * scale) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
