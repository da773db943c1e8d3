#!/usr/bin/env python3
"""Measures `prov audit` over 10, 100 and 1,000 artifacts in one layout on disk.

Each artifact has SLSA provenance and a bill of materials of PACKAGES packages, made,
signed and stored by prov itself; the small layouts are joined by writing one index over
all their content, as `prov copy` would one by one. Whole processes; times are medians,
memory is the largest resident set of any run as the kernel counts it (wait4).

    PROV=target/release/prov benches/audit/run.py
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROV = os.path.abspath(os.environ.get("PROV", "target/release/prov"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
COUNTS = [int(count) for count in os.environ.get("COUNTS", "10,100,1000").split(",")]
PACKAGES = int(os.environ.get("PACKAGES", "500"))
SIZE = int(os.environ.get("SIZE", "1000000"))


def prov(folder, *arguments):
    subprocess.run([PROV, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sbom(folder, number):
    """A document of its own for each artifact: the licences and versions differ."""
    def component(index):
        name, version = f"package-{index}", f"1.{(index * 7 + number) % 50}.0"
        licence = ["MIT", "Apache-2.0", "MIT OR Apache-2.0", "BSD-3-Clause"][(index + number) % 4]
        purl = f"pkg:cargo/{name}@{version}"
        return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
                "licenses": [{"expression": licence}]}
    components = [component(index) for index in range(PACKAGES)]
    refs = [each["bom-ref"] for each in components]
    graph = [{"ref": ref, "dependsOn": refs[index + 1:index + 4]} for index, ref in enumerate(refs)]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": {"type": "application", "bom-ref": "root", "name": f"app-{number}"}},
                "components": components, "dependencies": [{"ref": "root", "dependsOn": refs[:10]}, *graph]}
    with open(os.path.join(folder, "sbom.json"), "w") as file:
        json.dump(document, file)


def make(folder, count):
    """One layout with `count` artifacts."""
    whole = os.path.join(folder, "layout")
    entries = []
    for number in range(count):
        name = f"app-{number}"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(os.urandom(SIZE))
        sbom(folder, number)
        part = os.path.join(folder, "part")
        prov(folder, "attest", name, "--key", "prov.key", "--sbom", "sbom.json", "--push", f"oci:part:{name}")
        with open(os.path.join(part, "index.json")) as file:
            entries += json.load(file)["manifests"]
        shutil.copytree(part, whole, dirs_exist_ok=True)
        shutil.rmtree(part)
        os.remove(os.path.join(folder, name))
        os.remove(os.path.join(folder, name + ".sigstore.jsonl"))
    with open(os.path.join(whole, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}, file)
    return whole


def measure(arguments, folder):
    """Wall and CPU seconds and peak memory in MiB of one process."""
    log = os.path.join(folder, "log")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
    start = time.perf_counter()
    child = os.posix_spawnp(arguments[0], arguments, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{' '.join(arguments)} failed:\n{open(log).read()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    print("| artifacts | format | wall | for each | CPU for each | memory |")
    print("|---|---|---|---|---|---|")
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            prov(folder, "key", "generate")
            layout = make(folder, count)
            gate = ["--key", os.path.join(folder, "prov.pub"), "--insecure-ignore-tlog"]
            for form in ("text", "json"):
                arguments = [PROV, "audit", f"oci:{layout}", *gate, "--format", form]
                runs = [measure(arguments, folder) for _ in range(ROUNDS)]
                wall, cpu = (statistics.median(run[column] for run in runs) for column in (0, 1))
                memory = max(run[2] for run in runs)
                each = lambda seconds: f"{seconds / count * 1000:.2f} ms"
                print(f"| {count} | {form} | {wall:.2f} s | {each(wall)} | {each(cpu)} | {memory:.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
