//! Expressions in CEL, the Common Expression Language, over the evidence.
//!
//! An [`Expression`] is checked whole when it is read, so that a misspelt name is
//! an error of the policy and not an answer. When it runs, its answer is true,
//! false, or an error that says why there is none; and what it may cost is limited.

use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::common::value::Val;
use cel::parser::Parser;
use cel::{Context, Env, Value};

mod check;
mod fact;
mod function;
mod meter;

#[cfg(test)]
mod tests;

pub(super) use check::Shape;

use meter::{Hook, MAX_STEPS, Meter};

/// The longest expression that is read, in bytes.
pub(super) const MAX_EXPRESSION: usize = 2048;

/// How many dots, brackets and operators there may be: each may nest the program by
/// one level, and CEL's parser needs some 4 KiB of the stack for a level.
const MAX_OPERATORS: usize = 300;

/// How deep the brackets may be nested, which the parser looks at itself.
const MAX_BRACKETS: u16 = 32;

/// How deep the program may be nested once it is metered: CEL's evaluator needs
/// up to 50 KiB of the stack for a level.
const MAX_DEPTH: usize = 28;

/// A program that was checked, and pays for what it does.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    program: Arc<IdedExpr>,
    text: String,
}

/// What is wrong with an expression, and where in its text.
#[derive(Debug)]
pub(super) struct ExpressionError {
    pub(super) message: String,
    pub(super) span: Range<usize>,
    pub(super) hint: Option<String>,
}

/// All that the expressions of a policy may look at.
pub(super) struct Facts {
    env: Arc<Env>,
    variables: Vec<(&'static str, Box<dyn Val>)>,
}

impl Expression {
    /// Reads `text` as an expression over `variables`.
    pub(super) fn parse(
        text: &str,
        variables: &'static [(&'static str, Shape)],
    ) -> Result<Self, Vec<ExpressionError>> {
        let whole = 0..text.len();
        let refused = |message| {
            let hint = Some("split it into several rules".to_owned());
            vec![ExpressionError {
                message,
                span: whole.clone(),
                hint,
            }]
        };
        if text.len() > MAX_EXPRESSION {
            let message = format!("the expression is longer than {MAX_EXPRESSION} bytes");
            return Err(refused(message));
        }
        if text.matches(|c| ".[(+-*/%<>=!?".contains(c)).count() > MAX_OPERATORS {
            let message = format!("the expression has more than {MAX_OPERATORS} operators");
            return Err(refused(message));
        }
        let parser = Parser::new()
            .max_recursion_depth(MAX_BRACKETS)
            .error_recovery_limit(4);
        let (program, source) = parser.parse_with_source_info(text).map_err(|found| {
            let first = found.errors.into_iter().next();
            let (message, span) = first.map_or_else(
                || ("it can't be read".to_owned(), whole.clone()),
                |error| (error.msg, position(text, error.pos)),
            );
            let message = format!("no CEL: {message}");
            vec![ExpressionError {
                message,
                span,
                hint: None,
            }]
        })?;
        let mistakes = check::check(&program, variables);
        if mistakes.is_empty() {
            let program = meter::metered(program);
            if meter::depth(&program) > MAX_DEPTH {
                return Err(refused("the expression is nested too deeply".to_owned()));
            }
            return Ok(Self {
                program: Arc::new(program),
                text: text.to_owned(),
            });
        }
        let error = |mistake: check::Mistake| ExpressionError {
            message: mistake.message,
            span: source
                .offset_for(mistake.id)
                .map_or(whole.clone(), |(start, stop)| characters(text, start, stop)),
            hint: mistake.hint,
        };
        Err(mistakes.into_iter().map(error).collect())
    }

    /// The answer about `facts`; `Err` says why there is none.
    pub(super) fn evaluate(&self, facts: &Facts) -> Result<bool, String> {
        self.evaluate_within(facts, MAX_STEPS)
    }

    fn evaluate_within(&self, facts: &Facts, steps: u64) -> Result<bool, String> {
        let meter = Meter::new(steps);
        let mut context = Context::with_env(Arc::clone(&facts.env));
        for (name, hook) in Hook::all(&meter) {
            context.add_variable_as_val(name, Box::new(hook));
        }
        for (name, value) in &facts.variables {
            context.add_variable_as_val(*name, value.clone());
        }
        let answer = Value::resolve_val(&self.program, &context);
        if meter.is_spent() {
            return Err(format!("it costs more than {steps} steps"));
        }
        let answer = answer.map_err(|error| shortened(&error.to_string()))?;
        match answer.downcast_ref::<CelBool>() {
            Some(truth) => Ok(*truth.inner()),
            None => Err(format!(
                "it is neither true nor false but a {}",
                answer.get_type().name()
            )),
        }
    }

    /// The text that was read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Facts {
    /// Facts by the names of the variables.
    pub(super) fn new(
        variables: Vec<(&'static str, serde_json::Value)>,
    ) -> Result<Self, cel::DeclarationError> {
        let fact = |(name, value)| (name, fact::fact(&value));
        Ok(Self {
            env: Arc::new(function::environment()?),
            variables: variables.into_iter().map(fact).collect(),
        })
    }
}

/// An error quotes values, which may be long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Line and column, counted from 1 in characters, as bytes of the text.
fn position(text: &str, (line, column): (isize, isize)) -> Range<usize> {
    let (line, column) = (
        usize::try_from(line).unwrap_or(0),
        usize::try_from(column).unwrap_or(0),
    );
    let mut start = 0;
    for before in text.split_inclusive('\n').take(line.saturating_sub(1)) {
        start += before.len();
    }
    let rest = &text[start..];
    let at = rest.char_indices().nth(column.saturating_sub(1));
    let start = start + at.map_or(rest.len(), |(at, _)| at);
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    start..start + length
}

/// A range of characters, the last one included, as bytes of the text.
fn characters(text: &str, start: u32, stop: u32) -> Range<usize> {
    let at = |index: u32| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        text.char_indices()
            .nth(index)
            .map_or(text.len(), |(at, _)| at)
    };
    let (start, end) = (at(start), at(stop.saturating_add(1)));
    start..end.max(start)
}
