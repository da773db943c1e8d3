//! The `[[rule]]` entries of a policy file.

use std::sync::Arc;

use crate::policy::custom::CustomRule;
use crate::policy::expression::Expression;
use crate::policy::facts::VARIABLES;
use crate::policy::reader::{At, Section};
use crate::policy::rule::Rule;

/// The most rules of one's own. Each may cost a second.
const MAX_RULES: usize = 64;

pub(super) fn rules(top: &Section<'_>) -> Vec<CustomRule> {
    let mut rules: Vec<CustomRule> = Vec::new();
    for section in top.sections("rule", "rule") {
        let Some(rule) = rule(&section) else {
            continue;
        };
        if rules.iter().any(|earlier| earlier.rule == rule.rule) {
            let span = section.key_span("id").unwrap_or(section.span.clone());
            let message = format!("there are two rules `{}`", rule.rule);
            let hint = "give each its own `id`".to_owned();
            section.reader.refuse(&span, message, hint);
        }
        if rules.len() == MAX_RULES {
            let message = format!("there are more than {MAX_RULES} rules");
            section.reader.refuse(&section.span, message, None);
            break;
        }
        rules.push(rule);
    }
    rules
}

fn rule(section: &Section<'_>) -> Option<CustomRule> {
    for (key, hint) in [
        ("id", "give it a short name: `id = \"nats-pinned\"`"),
        ("assert", "say in CEL what must be true"),
        (
            "message",
            "say in words what is wanted, for whoever reads the finding",
        ),
    ] {
        section.demand(key, hint);
    }
    let id = section.text("id").inspect(|id| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.value.len() > 64 || !id.value.chars().all(plain) {
            let message = format!("`{}` is no id", id.value);
            let hint = "use lower-case letters, digits and `-`, at most 64";
            section.reader.refuse(&id.span, message, hint.to_owned());
        }
    });
    let (when, assert) = (expression(section, "when"), expression(section, "assert"));
    let (message, fix) = (section.text("message"), section.text("fix"));
    let severity = section.word("severity", &["error", "warning"]);
    Some(CustomRule {
        rule: Rule::Custom(Arc::from(format!("rule.{}", id?.value))),
        when: when.ok()?,
        assert: assert.ok()??,
        message: message?.value,
        fix: fix.map(|fix| fix.value),
        refuses: severity.is_none_or(|found| found.value == "error"),
        line: Some(section.reader.line(&section.span)),
    })
}

/// The expression under `key`, or none; `Err` after it was refused.
fn expression(section: &Section<'_>, key: &str) -> Result<Option<Expression>, ()> {
    let reader = section.reader;
    if section.key_span(key).is_none() {
        return Ok(None);
    }
    let At { value, span } = section.text(key).ok_or(())?;
    Expression::parse(&value, VARIABLES)
        .map(Some)
        .map_err(|errors| {
            for error in errors {
                let place = reader.inside(&span, &value, &error.span);
                reader.refuse(&place, format!("`{key}`: {}", error.message), error.hint);
            }
        })
}
