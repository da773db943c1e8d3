//! What a rule can call beside CEL's own functions.

use cel::common::types::{self, CelBool, CelInt, CelString, Type};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};

use crate::policy::component::allows_licence;
use crate::policy::version_range::{self, VersionRange};
use crate::purl::Purl;

/// How a function is called.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// True for `x.f(…)`.
    pub(super) is_method: bool,
    /// How many arguments it takes, without the `x` of a method.
    pub(super) arguments: usize,
}

const fn function(name: &'static str, is_method: bool, arguments: usize) -> Function {
    Function {
        name,
        is_method,
        arguments,
    }
}

/// Every function there is.
pub(super) const FUNCTIONS: [Function; 13] = [
    function("size", false, 1),
    function("size", true, 0),
    function("contains", true, 1),
    function("startsWith", true, 1),
    function("endsWith", true, 1),
    function("int", false, 1),
    function("string", false, 1),
    function("is_package", false, 2),
    function("version_at_least", false, 2),
    function("version_in", false, 2),
    function("license_allowed", false, 2),
    function("timestamp", false, 1),
    function("days", false, 1),
];

/// The longest licence expression that is read, in bytes.
const MAX_LICENCE: usize = 1024;

/// CEL's standard functions and ours.
pub(super) fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::default().with_optional_support(false).with_stdlib();
    let two = || vec![types::STRING_TYPE, types::STRING_TYPE];
    env.add_overload("is_package", "is_package", two(), is_package)?;
    env.add_overload("version_at_least", "version_at_least", two(), at_least)?;
    env.add_overload("version_in", "version_in", two(), version_in)?;
    let licence: Vec<Type> = vec![types::STRING_TYPE, types::LIST_TYPE];
    env.add_overload(
        "license_allowed",
        "license_allowed",
        licence,
        license_allowed,
    )?;
    env.add_overload(
        "timestamp",
        "timestamp",
        vec![types::STRING_TYPE],
        timestamp,
    )?;
    env.add_overload("days", "days", vec![types::INT_TYPE], days)?;
    Ok(env)
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn text<'a>(name: &str, value: Option<&'a CowVal<'_, '_>>) -> Result<&'a str, ExecutionError> {
    value
        .and_then(|value| value.downcast_ref::<CelString<'_>>())
        .map(CelString::inner)
        .ok_or_else(|| ExecutionError::function_error(name, "a string is wanted"))
}

fn purl(name: &str, value: Option<&CowVal<'_, '_>>) -> Result<Purl, ExecutionError> {
    let text = text(name, value)?;
    let error = |error| ExecutionError::function_error(name, format!("`{text}`: {error}"));
    text.parse().map_err(error)
}

fn truth<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

/// `is_package(purl, "pkg:cargo/x")`: this package, in any version unless one is named.
fn is_package<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let seen = purl("is_package", args.first())?;
    let wanted = purl("is_package", args.get(1))?;
    Ok(truth(wanted.covers(&seen)))
}

fn unreadable(name: &str, purl: &Purl) -> ExecutionError {
    let why = format!("the version of `{purl}` can't be compared");
    ExecutionError::function_error(name, why)
}

/// `version_at_least(purl, "1.2")`, by the order of the package's own ecosystem.
fn at_least<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    const NAME: &str = "version_at_least";
    let seen = purl(NAME, args.first())?;
    let wanted = text(NAME, args.get(1))?;
    let order = seen
        .version()
        .and_then(|version| version_range::compare(seen.kind(), version, wanted));
    match order {
        Some(order) => Ok(truth(order.is_ge())),
        None => Err(unreadable(NAME, &seen)),
    }
}

/// `version_in(purl, ">=1.0, <1.2")`, by the order of the package's own ecosystem.
fn version_in<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    const NAME: &str = "version_in";
    let seen = purl(NAME, args.first())?;
    let range = VersionRange::parse(text(NAME, args.get(1))?)
        .map_err(|why| ExecutionError::function_error(NAME, why))?;
    let holds = seen
        .version()
        .and_then(|version| range.holds(seen.kind(), version));
    holds.map(truth).ok_or_else(|| unreadable(NAME, &seen))
}

/// `license_allowed("MIT OR GPL-2.0-only", ["MIT"])`: can it be had under these?
fn license_allowed<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    const NAME: &str = "license_allowed";
    let error = |why: &str| ExecutionError::function_error(NAME, why);
    let licence = text(NAME, args.first())?;
    if licence.len() > MAX_LICENCE {
        return Err(error("the licence is too long to be read"));
    }
    let list = args.get(1).and_then(|list| list.as_iterable());
    let mut items = list.ok_or_else(|| error("a list is wanted"))?.iter();
    let mut allowed = Vec::new();
    while let Some(item) = items.next() {
        let item = item.downcast_ref::<CelString<'_>>();
        let name = item.ok_or_else(|| error("a list of strings is wanted"))?;
        allowed.push(name.inner().to_ascii_lowercase());
    }
    allows_licence(licence, |name| {
        allowed.iter().any(|allowed| allowed == name)
    })
    .map(truth)
    .ok_or_else(|| error("the licence is no SPDX expression"))
}

/// `timestamp("2026-01-31T00:00:00Z")`: seconds since 1970, as `now` counts.
fn timestamp<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let text = text("timestamp", args.first())?;
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error| ExecutionError::function_error("timestamp", error))?;
    Ok(CowVal::owned(CelInt::from(time.as_second())))
}

/// `days(90)`: that many days in seconds.
fn days<'b, 'v>(args: Arguments<'b, 'v>) -> Answer<'b, 'v> {
    let count = args
        .first()
        .and_then(|count| count.downcast_ref::<CelInt>())
        .map(|count| *count.inner());
    let seconds = count.and_then(|count| count.checked_mul(86_400));
    seconds
        .map(|seconds| CowVal::owned(CelInt::from(seconds)))
        .ok_or_else(|| ExecutionError::function_error("days", "a number of days is wanted"))
}
