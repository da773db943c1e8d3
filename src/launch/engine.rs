//! The engine that runs guests, and its identity.

use std::hash::{Hash, Hasher};

use wasmtime::{Config, Engine, OptLevel, Result};

/// How much stack a guest may use, of its thread's [`THREAD_STACK`]; the rest
/// is for the host's calls.
const GUEST_STACK: usize = 8 << 20;

/// The stack of a guest's thread.
pub(super) const THREAD_STACK: usize = 16 << 20;

/// An engine with every guard at its default: guard pages, Spectre
/// mitigations and stack checks cost a messaging server nothing measurable.
pub(super) fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .max_wasm_stack(GUEST_STACK)
        // Fibers are not used, but the engine wants this to be the larger.
        .async_stack_size(THREAD_STACK)
        // Neither tables for native debuggers nor offsets into the module:
        // a trap is told by its kind and the functions it went through.
        .generate_address_map(false)
        .native_unwind_info(false);
    Engine::new(&config)
}

/// What compiled code must agree on to be run by `engine`: its settings and
/// version, the processor's features, and the version of prov.
pub(super) fn identity(engine: &Engine) -> [u8; 32] {
    let mut hasher = Wide(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
    *hasher.0.finalize().as_bytes()
}

/// A `Hasher` of 256 bits, as 64 are not enough to keep strangers apart.
struct Wide(blake3::Hasher);

impl Hasher for Wide {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
