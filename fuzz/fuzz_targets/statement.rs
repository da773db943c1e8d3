//! Any bytes are a statement or an error, and what was read is written and read again. Its
//! head says the same of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::statement::{Head, Statement};

fuzz_target!(|bytes: &[u8]| {
    let head = Head::parse(bytes);
    let statement = Statement::parse(bytes);
    assert_eq!(head.is_ok(), statement.is_ok());
    if let (Ok(head), Ok(statement)) = (head, statement) {
        assert_eq!(head.predicate_type(), statement.predicate_type);
        assert_eq!(head.wants_sha512(), statement.wants_sha512());
        let digests: Vec<_> = head.subject_digests().cloned().collect();
        assert_eq!(digests, statement.subject_digests());
        let written = statement.to_bytes().expect("a statement can be written");
        assert_eq!(
            Statement::parse(&written).expect("and read again"),
            statement
        );
    }
});
