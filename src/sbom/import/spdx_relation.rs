//! Relationships of SPDX 2.3 (§11).

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::inventory::Relation;
use super::super::model::Aggregate;
use super::spdx::array;
use super::{Document, ImportError};

/// The document itself (SPDX 2.3 §6.3).
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// What a relationship means here.
enum Meaning {
    /// The first needs or contains the second.
    Forward(Relation),
    /// The second needs or contains the first.
    Backward(Relation),
    /// The first is the document, the second what it describes.
    Describes,
    /// The other way round.
    Described,
    /// Something that prov's document can't say.
    Other,
}

fn meaning(kind: &str) -> Meaning {
    use Meaning::{Backward, Described, Describes, Forward, Other};
    match kind {
        "DESCRIBES" => Describes,
        "DESCRIBED_BY" => Described,
        "CONTAINS" => Forward(Relation::Contains),
        "CONTAINED_BY" | "PACKAGE_OF" => Backward(Relation::Contains),
        "DEPENDS_ON" | "HAS_PREREQUISITE" | "STATIC_LINK" | "DYNAMIC_LINK" => {
            Forward(Relation::Normal)
        }
        "DEPENDENCY_OF" | "RUNTIME_DEPENDENCY_OF" | "PREREQUISITE_FOR" => {
            Backward(Relation::Normal)
        }
        "OPTIONAL_DEPENDENCY_OF" | "OPTIONAL_COMPONENT_OF" | "PROVIDED_DEPENDENCY_OF" => {
            Backward(Relation::Optional)
        }
        "BUILD_DEPENDENCY_OF" | "BUILD_TOOL_OF" => Backward(Relation::Build),
        "DEV_DEPENDENCY_OF" | "DEV_TOOL_OF" | "TEST_DEPENDENCY_OF" | "TEST_TOOL_OF" => {
            Backward(Relation::Dev)
        }
        // What is generated needed its source to be built.
        "GENERATED_FROM" => Forward(Relation::Build),
        "GENERATES" => Backward(Relation::Build),
        _ => Other,
    }
}

/// Reads who needs and contains whom, and what the document describes.
pub(super) fn read(value: &Value, document: &mut Document) -> Result<(), ImportError> {
    let mut roots = BTreeSet::new();
    let described = array(value, "documentDescribes")?;
    roots.extend(
        described
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned),
    );
    for (index, each) in array(value, "relationships")?.iter().enumerate() {
        let field = |what: &'static str| {
            let text = each[what].as_str().filter(|text| !text.is_empty());
            text.ok_or_else(|| ImportError::Missing {
                at: format!("/relationships/{index}"),
                what,
            })
        };
        let from = field("spdxElementId")?.to_owned();
        let to = field("relatedSpdxElement")?.to_owned();
        let kind = field("relationshipType")?;
        match meaning(kind) {
            // SPDX 2.3 §11.1: to have none is something that can be said.
            Meaning::Forward(relation) if to == "NONE" => {
                let known = (from, Aggregate::Complete);
                match relation {
                    Relation::Contains => document.parts.push(known),
                    _ => document.dependencies.push(known),
                }
            }
            _ if to == "NOASSERTION" || to == "NONE" => {}
            Meaning::Forward(relation) => document.relations.push((from, relation, to)),
            Meaning::Backward(relation) => document.relations.push((to, relation, from)),
            Meaning::Describes if from == DOCUMENT => {
                roots.insert(to);
            }
            Meaning::Described if to == DOCUMENT => {
                roots.insert(from);
            }
            _ => {
                let what = format!("relationships {kind}");
                *document.left_out.entry(what).or_default() += 1;
            }
        }
    }
    // SPDX 2.2 had the files of a package beside its other fields.
    for each in array(value, "packages")? {
        let Some(package) = each["SPDXID"].as_str() else {
            continue;
        };
        for file in array(each, "hasFiles")?.iter().filter_map(Value::as_str) {
            let part = (package.to_owned(), Relation::Contains, file.to_owned());
            document.relations.push(part);
        }
    }
    document.roots = roots.into_iter().collect();
    Ok(())
}
