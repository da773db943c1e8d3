use std::sync::Mutex;

use super::*;
use crate::oci::{self, IMAGE_MANIFEST, Memory, put_bytes, wait};

/// A store in memory that remembers what it was asked, and fails where a test wants it to.
#[derive(Clone, Default)]
struct Fake {
    memory: Arc<Memory>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Whatever it is asked.
    fails: Option<fn() -> OciError>,
    /// After so many bytes of content.
    breaks_off: Option<usize>,
    damages: bool,
}

impl Fake {
    fn failing(fails: fn() -> OciError) -> Self {
        Self {
            fails: Some(fails),
            ..Self::default()
        }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn ask(&self, what: impl ToString) -> Result<&Memory, OciError> {
        self.asked.lock().unwrap().push(what.to_string());
        match self.fails {
            Some(fails) => Err(fails()),
            None => Ok(&self.memory),
        }
    }

    /// Keeps an image under `v1` and gives it.
    fn with_image(&self, annotation: &str) -> Manifest {
        let annotations = [("a".to_owned(), annotation.to_owned())].into();
        let config = Descriptor::of("c", b"{}");
        let image = Manifest::image(None, &config, &[], None, &annotations).unwrap();
        wait(self.memory.put_manifest(&image, Some("v1")))
            .unwrap()
            .unwrap();
        image
    }

    fn with_bytes(&self, bytes: &Bytes) -> Descriptor {
        wait(put_bytes(&*self.memory, "b", bytes)).unwrap().unwrap()
    }
}

impl Store for Fake {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        async move { self.ask(name)?.manifest(name).await }.boxed()
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        async move {
            let blob = self.ask(&descriptor.digest)?.blob(descriptor).await?;
            let mut bytes = blob.read(u64::MAX).await?.to_vec();
            if self.damages {
                bytes[0] ^= 1;
            }
            let end = self.breaks_off.unwrap_or(bytes.len());
            let mut chunks = vec![Ok(Bytes::copy_from_slice(&bytes[..end]))];
            if self.breaks_off.is_some() {
                chunks.push(Err(unreachable()));
            }
            Ok(Blob::new(descriptor, stream::iter(chunks).boxed()))
        }
        .boxed()
    }

    fn put_blob<'a>(&'a self, _: &'a Descriptor, _: Content<'a>) -> Answer<'a, bool> {
        panic!("written to")
    }

    fn put_manifest<'a>(&'a self, _: &'a Manifest, _: Option<&'a str>) -> Answer<'a, ()> {
        panic!("written to")
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        async move { self.ask("referrers")?.referrers(subject).await }.boxed()
    }

    fn list<'a>(&'a self, _: &'a Digest, _: &'a [Descriptor]) -> Answer<'a, ()> {
        panic!("written to")
    }
}

fn unreachable() -> OciError {
    OciError::Connection {
        host: "far".to_owned(),
        what: "it".to_owned(),
        source: "no way".into(),
    }
}

fn denied() -> OciError {
    OciError::Denied {
        host: "far".to_owned(),
        what: "it".to_owned(),
        answer: "403".to_owned(),
    }
}

const FAILURES: [fn() -> OciError; 6] = [
    unreachable,
    denied,
    || OciError::Slow {
        host: "far".to_owned(),
        what: "it".to_owned(),
    },
    || OciError::Answer {
        host: "far".to_owned(),
        what: "it".to_owned(),
        answer: "500".to_owned(),
    },
    || OciError::Tls("no".to_owned()),
    || OciError::Manifest("it is none".to_owned()),
];

fn before(mirrors: &[&Fake], origin: Result<&Fake, Blocked>) -> Mirrored {
    let mirrors = mirrors.iter().enumerate().map(|(number, fake)| Mirror {
        name: format!("mirror{number}"),
        store: Box::new(Fake::clone(fake)),
        tags: true,
        down: OnceLock::new(),
    });
    Mirrored(Arc::new(Stores {
        mirrors: mirrors.collect(),
        refused: Vec::new(),
        origin: origin.map(|fake| Box::new(fake.clone()) as Box<dyn Store>),
    }))
}

fn v1() -> Name {
    Name::Tag("v1".to_owned())
}

fn manifest(store: &Mirrored, name: &Name) -> Result<Digest, OciError> {
    wait(store.manifest(name))
        .unwrap()
        .map(|it| it.digest().clone())
}

fn read(store: &Mirrored, descriptor: &Descriptor) -> Result<Bytes, OciError> {
    wait(async { store.blob(descriptor).await?.read(u64::MAX).await }).unwrap()
}

#[test]
fn the_first_that_has_it_is_enough() {
    let (empty, full, origin) = (Fake::default(), Fake::default(), Fake::default());
    let image = full.with_image("mirrored");
    origin.with_image("newer");
    let store = before(&[&empty, &full], Ok(&origin));
    assert_eq!(
        manifest(&store, &v1()).unwrap(),
        *image.digest(),
        "a tag is what the mirror takes it for"
    );
    assert_eq!((empty.asked(), full.asked(), origin.asked()), (1, 1, 0));
    // Where no mirror has it, the origin's answer is the answer.
    let none = Name::Tag("v2".to_owned());
    assert!(manifest(&store, &none).unwrap_err().is_not_found());
    assert_eq!(origin.asked(), 1);
}

