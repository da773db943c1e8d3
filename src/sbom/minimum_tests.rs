use super::super::component::{Contact, Hash};
use super::super::license::LicenseChoice;
use super::*;
use crate::artifact::Digest;

fn completed(component: Component) -> Component {
    let purl = component.purl.clone();
    let id = purl.map_or_else(
        || Ref::artifact(&Digest::sha256(b"")),
        |purl| Ref::package(&purl),
    );
    let mut components = BTreeMap::from([(id, component)]);
    complete(&mut components, &BTreeSet::new(), &Settings::default());
    components.into_values().next().unwrap()
}

fn crate_a() -> Component {
    Component::package("a", Purl::cargo("a", "1.0.0").unwrap())
}

fn producer_of(component: Component) -> String {
    completed(component).manufacturer.unwrap().name.unwrap()
}

fn values<'a>(component: &'a Component, name: &str) -> Vec<&'a str> {
    let properties = component.properties.iter();
    properties
        .filter(|each| each.name == name)
        .map(|each| &each.value[..])
        .collect()
}

#[test]
fn the_producer_is_who_the_component_itself_names() {
    let mut component = crate_a();
    component.reference(ReferenceKind::Vcs, "https://github.com/ada/a.git");
    assert_eq!(producer_of(component.clone()), "github.com/ada");
    component.authors = vec![Contact::parse("Ada <ada@example.org>")];
    assert_eq!(producer_of(component.clone()), "Ada");
    let maker = completed(component.clone()).manufacturer.unwrap();
    assert_eq!(maker.url, ["https://github.com/ada/a.git"]);
    assert_eq!(maker.contact, component.authors);
    for name in ["B", "C", "D"] {
        component.authors.push(Contact::parse(name));
    }
    assert_eq!(producer_of(component), "Ada, B, C and others");
    let mut page = crate_a();
    page.reference(ReferenceKind::Website, "https://example.org/a");
    assert_eq!(producer_of(page), "example.org");
    let module = Purl::golang("github.com/x/y/v2", "v2.0.0").unwrap();
    assert_eq!(producer_of(Component::package("y", module)), "github.com/x");
    // A path that is no place names nobody.
    let module = Purl::golang("guest/main", "").unwrap();
    assert_eq!(producer_of(Component::package("g", module)), "unknown");
}

#[test]
fn the_supplier_is_the_registry_that_the_package_url_means() {
    let of = |purl: Purl| {
        let supplier = completed(Component::package("a", purl)).supplier;
        supplier.and_then(|supplier| supplier.name)
    };
    let cargo = || Purl::cargo("a", "1.0.0").unwrap();
    assert_eq!(of(cargo()).as_deref(), Some("crates.io"));
    let pypi = Purl::pypi("a", "1.0.0").unwrap();
    assert_eq!(of(pypi).as_deref(), Some("PyPI"));
    let other = cargo().with("repository_url", "https://crates.example.org/index");
    assert_eq!(of(other).as_deref(), Some("crates.example.org"));
    let vcs = cargo().with("vcs_url", "git+https://git.example.org/a@0123");
    assert_eq!(of(vcs).as_deref(), Some("git.example.org"));
    assert_eq!(of(cargo().with("download_url", "file://a")), None);
    assert_eq!(of(cargo().with("vcs_url", "git")), None);
    assert_eq!(of(Purl::generic("a", "1").unwrap()), None);
}

#[test]
fn what_is_not_known_is_said_and_what_is_known_is_not() {
    let bare = completed(crate_a());
    assert_eq!(
        values(&bare, UNKNOWN),
        [
            "Component Producer",
            "Component License",
            "Component Hash Value"
        ]
    );
    let mut known = crate_a();
    known.licenses.extend(LicenseChoice::declared("MIT"));
    known.hashes = vec![Hash::from(&Digest::sha256(b"a"))];
    known.authors = vec![Contact::parse("Ada")];
    assert_eq!(values(&completed(known), UNKNOWN), [""; 0]);
    let module = Purl::golang("github.com/x/y", "").unwrap();
    let module = completed(Component::package("y", module));
    assert_eq!(module.version.as_deref(), Some("unknown"));
    assert!(values(&module, UNKNOWN).contains(&"Component Version"));
}

#[test]
fn a_deployable_is_described_and_a_folder_is_not() {
    let mut component = crate_a();
    component.hashes = vec![Hash::from(&Digest::sha256(b"a"))];
    let url = "https://static.crates.io/crates/a/a-1.0.0.crate";
    component.reference(ReferenceKind::Distribution, url);
    let component = completed(component);
    assert_eq!(
        values(&component, "bsi:component:filename"),
        ["a-1.0.0.crate"]
    );
    assert_eq!(values(&component, "bsi:component:archive"), ["archive"]);
    assert_eq!(component.external_references[0].hashes, component.hashes);

    // Of a package of one file either digest is that of the other; of two, none.
    let mut wheel = Component::package("a", Purl::pypi("a", "1.0.0").unwrap());
    wheel.reference(
        ReferenceKind::Distribution,
        "https://example.org/a-1-none-any.whl",
    );
    wheel.external_references[0].hashes = component.hashes.clone();
    assert_eq!(completed(wheel.clone()).hashes, component.hashes);
    wheel.reference(
        ReferenceKind::Distribution,
        "https://example.org/a-1-other.whl",
    );
    let wheels = completed(wheel);
    assert_eq!(wheels.hashes, []);
    assert_eq!(values(&wheels, "bsi:component:filename"), [""; 0]);
    assert_eq!(values(&wheels, "bsi:component:archive"), ["archive"]);

    let program = completed(Component::file("app", &Digest::sha256(b"app")));
    assert_eq!(values(&program, "bsi:component:filename"), ["app"]);
    let purl = format!("pkg:generic/app?checksum={}", Digest::sha256(b"app"));
    assert_eq!(program.purl.as_ref().unwrap().to_string(), purl);
    assert_eq!(values(&program, "bsi:component:executable"), ["executable"]);
    assert_eq!(
        values(&program, "bsi:component:structured"),
        ["unstructured"]
    );

    let folder = Purl::cargo("a", "1.0.0")
        .unwrap()
        .with("download_url", "file://a");
    let folder = completed(Component::package("a", folder));
    assert_eq!(values(&folder, "bsi:component:executable"), [""; 0]);
}

