"""What a tree really consists of: what each ecosystem's own tool says, or its lock file.

A component is (type, name, version); a product that no tool gives a version has none.
Of the relations, `must` are those that a tool has to give, `may` those that it can
defend: a requirement that go.mod calls indirect, a dependency that only an extra has.
"""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from place import CACHE, PINS, TREES, VENV, call, environment


@dataclass
class Truth:
    components: set = field(default_factory=set)
    must: set = field(default_factory=set)
    may: set = field(default_factory=set)
    # Products: any version of them is the right one.
    products: set = field(default_factory=set)
    # Names that a manifest without a lock file gives: right, but nobody has to have them.
    named: set = field(default_factory=set)
    # Components that can be defended, though not everybody means them: they run in the build.
    allowed: set = field(default_factory=set)
    # Components whose licence nobody can read here: they are not installed.
    absent: set = field(default_factory=set)

    def __or__(self, other):
        fields = ("components", "must", "may", "products", "named", "allowed", "absent")
        return Truth(*(getattr(self, each) | getattr(other, each) for each in fields))


def lock(tree):
    """Everything that the lock files resolve: all platforms, features and extras."""
    folder = TREES / tree
    truth = rust_lock(folder / "rust") | go_lock(folder / "go") | python_lock(folder / "python")
    truth.named = python_names(folder / "rust")
    installed = python_environment(tree).components
    truth.absent = {each for each in truth.components if each[0] == "pypi" and each not in installed}
    return truth


def rust_lock(folder):
    packages = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
    by_name = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    key = lambda package: ("cargo", package["name"], package["version"])
    truth = Truth(set(map(key, packages)))
    for package in packages:
        for written in package.get("dependencies", []):
            name, *rest = written.split(" ")
            (to,) = [each for each in by_name[name] if not rest or each["version"] == rest[0]]
            truth.must.add((key(package), key(to)))
    truth.may |= truth.must
    return truth


def rust_exact(tree):
    """One program for this platform with its default features: what `cargo tree` says that is
    linked. Procedural macros run in the build, so they may be there but need not."""
    linked = cargo_tree(tree, "normal,no-proc-macro")
    truth = Truth(linked.components, linked.must)
    truth.allowed = cargo_tree(tree, "normal").components - linked.components
    truth.may = linked.must | cargo_tree(tree, "normal,build").must
    return truth


def cargo_tree(tree, edges):
    text = call(
        "cargo", "tree", "--locked", "--package", PINS["trees"][tree]["rust"]["package"],
        "--edges", edges, "--prefix", "depth", "--format", " {p}",
        cwd=TREES / tree / "rust", env=environment(),
    )
    truth, above = Truth(), []
    for line in filter(None, text.splitlines()):
        depth, name, version = re.match(r"(\d+) (\S+) v(\S+)", line).groups()
        key = ("cargo", name, version)
        del above[int(depth):]
        truth.components.add(key)
        if above:
            truth.must.add((above[-1], key))
        above.append(key)
    return truth


def go_key(path, version):
    return ("golang", path.lower(), version)


def go_lock(folder):
    """`go mod edit` reads what go.mod and the go.mod files of the modules require."""
    env = environment()
    read = lambda path: json.loads(call("go", "mod", "edit", "-json", path, cwd=folder, env=env))
    main = read("go.mod")
    root = go_key(main["Module"]["Path"], "")
    selected = {each["Path"]: go_key(each["Path"], each["Version"]) for each in main.get("Require") or []}
    for each in main.get("Replace") or []:
        new = each["New"]
        if each["Old"]["Path"] in selected and "Version" in new:
            selected[each["Old"]["Path"]] = go_key(new["Path"], new["Version"])
    truth = Truth({root, *selected.values()}, products={root[:2]})
    for each in main.get("Require") or []:
        edge = (root, selected[each["Path"]])
        truth.may.add(edge)
        if not each.get("Indirect"):
            truth.must.add(edge)
    for module in stream(call("go", "mod", "download", "-json", cwd=folder, env=env)):
        key = go_key(module["Path"], module["Version"])
        if key not in truth.components:
            continue
        for each in read(module["GoMod"]).get("Require") or []:
            if each["Path"] in selected:
                edge = (key, selected[each["Path"]])
                truth.may.add(edge)
                if not each.get("Indirect"):
                    truth.must.add(edge)
    return truth


def stream(text):
    decoder, place = json.JSONDecoder(), 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        value, place = decoder.raw_decode(text, place)
        yield value


def go_exact(tree):
    """The modules that one program links here, by the imports of its packages."""
    main = PINS["trees"][tree]["go"]["main"]
    text = call(
        "go", "list", "-deps", "-json=ImportPath,Imports,Module", main,
        cwd=TREES / tree / "go", env=environment(),
    )
    packages = {each["ImportPath"]: each for each in stream(text)}
    truth = Truth()

    def key(package):
        module = packages.get(package, {}).get("Module")
        if not module:
            return None
        if module.get("Main"):
            truth.products.add(go_key(module["Path"], "")[:2])
            return go_key(module["Path"], "")
        module = module.get("Replace") or module
        return go_key(module["Path"], module["Version"])

    for package, told in packages.items():
        here = key(package)
        if not here:
            continue
        truth.components.add(here)
        there = {key(each) for each in told.get("Imports") or []} - {None, here}
        truth.must |= {(here, each) for each in there}
    truth.may |= truth.must
    return truth


def python_key(name, version):
    return ("pypi", re.sub(r"[-_.]+", "-", name).lower(), version)


def python_lock(folder):
    packages = tomllib.loads((folder / "uv.lock").read_text())["package"]
    truth, by_name = Truth(), {}
    for package in packages:
        own = "editable" in package["source"] or "virtual" in package["source"]
        key = python_key(package["name"], "" if own else package["version"])
        if own:
            truth.products.add(key[:2])
        truth.components.add(key)
        by_name.setdefault(package["name"], []).append((package, key, own))
    for package, key, own in (each for group in by_name.values() for each in group):
        always = package.get("dependencies", [])
        groups = [package.get("optional-dependencies", {}), package.get("dev-dependencies", {})]
        extra = [each for group in groups for needs in group.values() for each in needs]
        for needs, sure in ((always, True), (extra, own)):
            for need in needs:
                for other, to, _ in by_name[need["name"]]:
                    if need.get("version", other.get("version")) == other.get("version") and to != key:
                        truth.may.add((key, to))
                        if sure:
                            truth.must.add((key, to))
    return truth


def python_names(folder):
    """What the manifest of a Rust program that PyPI has, too, names."""
    manifest = folder / "pyproject.toml"
    if not manifest.exists():
        return set()
    known = tomllib.loads(manifest.read_text())
    project = known.get("project", {})
    groups = [*project.get("optional-dependencies", {}).values(), *known.get("dependency-groups", {}).values()]
    wanted = [project.get("name", ""), *project.get("dependencies", []), *(each for group in groups for each in group)]
    names = (re.match(r"[\w.-]+", each) for each in wanted if isinstance(each, str))
    return {python_key(each.group(), "")[:2] for each in names if each}


def python_environment(tree):
    """What is installed, as `uv pip list` has it; relations are not judged."""
    place = CACHE / "environments" / tree
    text = call(VENV / "bin" / "uv", "pip", "list", "--format", "json", "--python", place / "bin" / "python")
    return Truth({python_key(each["name"], each["version"]) for each in json.loads(text)})
