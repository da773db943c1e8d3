"""A CycloneDX document as a graph, and what is right and wrong with it."""

import json
import os
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from place import VENV
from truth import python_key

ECOSYSTEM_TYPES = ("cargo", "golang", "pypi")
# Go's own library and tools: true, but neither go.mod nor `go list -m` names them.
TOOLCHAIN = {"std", "stdlib", "cmd"}


class Document:
    def __init__(self, path):
        self.path = path
        self.size = path.stat().st_size
        self.json = json.loads(path.read_text())
        root = self.json.get("metadata", {}).get("component") or {}
        self.root = root.get("bom-ref")
        self.packages, self.others = [], 0
        for component in [root, *flatten(self.json.get("components", [])), *flatten(root.get("components", []))]:
            key = identity(component)
            if key is None or key[0] == "golang" and key[1] in TOOLCHAIN:
                self.others += component is not root
            elif component is not root or key[0] is not None:
                self.packages.append((key, component))
        self.edges = [
            (each["ref"], to)
            for each in self.json.get("dependencies", [])
            for to in each.get("dependsOn", [])
        ]

    def reachable(self):
        after = {}
        for start, end in self.edges:
            after.setdefault(start, []).append(end)
        seen, todo = {self.root}, [self.root]
        while todo:
            for each in after.get(todo.pop(), []):
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return seen


def flatten(components):
    for component in components:
        yield component
        yield from flatten(component.get("components", []))


def identity(component):
    """(type, name, version) of a package; nothing for what is none of ours."""
    purl = component.get("purl")
    if not purl:
        if component.get("type") in ("library", "application", "framework"):
            return (None, component.get("name", "").lower(), component.get("version", ""))
        return None
    path, _, _ = purl.removeprefix("pkg:").partition("#")
    path, _, _ = path.partition("?")
    kind, _, name = path.strip("/").partition("/")
    name, _, version = name.partition("@") if not name.startswith("@") else (name, "", "")
    name, version = unquote(name), unquote(version)
    if kind not in ECOSYSTEM_TYPES:
        return None
    if kind == "pypi":
        return python_key(name, version)
    return (kind, name.lower() if kind == "golang" else name, version)


def score(document, truth, exact=False):
    """Figures of one document against the truth."""
    packages = document.packages
    if exact:
        # What is only for building or testing is not in the program.
        packages = [each for each in packages if each[1].get("scope") != "excluded"]
    by_name = {key[1:]: key for key in truth.components}

    def settle(key):
        if key[:2] in truth.products:
            return (*key[:2], "")
        if key[0] is None:
            products = [each for each in truth.products if each[1] == key[1]]
            return (*products[0], "") if products else by_name.get(key[1:], key)
        return key

    names = {}
    for key, component in packages:
        names[component.get("bom-ref")] = settle(key)
    found = Counter(settle(key) for key, _ in packages)
    right = truth.components & found.keys()
    defended = right | (truth.allowed & found.keys()) | {each for each in found if each[:2] in truth.named}
    edges = {
        (names[start], names[end])
        for start, end in document.edges
        if start in names and end in names
    }
    # A relation to something that is no component of the truth is counted there.
    judged = {edge for edge in edges if set(edge) <= truth.components and edge[0] != edge[1]}
    reached = document.reachable()
    licensed, evident, hashed = set(), set(), set()
    for key, component in packages:
        key = settle(key)
        if component.get("licenses"):
            licensed.add(key)
        if component.get("licenses") or component.get("evidence", {}).get("licenses"):
            evident.add(key)
        outer = component.get("externalReferences", [])
        if component.get("hashes") or any(each.get("hashes") for each in outer):
            hashed.add(key)
    readable = right - truth.absent
    share = lambda some, of: len(some) / len(of) if of else None
    return {
        "truth": len(truth.components),
        "components": len(packages),
        "others": document.others,
        "recall": share(right, truth.components),
        "precision": share(defended, found),
        "missing": sorted(map(str, truth.components - right))[:50],
        "surplus": sorted(map(str, found.keys() - defended))[:50],
        "edges_recall": share(judged & truth.must, truth.must),
        "edges_precision": share(judged & truth.may, judged) if truth.may else None,
        "edges_missing": sorted(map(str, truth.must - judged))[:50],
        "edges_surplus": sorted(map(str, judged - truth.may))[:50],
        "root_edges": sum(start == document.root for start, _ in document.edges),
        "reachable": share([key for key, each in packages if each.get("bom-ref") in reached], packages),
        "purl": share([key for key, each in packages if each.get("purl")], packages),
        "duplicates": sum(found.values()) - len(found),
        "licences": share(licensed & readable, readable),
        "licences_by": {
            kind: share([key for key in licensed & readable if key[0] == kind], [key for key in readable if key[0] == kind])
            for kind in ECOSYSTEM_TYPES
        },
        "licences_evident": share(evident & readable, readable),
        "unlicensed": sorted(map(str, readable - evident))[:50],
        "hashes": share(hashed & right, right),
        "bytes": document.size,
    }


def faults(document):
    """How many faults the official schema finds; nothing without schemas."""
    version = document.json.get("specVersion", "")
    # sbomaudit brings copies of the official schemas.
    places = [Path(os.environ.get("CYCLONEDX_SUITE", "")), *VENV.glob("lib/*/site-packages/lib4sbom/schemas/cyclonedx")]
    folder = next((each for each in places if (each / f"bom-{version}.schema.json").exists()), None)
    if folder is None:
        return None
    schema = json.loads((folder / f"bom-{version}.schema.json").read_text())
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    registry = Registry()
    for name in ("spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"):
        resource = Resource.from_contents(json.loads((folder / name).read_text()), DRAFT7)
        registry = registry.with_resource(f"http://cyclonedx.org/schema/{name}", resource)
    return sum(1 for _ in Draft7Validator(schema, registry=registry).iter_errors(document.json))
