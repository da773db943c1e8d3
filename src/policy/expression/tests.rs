//! What expressions say, what they may not say, and what they may cost.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const COMPONENT: Shape = Shape::Record(&[
    ("name", Shape::Any),
    ("purl", Shape::Any),
    ("scope", Shape::Any),
    ("licenses", Shape::List(&Shape::Any)),
]);
const VARIABLES: &[(&str, Shape)] = &[
    ("level", Shape::Any),
    (
        "sbom",
        Shape::Record(&[("components", Shape::List(&COMPONENT))]),
    ),
    ("anything", Shape::Any),
    ("n", Shape::List(&Shape::Any)),
];

fn facts(n: usize) -> Facts {
    let names: Vec<usize> = (0..n).collect();
    Facts::new(vec![
        ("level", json!(3)),
        (
            "sbom",
            json!({"components": [
                {"name": "a", "purl": "pkg:cargo/a@1.2.3", "scope": null, "licenses": ["MIT OR GPL-2.0-only"]},
                {"name": "b", "purl": null, "scope": "required", "licenses": []},
            ]}),
        ),
        ("anything", json!({"a": [1, 2.5, "x", null, true], "b": {"c": {}}, "long": "x".repeat(fact::MAX_TEXT + 1)})),
        ("n", json!(names)),
    ])
    .unwrap()
}

