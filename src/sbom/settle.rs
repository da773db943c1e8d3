//! What only the whole inventory can tell.

use super::SbomError;
use super::component::Component;
use super::go;
use super::inventory::{Edge, Inventory, Relation};
use super::model::Aggregate;
use super::reference::Ref;

/// The property of a Go version that a manifest asks for at least.
const MINIMUM: (&str, &str) = ("prov:go:version", "minimum");

/// A manifest names the oldest Go that will do, a program the Go that built it:
/// where both speak of one module, the program is right.
pub(super) fn go_versions(inventory: &mut Inventory) -> Result<(), SbomError> {
    let is_minimum = |component: &Component| {
        let mut properties = component.properties.iter();
        properties.any(|each| (&each.name[..], &each.value[..]) == MINIMUM)
    };
    let asked: Vec<(Ref, Relation, Ref)> = inventory
        .edges()
        .filter(|edge| inventory.get(&edge.to).is_some_and(is_minimum))
        .map(|edge| (edge.from.clone(), edge.relation, edge.to.clone()))
        .collect();
    for (main, relation, minimum) in asked {
        let Some(real) = built_with(inventory, &main) else {
            continue;
        };
        let Some(mut component) = inventory.get(&minimum).cloned() else {
            continue;
        };
        let version = inventory.get(&real).and_then(|real| real.version.clone());
        let same = go::go_itself(
            &component.name,
            version.as_deref().unwrap_or_default(),
            "go.mod",
        )?;
        component.version = version;
        component.purl = same.purl;
        component.properties.retain(|each| each.name != MINIMUM.0);
        let id = inventory.add(component)?;
        if let Some(component) = inventory.components.get_mut(&id) {
            component.properties.retain(|each| each.name != MINIMUM.0);
        }
        inventory.know_dependencies(&id, Aggregate::Complete);
        inventory.relate(&main, relation, &id)?;
        if id != minimum {
            unrelate(inventory, main, relation, minimum);
        }
    }
    Ok(())
}

/// Takes a relation away, and what it led to when nothing else leads there.
fn unrelate(inventory: &mut Inventory, from: Ref, relation: Relation, to: Ref) {
    let edge = Edge { from, to, relation };
    inventory.edges.remove(&edge);
    if inventory.edges.iter().all(|other| other.to != edge.to) {
        inventory.components.remove(&edge.to);
        inventory.dependencies.remove(&edge.to);
    }
}

/// The standard library of the program that this main module was linked into.
fn built_with(inventory: &Inventory, main: &Ref) -> Option<Ref> {
    let contains = |edge: &&Edge| edge.relation == Relation::Contains;
    let programs: Vec<&Ref> = inventory
        .edges()
        .filter(contains)
        .filter(|edge| edge.to == *main)
        .map(|edge| &edge.from)
        .collect();
    let mut found = inventory
        .edges()
        .filter(contains)
        .filter(|edge| programs.contains(&&edge.from))
        .map(|edge| &edge.to)
        .filter(|id| {
            let purl = inventory.get(id).and_then(|each| each.purl.as_ref());
            purl.is_some_and(|purl| {
                purl.kind() == "golang" && purl.name() == "std" && purl.namespace().is_none()
            })
        });
    let first = found.next()?;
    // Programs of two Go versions contradict each other: then nothing is settled.
    found.all(|other| other == first).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::tree::Tree;

    const MAIN: &str = "pkg:golang/example.org/guest";

    /// In whatever order the two are read, Go is there once, as it really was.
    #[test]
    fn the_program_knows_better_than_the_manifest_which_go_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "module example.org/guest\n\ngo 1.21\n";
        std::fs::write(folder.path().join("go.mod"), manifest).unwrap();
        let source = Tree::walk(folder.path()).unwrap();
        let program = Tree::file(&judge::path_of("binary/go-module.wasm")).unwrap();
        for trees in [
            [source.clone(), program.clone()],
            [program.clone(), source.clone()],
        ] {
            let bom = judge::document_of_trees(&trees).bom;
            let json = String::from_utf8(bom.to_json().unwrap()).unwrap();
            assert!(!json.contains("@1.21\""), "the minimum is still there");
            let needs = judge::depends_on(&bom, MAIN);
            assert!(needs.contains(&"pkg:golang/std@1.26.8"), "{needs:?}");
            let std = judge::component(&bom, "pkg:golang/std@1.26.8");
            assert!(std.properties.iter().all(|each| each.value != "minimum"));
        }
        let bom = judge::document_of_trees(&[source]).bom;
        assert!(judge::depends_on(&bom, MAIN).contains(&"pkg:golang/std@1.21"));
    }
}
