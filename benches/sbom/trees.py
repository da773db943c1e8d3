"""Fetches the projects by their own package managers and lays them out as trees."""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from place import CACHE, ECOSYSTEMS, PINS, TREES, VENV, call, environment, say


def assemble():
    for name, tree in PINS["trees"].items():
        if (TREES / name / ".whole").exists():
            continue
        shutil.rmtree(TREES / name, ignore_errors=True)
        for ecosystem in ECOSYSTEMS:
            say(f"tree {name}: {ecosystem}")
            fetch(tree[ecosystem], TREES / name / ecosystem)
        fill_caches(name)
        (TREES / name / ".whole").touch()


def fetch(pin, place):
    kind = next(kind for kind in ("crate", "module", "sdist") if kind in pin)
    {"crate": crate, "module": module, "sdist": sdist}[kind](pin, place)
    # Else Cargo would ask for a compiler that is not there.
    for pinned in ("rust-toolchain", "rust-toolchain.toml"):
        (place / pinned).unlink(missing_ok=True)


def crate(pin, place):
    """A program is no dependency, but Cargo fetches it all the same."""
    with tempfile.TemporaryDirectory() as asker:
        manifest = Path(asker) / "Cargo.toml"
        manifest.write_text(
            '[package]\nname = "asker"\nedition = "2024"\n[lib]\npath = "lib.rs"\n'
            f'[dependencies]\n{pin["crate"]} = "={pin["version"]}"\n'
        )
        call("cargo", "fetch", "--manifest-path", manifest)
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    found = home.glob(f'registry/cache/*/{pin["crate"]}-{pin["version"]}.crate')
    unpack(next(found), pin, place)


def sdist(pin, place):
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ) | {"PATH": environment()["PATH"], "RUSTUP_TOOLCHAIN": toolchain()}
        call(
            VENV / "bin" / "pip", "download", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
            "--dest", folder, f'{pin["sdist"]}=={pin["version"]}', env=env,
        )
        unpack(next(Path(folder).glob("*.tar.gz")), pin, place)


def toolchain():
    return call("rustup", "show", "active-toolchain", cwd="/").split()[0]


def unpack(archive, pin, place):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != pin["sha256"]:
        raise RuntimeError(f"{archive.name} has the SHA-256 {digest}, not {pin['sha256']}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder, tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
        (inside,) = Path(folder).iterdir()
        inside.rename(place)


def module(pin, place):
    """Go itself checks the module against its checksum database, too."""
    got = json.loads(call("go", "mod", "download", "-json", f'{pin["module"]}@{pin["version"]}', cwd="/"))
    if got["Sum"] != pin["h1"]:
        raise RuntimeError(f"{pin['module']} has the sum {got['Sum']}, not {pin['h1']}")
    # The module cache is read-only, its copy must not be.
    shutil.copytree(got["Dir"], place, copy_function=shutil.copyfile)
    call("chmod", "-R", "u+w", place)


def fill_caches(name):
    """What a developer has after building once: sources, modules, an environment."""
    tree = TREES / name
    # An sdist lacks members that the lock file has: Cargo drops what only they needed.
    call("cargo", "fetch", "--manifest-path", tree / "rust" / "Cargo.toml")
    call("go", "mod", "download", cwd=tree / "go")
    place = CACHE / "environments" / name
    env = dict(os.environ) | {"UV_PROJECT_ENVIRONMENT": str(place), "UV_LINK_MODE": "copy"}
    version = PINS["trees"][name]["python"]["version"]
    # There is no repository to ask for the version.
    env |= {"UV_DYNAMIC_VERSIONING_BYPASS": version, "SETUPTOOLS_SCM_PRETEND_VERSION": version}
    call(
        VENV / "bin" / "uv", "sync", "--frozen", "--no-install-project", "--all-extras", "--all-groups",
        cwd=tree / "python", env=env,
    )
