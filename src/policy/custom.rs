//! Rules of one's own: a `[[rule]]` of the policy.

use super::expression::{Expression, Facts};
use super::rule::Rule;
use super::verdict::{Finding, Outcome};

/// A `[[rule]]`.
#[derive(Clone, Debug)]
pub(super) struct CustomRule {
    pub(super) rule: Rule,
    /// Where it is asked at all; everywhere without one.
    pub(super) when: Option<Expression>,
    pub(super) assert: Expression,
    pub(super) message: String,
    pub(super) fix: Option<String>,
    /// False for a rule that warns: then a failure is only told.
    pub(super) refuses: bool,
    pub(super) line: Option<usize>,
}

impl CustomRule {
    /// Asks the rule about `facts`; `Err` says why there are none. What has no answer
    /// is a failure: a rule that can't be asked never passes and is never skipped.
    pub(super) fn judge(&self, facts: &Result<Facts, String>) -> Finding {
        let ask = |expression: &Expression| match facts {
            Ok(facts) => expression.evaluate(facts),
            Err(why) => Err(why.clone()),
        };
        let applies = self.when.as_ref().map_or(Ok(true), ask);
        let (outcome, seen) = match applies {
            Ok(true) => match ask(&self.assert) {
                Ok(true) => (Outcome::Passed, "it holds".to_owned()),
                Ok(false) => (Outcome::Failed, "it does not hold".to_owned()),
                Err(why) => (Outcome::Failed, format!("`assert` has no answer: {why}")),
            },
            Ok(false) => (Outcome::Noted, "it does not apply here".to_owned()),
            Err(why) => (Outcome::Failed, format!("`when` has no answer: {why}")),
        };
        let fails = outcome == Outcome::Failed;
        let warns = fails && !self.refuses;
        let outcome = if warns { Outcome::Noted } else { outcome };
        let seen = if warns {
            format!("warning: {seen}")
        } else {
            seen
        };
        let fix = self.fix.clone();
        Finding::new(self.rule.clone(), outcome, seen, self.message.as_str())
            .because(fails.then(|| format!("asserted: {}", self.assert.text())))
            .at(self.line)
            .fix(fix.unwrap_or_else(|| "make the evidence say what the rule asks for".to_owned()))
    }
}
