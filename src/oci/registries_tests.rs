use super::*;

/// A machine's folders.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, named: Option<&str>) -> Result<Registries, OciError> {
        let named = named.map(|path| self.path(path));
        let home = self.path("home");
        Registries::read(named.as_deref(), Some(&home), &self.path("etc"))
    }
}

fn parsed(text: &str) -> Registries {
    let machine = Machine::new(&[("file", text)]);
    machine.read(Some("file")).unwrap()
}

/// Where `reference` is read: mirrors and origin, as they would be written.
fn places(registries: &Registries, reference: &str) -> Result<Option<Places>, OciError> {
    let reference: Reference = reference.parse().unwrap();
    let Place::Registry(repository) = &reference.place else {
        panic!("a layout");
    };
    registries.places(repository, &reference.name)
}

fn mirrors(registries: &Registries, reference: &str) -> Vec<String> {
    let places = places(registries, reference).unwrap();
    let mirrors = places.map(|places| places.mirrors).unwrap_or_default();
    let written = |mirror: &Mirror| {
        let Repository { host, path, plain } = &mirror.repository;
        format!("{}{host}/{path}", if *plain { "http://" } else { "" })
    };
    mirrors.iter().map(written).collect()
}

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn the_longest_prefix_counts() {
    let registries = parsed(
        r#"
        unqualified-search-registries = ["example.com"]
        short-name-mode = "enforcing"
        unknown = { a = 1 }
        [[registry]]
        location = "example.com"
        mirror = [{ location = "all.example/x" }]
        [[registry]]
        prefix = "example.com/a"
        location = "example.com/a"
        new-key = 1
        [[registry.mirror]]
        location = "a.example"
        [[registry]]
        prefix = "example.com/a/b"
        location = "moved.example/c"
        [[registry.mirror]]
        location = "b.example:5000/deep/er"
        [[registry]]
        prefix = "*.Wild.example"
        [[registry.mirror]]
        location = "wild-mirror.example/w"
        [aliases]
        "a" = "example.com/a"
        "#,
    );
    for (reference, wanted) in [
        ("example.com/x", &["all.example/x/x"][..]),
        ("EXAMPLE.com/x", &["all.example/x/x"]),
        ("example.com/ab", &["all.example/x/ab"]),
        ("example.com/a/x/y:v1", &["a.example/x/y"]),
        ("example.com/a/b", &["b.example:5000/deep/er"]),
        ("example.com/a/b/c", &["b.example:5000/deep/er/c"]),
        ("x.wild.example/a", &["wild-mirror.example/w/a"]),
        ("x.y.wild.example:5000/a", &["wild-mirror.example/w/a"]),
        // Another host, another port, no host below.
        ("example.community/x", &[]),
        ("www.example.com/x", &[]),
        ("example.com:5000/x", &[]),
        ("wild.example/a", &[]),
        ("notwild.example/a", &[]),
    ] {
        assert_eq!(mirrors(&registries, reference), wanted, "{reference}");
    }
    let origin = |text| places(&registries, text).unwrap().unwrap().origin;
    assert_eq!(text(&origin("example.com/a/b/c")), "moved.example/c/c");
    assert_eq!(text(&origin("x.wild.example/a")), "x.wild.example/a");
    assert_eq!(text(&origin("example.com/a/x")), "example.com/a/x");
    // Nothing is left of the name: there is no such mirror, which is told.
    let whole = places(&registries, "example.com/a").unwrap().unwrap();
    assert_eq!(whole.refused, ["a.example: there is no such repository"]);
    assert!(whole.mirrors.is_empty());
}

#[test]
fn docker_hub_has_one_name() {
    let registries =
        parsed("[[registry]]\nlocation = \"docker.io\"\nmirror = [{ location = \"m.example\" }]\n");
    for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        let reference = format!("{host}/library/alpine");
        assert_eq!(
            mirrors(&registries, &reference),
            ["m.example/library/alpine"]
        );
    }
}

#[test]
fn mirrors_for_tags_and_for_digests() {
    let table = |options: &str, mirrors: &str| {
        parsed(&format!(
            "[[registry]]\nlocation = \"a.example\"\n{options}\n{mirrors}"
        ))
    };
    let mirror = |name: &str, pull: &str| {
        format!("[[registry.mirror]]\nlocation = \"{name}.example\"\n{pull}\n")
    };
    let all = table(
        "",
        &[
            mirror("all", "pull-from-mirror = \"all\""),
            mirror("both", "pull-from-mirror = \"\""),
            mirror("digests", "pull-from-mirror = \"digest-only\""),
            mirror("tags", "pull-from-mirror = \"tag-only\""),
        ]
        .concat(),
    );
    let (tag, digest) = ("a.example/x:v1", format!("a.example/x@{DIGEST}"));
    let by_tag = ["all.example/x", "both.example/x", "tags.example/x"];
    assert_eq!(mirrors(&all, tag), by_tag);
    let by_digest = ["all.example/x", "both.example/x", "digests.example/x"];
    assert_eq!(mirrors(&all, &digest), by_digest);
    // Beside a digest, one may be asked for tags and the other may not.
    let places = places(&all, &digest).unwrap().unwrap();
    let believed: Vec<_> = places.mirrors.iter().map(|mirror| mirror.tags).collect();
    assert_eq!(believed, [true, true, false]);

    let pinned = table("mirror-by-digest-only = true", &mirror("m", ""));
    assert!(mirrors(&pinned, tag).is_empty());
    assert_eq!(mirrors(&pinned, &digest), ["m.example/x"]);
}

