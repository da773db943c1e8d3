//! NaCl's secret box, XSalsa20-Poly1305, which cosign's key files are made of
//! ("Cryptography in NaCl", §10). Put together from the two primitives: the only
//! crate that does it on their current versions is a pre-release.

use poly1305::Poly1305;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyInit as _, KeyIvInit as _, StreamCipher as _};
use zeroize::Zeroizing;

/// The length of a key, in bytes.
pub(super) const KEY: usize = 32;
/// The length of a nonce, in bytes.
pub(super) const NONCE: usize = 24;
/// The length of the authenticator in front of the ciphertext, in bytes.
const TAG: usize = 16;

/// The stream, and the authenticator's key, which is its first 32 bytes.
fn begin(key: &[u8; KEY], nonce: &[u8; NONCE]) -> (XSalsa20, Poly1305) {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut first = Zeroizing::new([0u8; 32]);
    stream.apply_keystream(first.as_mut_slice());
    let key: &[u8; 32] = &first;
    (stream, Poly1305::new(key.into()))
}

/// The plaintext; `None` when key, nonce or a single bit of the box is wrong.
pub(super) fn open(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, ciphertext) = sealed.split_at_checked(TAG)?;
    let (mut stream, authenticator) = begin(key, nonce);
    let wanted = authenticator.compute_unpadded(ciphertext);
    aws_lc_rs::constant_time::verify_slices_are_equal(&wanted, tag).ok()?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    stream.apply_keystream(&mut plaintext);
    Some(plaintext)
}

/// The box: authenticator, then ciphertext.
pub(super) fn seal(key: &[u8; KEY], nonce: &[u8; NONCE], plaintext: &[u8]) -> Vec<u8> {
    let (mut stream, authenticator) = begin(key, nonce);
    let mut ciphertext = plaintext.to_vec();
    stream.apply_keystream(&mut ciphertext);
    let mut sealed = authenticator.compute_unpadded(&ciphertext).to_vec();
    sealed.extend(ciphertext);
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Cryptography in NaCl", §9 and §10: the key and nonce of its examples and
    /// the first bytes of the message and of the box.
    #[test]
    fn seals_as_nacl_does() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let message = hex(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc\
             e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31\
             0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde\
             048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864\
             5e0705",
        );
        let sealed = seal(
            &key.clone().try_into().unwrap(),
            &nonce.clone().try_into().unwrap(),
            &message,
        );
        assert_eq!(sealed[..16], hex("f3ffc7703f9400e52a7dfb4b3d3305d9"));
        assert_eq!(sealed[16..32], hex("8e993b9f48681273c29650ba32fc76ce"));
    }

    #[test]
    fn no_flipped_bit_opens() {
        let (key, nonce) = ([1; KEY], [2; NONCE]);
        let sealed = seal(&key, &nonce, b"secret");
        assert_eq!(
            open(&key, &nonce, &sealed).unwrap().as_slice(),
            b"secret".as_slice()
        );
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(&key, &nonce, &flipped).is_none());
            assert!(open(&key, &nonce, &sealed[..at]).is_none());
        }
        assert!(open(&[3; KEY], &nonce, &sealed).is_none());
        assert!(open(&key, &[3; NONCE], &sealed).is_none());
    }
}