#[test]
fn a_mirror_that_fails_leads_to_the_next() {
    for fails in FAILURES {
        let (broken, origin) = (Fake::failing(fails), Fake::default());
        let image = origin.with_image("a");
        let layer = origin.with_bytes(&Bytes::from_static(b"abc"));
        let store = before(&[&broken], Ok(&origin));
        assert_eq!(manifest(&store, &v1()).unwrap(), *image.digest());
        assert_eq!(read(&store, &layer).unwrap(), "abc");
        let listed = wait(store.referrers(image.digest())).unwrap();
        assert!(listed.unwrap().is_empty());
        // One that can't be reached is not asked for everything again.
        let is_down = !matches!(
            fails(),
            OciError::Denied { .. } | OciError::Answer { .. } | OciError::Manifest(_)
        );
        assert_eq!(broken.asked(), if is_down { 1 } else { 3 }, "{}", fails());
    }
}

#[test]
fn a_mirror_for_digests_is_not_asked_for_tags() {
    let (mirror, origin) = (Fake::default(), Fake::default());
    let stale = mirror.with_image("stale");
    let image = origin.with_image("fresh");
    let mut store = before(&[&mirror], Ok(&origin));
    Arc::get_mut(&mut store.0).unwrap().mirrors[0].tags = false;
    assert_eq!(manifest(&store, &v1()).unwrap(), *image.digest());
    assert_eq!(mirror.asked(), 0);
    let digest = Name::Digest(stale.digest().clone());
    assert_eq!(manifest(&store, &digest).unwrap(), *stale.digest());
}

#[test]
fn that_nothing_is_attached_only_the_origin_can_say() {
    let subject = Fake::default().with_image("subject");
    let referrer = |fake: &Fake, about: &str| {
        let annotations = [("about".to_owned(), about.to_owned())].into();
        let config = Descriptor::of("c", b"{}");
        let subject = Descriptor::new(
            IMAGE_MANIFEST,
            subject.digest().clone(),
            subject.bytes().len() as u64,
        );
        let manifest = Manifest::image(None, &config, &[], Some(&subject), &annotations).unwrap();
        wait(fake.memory.put_manifest(&manifest, None))
            .unwrap()
            .unwrap();
    };
    let count = |store: &Mirrored| {
        let listed = wait(store.referrers(subject.digest())).unwrap();
        listed.map(|listed| listed.len())
    };
    let (none, one, two) = (Fake::default(), Fake::default(), Fake::default());
    referrer(&one, "a");
    referrer(&two, "a");
    referrer(&two, "b");
    // What a mirror lists stands; that it lists nothing does not.
    assert_eq!(count(&before(&[&none, &one], Ok(&two))).unwrap(), 1);
    assert_eq!(two.asked(), 0);
    assert_eq!(count(&before(&[&none], Ok(&two))).unwrap(), 2);
    assert_eq!(count(&before(&[&none], Ok(&none))).unwrap(), 0);
    // And without the origin it is not known.
    for fails in FAILURES.iter().take(5) {
        let origin = Fake::failing(*fails);
        let error = count(&before(&[&none], Ok(&origin))).unwrap_err();
        assert!(!error.is_about_content(), "{error}");
        match &error {
            OciError::Everywhere { error, mirrors } => {
                assert_eq!(error.to_string(), fails().to_string());
                assert_eq!(mirrors, &["mirror0: it lists nothing"]);
            }
            _ => panic!("{error}"),
        }
        assert_eq!(count(&before(&[&one], Ok(&origin))).unwrap(), 1);
    }
}

/// A mirror that has a list and not what it lists.
#[test]
fn what_a_mirror_lists_and_lacks_is_had_elsewhere() {
    let (mirror, origin) = (Fake::default(), Fake::default());
    let image = origin.with_image("a");
    let config = Descriptor::of("c", b"{}");
    let referrer = Manifest::image(
        None,
        &config,
        &[],
        Some(&image.descriptor()),
        &Default::default(),
    )
    .unwrap();
    wait(origin.memory.put_manifest(&referrer, None))
        .unwrap()
        .unwrap();
    /// Lists what it does not have.
    struct Lists(Descriptor, Fake);
    impl Store for Lists {
        fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
            self.1.manifest(name)
        }
        fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
            self.1.blob(descriptor)
        }
        fn put_blob<'a>(&'a self, _: &'a Descriptor, _: Content<'a>) -> Answer<'a, bool> {
            panic!("written to")
        }
        fn put_manifest<'a>(&'a self, _: &'a Manifest, _: Option<&'a str>) -> Answer<'a, ()> {
            panic!("written to")
        }
        fn referrers<'a>(&'a self, _: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
            async { Ok(vec![self.0.clone()]) }.boxed()
        }
        fn list<'a>(&'a self, _: &'a Digest, _: &'a [Descriptor]) -> Answer<'a, ()> {
            panic!("written to")
        }
    }
    let found = |origin: &Fake| {
        let mut store = before(&[&mirror], Ok(origin));
        Arc::get_mut(&mut store.0).unwrap().mirrors[0].store =
            Box::new(Lists(referrer.referrer(), mirror.clone()));
        wait(oci::referrers(&store, image.digest())).unwrap()
    };
    assert_eq!(
        found(&origin).unwrap()[0]
            .manifest
            .as_ref()
            .unwrap()
            .digest(),
        referrer.digest()
    );
    // Gone is what the origin says is gone; that it can't be reached says nothing.
    assert!(found(&Fake::default()).unwrap()[0].manifest.is_err());
    assert!(found(&Fake::failing(unreachable)).is_err());
}

