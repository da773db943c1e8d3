//! Any bytes are an advisory or an error, and a version is affected, unaffected or unclear;
//! a fix comes after the version that it fixes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::osv::{Advisory, Standing};
use prov::version::precedence;

fuzz_target!(|bytes: &[u8]| {
    let Ok(advisory) = Advisory::parse(bytes) else {
        return;
    };
    for affected in &advisory.affected {
        let ecosystem = affected.package.ecosystem;
        for version in ["0.0.1", "1.2.3", "v1.0.0-rc.1", "1.0.post1", "(devel)"] {
            let standing = affected.versions.standing(ecosystem, version);
            if let Standing::Affected { fixed: Some(fixed) } = standing {
                let order = precedence(ecosystem.kind(), version, &fixed);
                assert!(order.is_some_and(|order| order.is_lt()));
            }
        }
        let score = advisory.level(affected).score;
        assert!(score.is_none_or(|score| (0.0..=10.0).contains(&score)));
    }
});