#[test]
fn the_products_own_parts_come_from_who_supplies_the_product() {
    let url = "https://github.com/ada/a";
    let mut product = Component::package("a", Purl::golang("github.com/ada/a", "").unwrap());
    product.reference(ReferenceKind::Vcs, url);
    let id = Ref::package(product.purl.as_ref().unwrap());
    let part = Purl::cargo("b", "1.0.0")
        .unwrap()
        .with("download_url", "file://b");
    let part_id = Ref::package(&part);
    let parts = [
        (id.clone(), product),
        (part_id.clone(), Component::package("b", part)),
    ];
    let products = BTreeSet::from([id.clone()]);
    let mut components = BTreeMap::from(parts.clone());
    let supplier = complete(&mut components, &products, &Settings::default()).unwrap();
    assert_eq!(supplier.name.as_deref(), Some("github.com/ada"));
    assert_eq!(components[&part_id].supplier, Some(supplier));
    // What the caller says goes before what was found.
    let stated = Organization {
        name: Some("Example".to_owned()),
        ..Organization::default()
    };
    let mut components = BTreeMap::from(parts);
    let settings = Settings {
        supplier: Some(stated.clone()),
        ..Settings::default()
    };
    complete(&mut components, &products, &settings);
    assert_eq!(components[&id].supplier, Some(stated));
}

#[test]
fn lifecycles_are_those_in_which_something_was_seen() {
    let phases = |techniques: &[Technique], stated| -> Vec<Phase> {
        let components: Vec<_> = techniques
            .iter()
            .map(|technique| crate_a().seen(Occurrence::at("x"), *technique))
            .collect();
        let cycles = lifecycles(&components, stated);
        cycles.into_iter().map(|each| each.phase).collect()
    };
    use Technique::{BinaryAnalysis, ManifestAnalysis};
    assert_eq!(phases(&[ManifestAnalysis], None), [Phase::PreBuild]);
    assert_eq!(
        phases(&[BinaryAnalysis, ManifestAnalysis], Some(Phase::Build)),
        [Phase::PreBuild, Phase::Build, Phase::PostBuild]
    );
    assert_eq!(phases(&[], None), []);
    let seen = Occurrence::at("lib/site-packages/a-1.dist-info/METADATA");
    let installed = crate_a().seen(seen, ManifestAnalysis);
    assert_eq!(lifecycles([&installed], None)[0].phase, Phase::PostBuild);
}

#[test]
fn licences_are_concluded_only_when_somebody_concludes_them() {
    let mut component = crate_a();
    component.licenses.extend(LicenseChoice::declared("MIT"));
    assert_eq!(completed(component.clone()).licenses.len(), 1);
    component.licenses.extend(LicenseChoice::declared("my own"));
    let id = Ref::package(component.purl.as_ref().unwrap());
    let mut components = BTreeMap::from([(id.clone(), component)]);
    let settings = Settings {
        conclude_licenses: true,
        ..Settings::default()
    };
    complete(&mut components, &BTreeSet::new(), &settings);
    let licenses = &components[&id].licenses;
    assert_eq!(licenses.len(), 3);
    let concluded = LicenseChoice::declared("MIT").unwrap().concluded();
    assert!(licenses.contains(&concluded.unwrap()));
}

#[test]
fn what_one_document_does_not_know_another_may() {
    let gaps = completed(Component::package("a", Purl::golang("a", "").unwrap()));
    assert_eq!(gaps.version.as_deref(), Some("unknown"));
    let mut known = Component::package("a", Purl::golang("a", "").unwrap());
    known.version = Some("2.0.0".to_owned());
    known.authors = vec![Contact::parse("Ada")];
    let mut inventory = Inventory::default();
    inventory.add(gaps).unwrap();
    let id = inventory.add(known).unwrap();
    let both = completed(inventory.get(&id).unwrap().clone());
    assert_eq!(both.version.as_deref(), Some("2.0.0"));
    assert_eq!(both.manufacturer.unwrap().name.as_deref(), Some("Ada"));
    let gaps = both.properties.iter();
    assert!(gaps.clone().all(|each| each.value != "Component Version"));
    // A file is the same file after it was given a package URL.
    let file = Component::file("app", &Digest::sha256(b"app"));
    let id = inventory.add(file.clone()).unwrap();
    assert_eq!(inventory.add(completed(file)).unwrap(), id);
}
