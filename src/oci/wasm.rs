//! WebAssembly as an OCI artifact (CNCF TAG Runtime's layout): a config that says what
//! the module is, and the module as the one layer.

use std::io::{self, Read, Seek, SeekFrom};

use serde_json::{Value, json};

use crate::artifact::Digest;

/// Media type of the config.
pub(super) const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of a layer that is WebAssembly.
pub const LAYER_TYPE: &str = "application/wasm";

/// The largest section of names that is read, in bytes.
const MAX_SECTION: u64 = 4 << 20;
/// The most names of one section.
const MAX_NAMES: u32 = 10_000;
/// The preamble of a core module, version 1.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
/// The preamble of a component, as WASI 0.2 has it.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// The config of the module or component; None when it is neither.
pub(super) fn config(
    file: &mut (impl Read + Seek),
    digest: &Digest,
    created: &str,
) -> io::Result<Option<Vec<u8>>> {
    let mut preamble = [0; 8];
    file.rewind()?;
    if let Err(error) = file.read_exact(&mut preamble) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
    }
    let (os, component) = match preamble {
        MODULE => ("wasip1", Value::Null),
        COMPONENT => {
            let (imports, exports) = names(file)?;
            (
                "wasip2",
                json!({"imports": imports, "exports": exports, "target": null}),
            )
        }
        _ => return Ok(None),
    };
    let config = json!({
        "created": created,
        "author": null,
        "architecture": "wasm",
        "os": os,
        "layerDigests": [digest.to_string()],
        "component": component,
    });
    Ok(Some(config.to_string().into_bytes()))
}

/// The names that a component imports and exports, section by section (component
/// model, `Binary.md`): sections 10 and 11 of the outermost level.
fn names(file: &mut (impl Read + Seek)) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut id = [0];
    while file.read(&mut id)? == 1 {
        let size = u64::from(number(file)?);
        match id[0] {
            10 | 11 if size > MAX_SECTION => return Err(wrong()),
            10 | 11 => {
                let mut section = vec![0; size as usize];
                file.read_exact(&mut section)?;
                let section = &mut &section[..];
                match id[0] {
                    10 => read_names(section, &mut imports, external)?,
                    _ => read_names(section, &mut exports, exported)?,
                }
            }
            _ => {
                file.seek(SeekFrom::Current(size as i64))?;
            }
        }
    }
    Ok((imports, exports))
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the component is malformed")
}

/// An unsigned LEB128 number of 32 bits; a signed one is as long.
fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut value = 0u64;
    for shift in [0, 7, 14, 21, 28] {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| wrong());
        }
    }
    Err(wrong())
}

fn byte(from: &mut &[u8]) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn read_names(
    section: &mut &[u8],
    names: &mut Vec<String>,
    rest: fn(&mut &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let count = number(section)?;
    if count > MAX_NAMES {
        return Err(wrong());
    }
    for _ in 0..count {
        let form = byte(section)?;
        let name = string(section)?.to_vec();
        names.push(String::from_utf8(name).map_err(|_| wrong())?);
        match form {
            0 | 1 => {}
            // With options: what it implements, a version's suffix, an identifier.
            2 => {
                for _ in 0..number(section)? {
                    byte(section)?;
                    string(section)?;
                }
            }
            _ => return Err(wrong()),
        }
        rest(section)?;
    }
    Ok(())
}

fn string<'a>(section: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let length = number(section)? as usize;
    let (string, after) = section.split_at_checked(length).ok_or_else(wrong)?;
    *section = after;
    Ok(string)
}

/// Skips an `externdesc`.
fn external(section: &mut &[u8]) -> io::Result<()> {
    match byte(section)? {
        0x00 => {
            byte(section)?; // the sort of the core, a module
            number(section)?;
        }
        0x01 | 0x04 | 0x05 => {
            number(section)?;
        }
        // A bound: equal to an index, or a type of its own.
        0x02 => {
            byte(section)?;
            number(section)?;
        }
        0x03 => {
            if byte(section)? == 0 {
                number(section)?;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// Skips what follows an exported name: a `sortidx` and perhaps an `externdesc`.
fn exported(section: &mut &[u8]) -> io::Result<()> {
    if byte(section)? == 0 {
        byte(section)?;
    }
    number(section)?;
    match byte(section)? {
        0 => Ok(()),
        1 => external(section),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn of(bytes: &[u8]) -> io::Result<Option<Value>> {
        let config = config(
            &mut Cursor::new(bytes),
            &Digest::sha256(bytes),
            "1970-01-01T00:00:00Z",
        )?;
        Ok(config.map(|config| serde_json::from_slice(&config).unwrap()))
    }

    #[test]
    fn modules_and_components() {
        let module = wat::parse_str("(module)").unwrap();
        let config = of(&module).unwrap().unwrap();
        assert_eq!(config["os"], "wasip1");
        assert_eq!(config["component"], Value::Null);
        assert_eq!(
            config["layerDigests"][0],
            Digest::sha256(&module).to_string()
        );

        let component = wat::parse_str(
            r#"(component
                (import "wasi:io/streams@0.2.0" (instance))
                (import "run" (func $run))
                (import "t" (type (sub resource)))
                (import "cache" (implements "wasi:keyvalue/store@0.2.0") (instance))
                (core module (func))
                (export "wasi:cli/run@0.2.0" (func $run))
                (export "typed" (func $run) (func)))"#,
        )
        .unwrap();
        let config = of(&component).unwrap().unwrap();
        assert_eq!(config["os"], "wasip2");
        assert_eq!(
            config["component"]["imports"],
            json!(["wasi:io/streams@0.2.0", "run", "t", "cache"])
        );
        assert_eq!(
            config["component"]["exports"],
            json!(["wasi:cli/run@0.2.0", "typed"])
        );
    }

    #[test]
    fn others_are_none_and_broken_ones_do_not_panic() {
        for other in [&b""[..], b"\0asm", b"\x7fELF\0\0\0\0", b"\0asm\x02\0\0\0"] {
            assert!(of(other).unwrap().is_none());
        }
        let component = wat::parse_str(
            r#"(component
                (import "run" (func $run))
                (import "i" (implements "a:b/c") (instance))
                (export "x" (func $run)))"#,
        )
        .unwrap();
        for end in 8..component.len() {
            let _ = of(&component[..end]);
            let mut changed = component.clone();
            changed[end] ^= 0xff;
            let _ = of(&changed);
        }
        let endless = [&COMPONENT[..], &[10, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert!(of(&endless).is_err());
    }
}