#[test]
fn content_comes_whole_from_whoever_has_it() {
    for size in [3, HELD as usize + 3] {
        let bytes: Bytes = (0..size)
            .map(|number| number as u8)
            .collect::<Vec<_>>()
            .into();
        let origin = Fake::default();
        let layer = origin.with_bytes(&bytes);
        let like = |change: fn(&mut Fake)| {
            let mut fake = Fake {
                asked: Arc::default(),
                ..origin.clone()
            };
            change(&mut fake);
            fake
        };
        // Several that break off, each a little later.
        let first = like(|fake| fake.breaks_off = Some(1));
        let second = like(|fake| fake.breaks_off = Some(2));
        let third = like(|_| {});
        let lacks = Fake::default();
        let store = before(&[&first, &second, &lacks, &third], Ok(&origin));
        assert_eq!(read(&store, &layer).unwrap(), bytes);
        assert_eq!((third.asked(), origin.asked()), (1, 0));
        let store = before(&[&first, &second], Ok(&origin));
        assert_eq!(read(&store, &layer).unwrap(), bytes);
        // All of them do: what the origin says is said.
        let error = read(&before(&[&first], Ok(&second)), &layer).unwrap_err();
        assert!(matches!(error, OciError::Connection { .. }), "{error}");
        let none = read(&before(&[&first], Ok(&lacks)), &layer).unwrap_err();
        assert_eq!(none.is_not_found(), size < HELD as usize, "{none}");

        // What is damaged is had elsewhere while none of it was passed on; else it is
        // told whose it is, and is no word about the content.
        let damaged = like(|fake| fake.damages = true);
        let read = read(&before(&[&damaged], Ok(&origin)), &layer);
        match size {
            3 => assert_eq!(read.unwrap(), bytes),
            _ => {
                let error = read.unwrap_err();
                assert!(!error.is_about_content(), "{error}");
                assert!(error.to_string().contains("the mirror mirror0"), "{error}");
                let held = async {
                    let store = before(&[&damaged], Ok(&origin));
                    store.blob(&layer).await?.into_held("a", u64::MAX).await
                };
                let error = wait(held).unwrap().unwrap_err();
                assert!(matches!(error, OciError::Mirror { .. }), "{error}");
            }
        }
        // Begun by one that damages it, and ended by an honest one.
        let both = like(|fake| {
            fake.damages = true;
            fake.breaks_off = Some(2);
        });
        let read = self::read(&before(&[&both], Ok(&origin)), &layer);
        match size {
            3 => assert_eq!(read.unwrap(), bytes),
            _ => assert!(matches!(read, Err(OciError::Mirror { .. }))),
        }
        // The origin's own damage is damage.
        let read = self::read(&before(&[&lacks], Ok(&damaged)), &layer);
        assert!(matches!(read, Err(OciError::OtherDigest { .. })));
    }
}

#[test]
fn a_blocked_origin_is_not_asked() {
    let (mirror, origin) = (Fake::default(), Fake::default());
    let image = mirror.with_image("a");
    let blocked = Blocked {
        name: "example.com".to_owned(),
        path: "registries.conf".into(),
        line: 3,
    };
    let store = before(&[&mirror], Err(blocked));
    assert_eq!(manifest(&store, &v1()).unwrap(), *image.digest());
    let layer = Descriptor::of("b", b"abc");
    let listed = wait(store.referrers(image.digest())).unwrap();
    for error in [read(&store, &layer).unwrap_err(), listed.unwrap_err()] {
        assert!(!error.is_about_content());
        assert_eq!(
            error.to_string(),
            "`example.com` is blocked by `registries.conf` line 3"
        );
    }
    assert_eq!(origin.asked(), 0);
}

#[test]
fn nothing_is_written_where_it_could_not_be_read_back() {
    let (mirror, origin) = (Fake::default(), Fake::default());
    let image = mirror.with_image("a");
    let store = before(&[&mirror], Ok(&origin));
    let subject = image.descriptor();
    assert!(
        wait(store.put_manifest(&image, Some("v1")))
            .unwrap()
            .is_err()
    );
    assert!(
        wait(store.list(image.digest(), &[subject]))
            .unwrap()
            .is_err()
    );
    let bytes = Bytes::from_static(b"abc");
    assert!(wait(put_bytes(&store, "a", &bytes)).unwrap().is_err());
}