#[test]
fn plain_http_is_for_this_machine() {
    let registries = parsed(
        r#"
        [[registry]]
        location = "a.example"
        insecure = true
        mirror = [
            { location = "127.0.0.1:5000/x", insecure = true },
            { location = "localhost:5001" },
            { location = "b.example", insecure = true },
            { location = "10.0.0.1:5000", insecure = true },
        ]
        [[registry]]
        prefix = "c.example"
        location = "d.example"
        insecure = true
        "#,
    );
    let found = places(&registries, "a.example/y").unwrap().unwrap();
    assert_eq!(
        mirrors(&registries, "a.example/y"),
        ["http://127.0.0.1:5000/x/y", "localhost:5001/y"]
    );
    assert_eq!(found.refused.len(), 2);
    assert!(found.refused.iter().all(|why| why.contains("`insecure`")));
    assert!(!found.origin.plain);
    assert!(places(&registries, "c.example/y").is_err());
}

#[test]
fn blocked() {
    let registries = parsed(
        r#"
        [[registry]]
        location = "blocked.example"
        blocked = true
        [[registry]]
        location = "blocked.example/but"
        [[registry]]
        location = "mirrored.example"
        blocked = true
        mirror = [{ location = "m.example" }, { location = "blocked.example" }]
        [[registry]]
        prefix = "moved.example"
        location = "blocked.example/moved"
        [[registry]]
        prefix = "a.example/a:v1"
        location = "a.example/a:v1"
        blocked = true
        [[registry]]
        prefix = "a.example/b:v1"
        location = "b.example/b:v1"
        "#,
    );
    let found = |text| places(&registries, text).unwrap().unwrap();
    for text in ["blocked.example/x", "mirrored.example/x", "moved.example/x"] {
        assert!(found(text).blocked.is_some(), "{text}");
    }
    let written = |text: &str| {
        let reference: Reference = text.parse().unwrap();
        let Place::Registry(repository) = &reference.place else {
            panic!("a layout");
        };
        registries.may_write(repository, &reference.name)
    };
    for text in ["blocked.example/x", "mirrored.example/x", "a.example/a:v1"] {
        let refused = written(text);
        assert!(matches!(refused, Err(OciError::Blocked { .. })), "{text}");
    }
    for text in ["moved.example/x", "a.example/a:v2", "a.example/b:v1"] {
        assert!(written(text).is_ok(), "{text}");
    }
    assert!(found("blocked.example/but/x").blocked.is_none());
    // Whoever blocks a registry that has mirrors wants those alone.
    assert_eq!(mirrors(&registries, "mirrored.example/x"), ["m.example/x"]);
    let refused = found("mirrored.example/x").refused;
    assert_eq!(refused, ["blocked.example: it is blocked"]);
    // A prefix with a tag can block, and nothing else.
    let error = places(&registries, "a.example/a:v1").unwrap_err();
    assert!(
        matches!(error, OciError::Blocked { line: 14, .. }),
        "{error:?}"
    );
    assert_eq!(places(&registries, "a.example/a:v2").unwrap(), None);
    let error = places(&registries, "a.example/b:v1").unwrap_err();
    assert!(
        matches!(error, OciError::Registries { line: 18, .. }),
        "{error:?}"
    );
}

