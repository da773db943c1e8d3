//! A layout as it was at one moment: every manifest of its index is read once, however
//! many artifacts are asked about.

use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt as _;

use crate::artifact::Digest;

use super::layout::{MAX_ENTRIES, REF_NAME};
use super::{Answer, Blob, Content, Descriptor, Layout, Manifest, Name, OciError, Store, fallback};

/// A layout as it was when it was read. Nothing can be put into it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    layout: Layout,
    artifacts: Vec<Tagged>,
    by_subject: HashMap<Digest, Vec<Descriptor>>,
    /// Lists of referrers by the tag that they stand under.
    lists: BTreeMap<String, Manifest>,
}

/// A manifest that refers to nothing, and its tags.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The digest.
    pub digest: Digest,
    /// All its tags, in the order of the index.
    pub tags: Vec<String>,
}

impl Layout {
    /// Reads the index and every manifest in it.
    pub fn snapshot(&self) -> Result<Snapshot, OciError> {
        let entries = self.entries()?;
        if entries.len() > MAX_ENTRIES {
            return Err(OciError::TooMany {
                what: "entries of index.json",
                limit: MAX_ENTRIES,
            });
        }
        let mut snapshot = Snapshot {
            layout: self.clone(),
            artifacts: Vec::new(),
            by_subject: HashMap::new(),
            lists: BTreeMap::new(),
        };
        let mut places: HashMap<Digest, usize> = HashMap::new();
        for entry in entries.into_iter().filter(Descriptor::is_manifest) {
            let manifest = self.read_manifest(&entry.digest, Some(&entry.media_type))?;
            let tag = entry.annotations.get(REF_NAME);
            match (&manifest.subject, tag) {
                (_, Some(tag)) if is_list_tag(tag) => {
                    snapshot.lists.insert(tag.clone(), manifest);
                }
                (Some(subject), _) => {
                    let subject = subject.digest.clone();
                    let listed = snapshot.by_subject.entry(subject).or_default();
                    listed.push(manifest.referrer());
                }
                (None, tag) => {
                    let place = *places.entry(entry.digest.clone()).or_insert_with(|| {
                        snapshot.artifacts.push(Tagged {
                            digest: entry.digest.clone(),
                            tags: Vec::new(),
                        });
                        snapshot.artifacts.len() - 1
                    });
                    snapshot.artifacts[place].tags.extend(tag.cloned());
                }
            }
        }
        Ok(snapshot)
    }
}

impl Snapshot {
    /// What is in the layout and refers to nothing else, in the order of its index.
    pub fn artifacts(&self) -> &[Tagged] {
        &self.artifacts
    }

    fn find_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let mut found = self.by_subject.get(subject).cloned().unwrap_or_default();
        if let Some(list) = self.lists.get(&fallback::tag(subject)) {
            found.extend(fallback::entries(list, subject)?);
        }
        fallback::each_once(found)
    }

    fn only_read<T>(&self) -> Result<T, OciError> {
        Err(self.layout.refuse("it is only read"))
    }
}

/// Tags under which others keep what refers to a digest: the referrers tag schema's
/// `sha256-<hex>`, and cosign's with an ending.
fn is_list_tag(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").or(tag.strip_prefix("sha512-"));
    hex.is_some_and(|hex| {
        let digits = hex.split('.').next().unwrap_or_default();
        digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl Store for Snapshot {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        self.layout.manifest(name)
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        self.layout.blob(descriptor)
    }

    fn put_blob<'a>(&'a self, _: &'a Descriptor, _: Content<'a>) -> Answer<'a, bool> {
        async { self.only_read() }.boxed()
    }

    fn put_manifest<'a>(&'a self, _: &'a Manifest, _: Option<&'a str>) -> Answer<'a, ()> {
        async { self.only_read() }.boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        async { self.find_referrers(subject) }.boxed()
    }

    fn list<'a>(&'a self, _: &'a Digest, _: &'a [Descriptor]) -> Answer<'a, ()> {
        async { self.only_read() }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::oci::{EMPTY, EMPTY_TYPE, wait};

    fn image(subject: Option<&Descriptor>, kind: &str) -> Manifest {
        let config = Descriptor::of(EMPTY_TYPE, EMPTY);
        Manifest::image(Some(kind), &config, &[], subject, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn says_what_the_layout_says() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let (one, two) = (image(None, "a/one"), image(None, "a/two"));
        let referrer = image(Some(&one.descriptor()), "a/note");
        let listed = image(Some(&two.descriptor()), "a/listed");
        let list = Manifest::index(None, &[listed.referrer()], &BTreeMap::new()).unwrap();
        let list_tag = fallback::tag(two.digest());
        wait(async {
            layout.put_manifest(&one, Some("v1")).await.unwrap();
            layout.put_manifest(&one, Some("latest")).await.unwrap();
            layout.put_manifest(&two, Some("v2")).await.unwrap();
            layout.put_manifest(&referrer, None).await.unwrap();
            layout.put_manifest(&listed, None).await.unwrap();
            layout.put_manifest(&list, Some(&list_tag)).await.unwrap();
            let referrers = [referrer.referrer()];
            layout.list(one.digest(), &referrers).await.unwrap();
        })
        .unwrap();
        let snapshot = layout.snapshot().unwrap();
        let found: Vec<_> = snapshot
            .artifacts()
            .iter()
            .map(|each| &each.digest)
            .collect();
        assert_eq!(found, [one.digest(), two.digest()]);
        assert_eq!(snapshot.artifacts()[0].tags, ["v1", "latest"]);
        for manifest in [&one, &two, &referrer] {
            let (here, there) = wait(async {
                let here = snapshot.referrers(manifest.digest()).await.unwrap();
                (here, layout.referrers(manifest.digest()).await.unwrap())
            })
            .unwrap();
            assert_eq!(here, there);
        }
        let put = wait(snapshot.put_manifest(&one, None)).unwrap();
        assert!(matches!(put, Err(OciError::Layout { .. })));
    }

    #[test]
    fn a_damaged_entry_is_never_a_shorter_list() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let one = image(None, "a/one");
        wait(layout.put_manifest(&one, Some("v1")))
            .unwrap()
            .unwrap();
        let path = folder.path().join("blobs/sha256").join(one.digest().hex());
        std::fs::write(path, "{}").unwrap();
        assert!(layout.snapshot().is_err());
    }
}