fn parse(text: &str) -> Expression {
    Expression::parse(text, VARIABLES).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn answer(text: &str) -> Result<bool, String> {
    parse(text).evaluate(&facts(10))
}

#[test]
fn the_language() {
    for (text, wanted) in [
        ("level >= 3", true),
        ("level == 3 && level != 2", true),
        ("level in [1, 2]", false),
        ("!(level in [1, 2])", true),
        ("level == 2 ? false : true", true),
        ("level + 1 - 1 * 3 / 3 == 3", true),
        ("sbom.components.exists(c, c.name == 'a')", true),
        ("sbom.components.all(c, c.name == 'a')", false),
        ("sbom.components.exists_one(c, c.name == 'a')", true),
        ("sbom.components.exists_one(c, c.name in ['a', 'b'])", false),
        (
            "sbom.components.filter(c, c.purl != null).all(c, c.purl.startsWith('pkg:cargo/'))",
            true,
        ),
        ("sbom.components.map(c, c.name) == ['a', 'b']", true),
        ("['a', 'b'] == sbom.components.map(c, c.name)", true),
        ("sbom.components.map(c, c.name) != ['a', 'c']", true),
        (
            "sbom.components.map(c, c.name == 'a', c.name) == ['a']",
            true,
        ),
        (
            "sbom.components.map(c, c.licenses) == [['MIT OR GPL-2.0-only'], []]",
            true,
        ),
        (
            "[['MIT OR GPL-2.0-only'], []] == sbom.components.map(c, c.licenses)",
            true,
        ),
        ("sbom.components[0] == sbom.components[0]", true),
        ("sbom.components[0] == sbom.components[1]", false),
        (
            "sbom.components[0].name + sbom.components[1].name == 'ab'",
            true,
        ),
        ("[level] + [4] == [3, 4]", true),
        ("n + [level] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3]", true),
        ("[level] + n == [3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", true),
        ("sbom.components.size() == 2 && size('ab') == 2", true),
        (
            "sbom.components.all(a, sbom.components.exists(b, a.name == b.name))",
            true,
        ),
        ("has(anything.b.c) && !has(anything.b.d)", true),
        ("anything.a[1] > 2.0 && anything['a'][4]", true),
        ("'b' in anything && !('c' in anything)", true),
        ("anything.exists(key, key == 'b')", true),
        ("anything.long == null", true),
        ("int('3') == level && string(level) == '3'", true),
        (
            "'abc'.contains('b') && 'abc'.endsWith('c') && level > 0",
            true,
        ),
        ("is_package(sbom.components[0].purl, 'pkg:cargo/a')", true),
        (
            "is_package(sbom.components[0].purl, 'pkg:cargo/a@1.2.4')",
            false,
        ),
        ("version_at_least(sbom.components[0].purl, '1.2')", true),
        ("version_at_least(sbom.components[0].purl, '1.10')", false),
        ("version_in(sbom.components[0].purl, '>=1.2, <1.3')", true),
        (
            "license_allowed(sbom.components[0].licenses[0], ['MIT'])",
            true,
        ),
        (
            "license_allowed(sbom.components[0].licenses[0], ['Apache-2.0', 'BSD-3-Clause'])",
            false,
        ),
        (
            "timestamp('2027-01-31T00:00:00Z') + days(1) == 1801440000 && level > 0",
            true,
        ),
        // What one side decides, an error on the other side does not change.
        ("anything.nothing == 1 || level == 3", true),
        ("sbom.components.exists(c, c.purl.contains('a'))", true),
    ] {
        assert_eq!(answer(text), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_not_known_is_no_answer() {
    for (text, why) in [
        ("anything.nothing", "nothing"),
        ("anything.a[5] == 1", "out of bounds"),
        ("level", "neither true nor false"),
        ("level > 'a'", "overload"),
        ("level + 'a' == 'b'", "add"),
        ("n + 'a' == n", "list"),
        ("level / 0 == 1", "zero"),
        ("sbom.components[0].scope == 'required'", "null"),
        ("sbom.components[0].scope != 'excluded'", "null"),
        ("'excluded' != sbom.components[0].scope", "null"),
        ("sbom.components[0].scope in ['required']", "null"),
        ("!(sbom.components[1].purl in ['pkg:cargo/x'])", "null"),
        ("sbom.components.all(c, c.purl.startsWith('pkg:'))", ""),
        ("!sbom.components.exists(c, c.purl.contains('x'))", ""),
        ("!sbom.components.exists(c, c.purl == 'x')", "null"),
        ("anything.long.contains('x')", ""),
        ("level in 3", "neither a list nor a map"),
        (
            "is_package(sbom.components[1].purl, 'pkg:cargo/a')",
            "overload",
        ),
        ("is_package(sbom.components[0].purl, 'a')", "a"),
        (
            "version_at_least(sbom.components[0].purl, 'latest')",
            "compared",
        ),
        ("version_in(sbom.components[0].purl, '^1')", "bound"),
        (
            "license_allowed(sbom.components[0].name + '!', ['MIT'])",
            "SPDX",
        ),
        ("timestamp('tomorrow') > level", "timestamp"),
        ("days(9223372036854775807) > level", "days"),
    ] {
        let seen = answer(text).unwrap_err();
        assert!(seen.contains(why), "{text}: {seen}");
    }
}

#[test]
fn mistakes_are_found_before_it_runs() {
    for (text, at, message, hint) in [
        (
            "levl == 3",
            "levl",
            "no variable `levl`",
            "did you mean `level`?",
        ),
        (
            "level == 3 && sbom.component.all(c, true)",
            "",
            "no field `component`",
            "`components`?",
        ),
        (
            "!sbom.components.exists(c, has(c.lisences))",
            "",
            "no field `lisences`",
            "`licenses`?",
        ),
        (
            "sbom.components.filter(c, true).all(d, d.nam == 'a')",
            "",
            "no field `nam`",
            "`name`?",
        ),
        (
            "sbom.components[0].nam == 'a'",
            "",
            "no field `nam`",
            "`name`?",
        ),
        (
            "sbom['component'] == []",
            "",
            "no field `component`",
            "`components`?",
        ),
        (
            "sbom.components.name == 'a'",
            "",
            "a list has no field",
            "exists",
        ),
        (
            "level.startWith('a')",
            "",
            "no function `startWith`",
            "`startsWith`?",
        ),
        (
            "startsWith(level, 'a')",
            "",
            "not called so",
            "x.startsWith(…)",
        ),
        (
            "sbom.components.all(c)",
            "",
            "not called so",
            "list.all(x, …)",
        ),
        ("level.matches('a+')", "", "no function `matches`", ""),
        ("type(level) == int", "", "no function `type`", ""),
        ("dyn(level) == 1", "", "no function `dyn`", ""),
        ("{'a': level} == level", "", "can't make a map", ""),
        ("Thing{a: level} == level", "", "can't make an object", ""),
        ("level.?a", "", "no CEL", ""),
        ("level == = 3", "", "no CEL", ""),
        ("", "", "no CEL", ""),
        ("true", "", "always the same", "the variables are"),
        ("1 == 1", "", "always the same", ""),
        ("['a'].all(x, x == 'a')", "", "always the same", ""),
        (
            "n.all(a, n.all(b, n.all(c, n.all(d, n.all(e, true)))))",
            "",
            "more than 4 loops",
            "",
        ),
    ] {
        let errors = Expression::parse(text, VARIABLES).unwrap_err();
        let error = &errors[0];
        assert!(error.message.contains(message), "{text}: {errors:?}");
        let given = error.hint.as_deref().unwrap_or_default();
        assert!(given.contains(hint), "{text}: {errors:?}");
        assert!(text.get(error.span.clone()).is_some(), "{text}: {errors:?}");
        if !at.is_empty() {
            assert_eq!(&text[error.span.clone()], at);
        }
    }
    let long = format!("level == 3{}", " ".repeat(MAX_EXPRESSION));
    assert!(Expression::parse(&long, VARIABLES).is_err());
    let chain = format!("level == 3{}", " && level == 3".repeat(140));
    assert_eq!(parse(&chain).evaluate(&facts(1)), Ok(true));
}

/// The stack of a thread is 2 MiB, and an overflow ends the process.
#[test]
fn nesting_never_overflows_the_stack() {
    for (open, link, close) in [
        ("level == [n]", ".map(a, a)", ""),
        ("n == n", ".all(a, n == n", ")"),
        ("n", ".all(a, n", ")"),
        ("level == anything", ".a", ""),
        ("level == anything", "[0]", ""),
        ("level == anything", "['a']", ""),
        ("level == level", "+1", ""),
        ("level", " < level", ""),
        ("level == 1", " && level == 1", ""),
        ("level == ", "-", "level"),
        ("level == ", "!", "level"),
        ("", "level?1:", "level"),
        ("level == ", "(", ")"),
        ("level == ", "[", "]"),
        ("level == ", "days(", ")"),
        ("level == level", ".size()", ""),
        ("level == 'a'", " + ['a", "']"),
    ] {
        for times in (1..60).chain((60..1100).step_by(37)) {
            let middle = if close.len() == 1 && open.ends_with(' ') {
                "level"
            } else {
                ""
            };
            let text = format!(
                "{open}{}{middle}{}",
                link.repeat(times),
                close.repeat(times)
            );
            if let Ok(expression) = Expression::parse(&text, VARIABLES) {
                let _ = expression.evaluate_within(&facts(2), 2_000);
            }
        }
    }
}

/// Each of these would run for hours or fill the memory.
#[test]
fn what_costs_too_much_is_stopped() {
    let chain = |start: &str, link: &str, times: usize| format!("{start}{}", link.repeat(times));
    let doubled_text =
        chain("['x']", ".map(a, a + a + a + a)", 14) + ".all(a, (a + a + a + a).size() == level)";
    let doubled_list = chain("[n]", ".map(a, a + a)", 16) + ".size() == level";
    let doubled_nest = chain("[n]", ".map(a, [a, a, a, a])", 14) + ".size() == level";
    let squared = chain("n.map(a, n.map(b, b))", ".map(l, l.map(p, l))", 8) + ".size() == level";
    let long = "n.map(a, n.map(b, 'x' + string(b)))";
    let cases = [
        "n.all(a, n.all(b, n.all(c, n.all(d, true))))".to_owned(),
        "n.exists(a, n.exists(b, n.exists(c, n.exists(d, false))))".to_owned(),
        "n.map(a, n.map(b, n.map(c, c))) == n".to_owned(),
        "n.filter(a, n.filter(b, n.filter(c, c > 1) == n) == n) == n".to_owned(),
        "n.exists_one(a, n.exists_one(b, n.exists_one(c, c == 1)))".to_owned(),
        "n.all(a, n.all(b, n == n))".to_owned(),
        "n.all(a, n.all(b, -1 in n || true))".to_owned(),
        "n.all(a, n.all(b, (n + n).size() > 1))".to_owned(),
        "[n.map(a, a)].all(l, l.all(x, l.all(y, l.map(z, z) == l)))".to_owned(),
        format!("{long} == {long} && {long}.all(l, l.all(x, l.all(y, x in l)))"),
        // An error, or an answer, beside what costs too much hides nothing.
        "n.all(a, n.all(b, n.all(c, n.all(d, true)))) || level == 3".to_owned(),
        "n.exists(a, level.nothing || n.all(b, n.all(c, c in n)))".to_owned(),
        doubled_text,
        doubled_list,
        doubled_nest,
        squared,
    ];
    let facts = facts(300);
    for text in &cases {
        let expression = parse(text);
        let start = Instant::now();
        let answer = expression.evaluate(&facts);
        let took = start.elapsed();
        assert!(
            answer.as_ref().is_err_and(|why| why.contains("costs more")),
            "{text}: {answer:?}"
        );
        // Most need some 0.1 s; the limit leaves room for a busy machine.
        assert!(took < Duration::from_secs(20), "{text}: {took:?}");
    }
}

/// What a policy for a large SBOM really asks stays far below the limit.
#[test]
fn a_large_sbom_is_no_problem() {
    let components: Vec<_> = (0..50_000)
        .map(|n| json!({"name": format!("n{n}"), "purl": format!("pkg:cargo/n{n}@1.0.0"), "scope": "required", "licenses": ["MIT"]}))
        .collect();
    let facts = Facts::new(vec![("sbom", json!({"components": components}))]).unwrap();
    let text = "sbom.components.all(c, c.purl.startsWith('pkg:cargo/') && \
                version_at_least(c.purl, '1.0') && \
                c.licenses.all(l, license_allowed(l, ['MIT', 'Apache-2.0']))) && \
                !sbom.components.exists(c, c.name in ['evil', 'left-pad'])";
    assert_eq!(parse(text).evaluate(&facts), Ok(true));
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_a_list_of_errors(
        words in prop::collection::vec(prop::sample::select(vec![
            "level", "sbom", ".components", "n", ".all(", "x", ",", ")", "(", "==", "&&", "||", "!", "+", "[",
            "]", "0", "'a'", "null", "in", "?", ":", ".map(", ".filter(", "has(", ".name", "size(", "-", "{",
            "}", "days(", "true", "\u{e9}", "\"", "\\", "\n", "1.5", "9223372036854775807", "@turn", "`a`",
        ]), 0..24),
        glue in prop::sample::select(vec![" ", ""]),
    ) {
        let text = words.join(glue);
        match Expression::parse(&text, VARIABLES) {
            Ok(expression) => {
                let _ = expression.evaluate_within(&facts(4), 5_000);
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(text.get(error.span.clone()).is_some(), "{text:?} {error:?}");
                }
            }
        }
    }
}