#[test]
fn the_order_of_files() {
    let table = |prefix: &str, mirror: &str| {
        format!(
            "[[registry]]\nlocation = \"{prefix}.example\"\nmirror = [{{ location = \"{mirror}.example\" }}]\n"
        )
    };
    let twice = table("a", "first") + &table("a", "second");
    let files = [
        ("etc/containers/registries.conf", twice.as_str()),
        (
            "etc/containers/registries.conf.d/20.conf",
            &table("b", "etc20"),
        ),
        (
            "etc/containers/registries.conf.d/10.conf",
            &table("b", "etc10"),
        ),
        ("etc/containers/registries.conf.d/30.conf.bak", "broken"),
        (
            "etc/containers/registries.conf.d/sub.conf/40.conf",
            "broken",
        ),
        (
            "home/.config/containers/registries.conf.d/00.conf",
            &table("c", "user"),
        ),
        ("named", &table("a", "named")),
    ];
    let seen = |machine: &Machine, named| {
        let registries = machine.read(named).unwrap();
        ["a", "b", "c"].map(|name| {
            let found = mirrors(&registries, &format!("{name}.example/x"));
            found
                .first()
                .map_or(String::new(), |text| text.replace(".example/x", ""))
        })
    };
    let machine = Machine::new(&files);
    assert_eq!(seen(&machine, None), ["first", "etc20", "user"]);
    assert_eq!(seen(&machine, Some("named")), ["named", "etc20", "user"]);
    let own = table("a", "own");
    let own = [("home/.config/containers/registries.conf", own.as_str())];
    let machine = Machine::new(&[&files[..], &own].concat());
    assert_eq!(seen(&machine, None), ["own", "", "user"]);
    assert_eq!(seen(&machine, Some("named")), ["named", "etc20", "user"]);
    // None at all, and one that is named and not there.
    assert!(Machine::new(&[]).read(None).unwrap().0.is_empty());
    let error = machine.read(Some("missing")).unwrap_err().to_string();
    assert!(error.ends_with("missing`: it is not there"), "{error}");
}

#[test]
fn version_1_is_left_alone() {
    let old = parsed("[registries.search]\nregistries = ['example.com']\n");
    assert!(old.0.is_empty());
}

#[test]
fn a_broken_file_names_path_and_line() {
    for (line, text) in [
        (2, "[[registry]]\nlocation = \n"),
        (2, "[[registry]]\nlocation = 1\n"),
        (1, "registry = 1\n"),
        (2, "\n[[registry]]\n"),
        (1, "[[registry]]\nprefix = \"a.example\"\n"),
        (
            1,
            "[[registry]]\nprefix = \"*.a.example/b\"\nlocation = \"b\"\n",
        ),
        (1, "[[registry]]\nlocation = \"https://a.example\"\n"),
        (1, "[[registry]]\nlocation = \"user:secret@a.example\"\n"),
        (3, "[[registry]]\nlocation = \"a\"\nblocked = \"yes\"\n"),
        (
            3,
            "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\ninsecure = true\n",
        ),
        (
            3,
            "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"http://b\"\n",
        ),
        (
            5,
            "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"tags\"\n",
        ),
        (
            4,
            "[[registry]]\nlocation = \"a\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"all\"\n",
        ),
    ] {
        let machine = Machine::new(&[("file", text)]);
        let error = machine.read(Some("file")).unwrap_err();
        let wanted = format!("file` line {line}: ");
        assert!(error.to_string().contains(&wanted), "{text}{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let folder = Machine::new(&[("file", "")]);
    fs::write(folder.path("file"), b"a = 1\n\xff").unwrap();
    let error = folder.read(Some("file")).unwrap_err().to_string();
    assert!(error.ends_with("line 2: it is no UTF-8"), "{error}");
}

#[test]
fn limits() {
    let large = "#".repeat(MAX_FILE as usize + 1);
    let machine = Machine::new(&[("file", &large)]);
    let error = machine.read(Some("file"));
    assert!(matches!(error, Err(OciError::TooLarge { .. })));
    let tables = |count: usize| {
        let table = |number| format!("[[registry]]\nlocation = \"a{number}.example\"\n");
        (0..count).map(table).collect::<String>()
    };
    let machine = Machine::new(&[
        ("most", &tables(MAX_REGISTRIES)),
        ("file", &tables(MAX_REGISTRIES + 1)),
    ]);
    assert_eq!(machine.read(Some("most")).unwrap().0.len(), MAX_REGISTRIES);
    let error = machine.read(Some("file"));
    assert!(matches!(error, Err(OciError::TooMany { .. })));
    let mirrors = |count| {
        "[[registry]]\nlocation = \"a\"\n".to_owned()
            + &"[[registry.mirror]]\nlocation = \"b\"\n".repeat(count)
    };
    let machine = Machine::new(&[
        ("most", &mirrors(MAX_MIRRORS)),
        ("file", &mirrors(MAX_MIRRORS + 1)),
    ]);
    assert!(machine.read(Some("most")).is_ok());
    let error = machine.read(Some("file")).unwrap_err().to_string();
    assert!(error.contains("more than 16 mirrors"), "{error}");
    let folder = Machine::new(&[]);
    let drop_ins = folder.path("etc/containers/registries.conf.d");
    fs::create_dir_all(&drop_ins).unwrap();
    for number in 0..=MAX_FILES {
        fs::write(drop_ins.join(format!("{number}.conf")), "").unwrap();
    }
    assert!(matches!(folder.read(None), Err(OciError::TooMany { .. })));
}
