//! Any bytes are a statement or an error, and what was read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::statement::Statement;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(statement) = Statement::parse(bytes) {
        let written = statement.to_bytes().expect("a statement can be written");
        assert_eq!(Statement::parse(&written).expect("and read again"), statement);
    }
});
