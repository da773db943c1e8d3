//! What is wrong with an expression before it ever runs.
//!
//! Every name in it must be one that there is: a field that is misspelt in
//! `has(c.lisences)` would be false for ever, and a rule that asks `!has(…)`
//! would pass.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};

use super::function::FUNCTIONS;
use crate::policy::reader::nearest;

/// How deep loops may stand in one another.
const MAX_LOOPS: usize = 4;

/// What a fact looks like.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) enum Shape {
    /// Anything: documents, whose fields nobody knows here, texts and numbers.
    Any,
    /// A list.
    List(&'static Shape),
    /// An object with exactly these fields.
    Record(&'static [(&'static str, Shape)]),
}

/// Something wrong, and the node that it is about.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) id: u64,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Looks at a program over `variables`; says what is wrong with it.
pub(super) fn check(
    program: &IdedExpr,
    variables: &'static [(&'static str, Shape)],
) -> Vec<Mistake> {
    let mut checker = Checker {
        variables,
        bound: Vec::new(),
        uses_facts: false,
        mistakes: Vec::new(),
    };
    checker.shape(program);
    if !checker.uses_facts && checker.mistakes.is_empty() {
        checker.refuse(
            program.id,
            "this looks at no evidence, so its answer is always the same",
            Some(format!(
                "the variables are `{}`",
                names(variables).join("`, `")
            )),
        );
    }
    checker.mistakes
}

struct Checker {
    variables: &'static [(&'static str, Shape)],
    /// The variables of the loops around, innermost last.
    bound: Vec<(String, Shape)>,
    uses_facts: bool,
    mistakes: Vec<Mistake>,
}

fn names(fields: &[(&'static str, Shape)]) -> Vec<&'static str> {
    fields.iter().map(|(name, _)| *name).collect()
}

impl Checker {
    fn refuse(&mut self, id: u64, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.mistakes.push(Mistake {
            id,
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// Refuses a name that is none of `known`.
    fn unknown(&mut self, id: u64, message: String, name: &str, known: &[&str]) {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", known.join("`, `")),
        };
        self.refuse(id, message, hint);
    }

    fn shape(&mut self, node: &IdedExpr) -> Shape {
        match &node.expr {
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => {
                let of = self.shape(&select.operand);
                self.field(node.id, of, &select.field)
            }
            Expr::Call(call) => {
                self.function(node.id, call);
                let first = call.target.as_deref().into_iter().chain(&call.args);
                let shapes: Vec<Shape> = first.map(|each| self.shape(each)).collect();
                match (call.func_name.as_str(), shapes.as_slice()) {
                    (operators::INDEX, [Shape::List(item), _]) => **item,
                    (operators::INDEX, [of @ Shape::Record(_), _]) => match text(&call.args[1]) {
                        Some(name) => self.field(node.id, *of, name),
                        None => Shape::Any,
                    },
                    _ => Shape::Any,
                }
            }
            Expr::List(list) => {
                for item in &list.elements {
                    self.shape(item);
                }
                Shape::Any
            }
            Expr::Comprehension(it) => {
                let range = self.shape(&it.iter_range);
                let item = match range {
                    Shape::List(item) => *item,
                    _ => Shape::Any,
                };
                if self.bound.len() >= 2 * MAX_LOOPS {
                    let message = format!("more than {MAX_LOOPS} loops in one another");
                    self.refuse(node.id, message, None);
                    return Shape::Any;
                }
                self.bound.push((it.accu_var.clone(), Shape::Any));
                self.bound.push((it.iter_var.clone(), item));
                for part in [&it.accu_init, &it.loop_cond, &it.loop_step, &it.result] {
                    self.shape(part);
                }
                self.bound.truncate(self.bound.len() - 2);
                // `filter` keeps what it loops over; `map` makes something else.
                if keeps_items(it) { range } else { Shape::Any }
            }
            Expr::Literal(_) => Shape::Any,
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.shape(&entry.key);
                        self.shape(&entry.value);
                    }
                }
                self.refuse(node.id, "a rule can't make a map", None);
                Shape::Any
            }
            Expr::Struct(_) | Expr::Unspecified => {
                self.refuse(node.id, "a rule can't make an object", None);
                Shape::Any
            }
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Shape {
        let bound = self.bound.iter().rev().find(|(bound, _)| bound == name);
        if let Some((_, shape)) = bound {
            return *shape;
        }
        let known = self.variables.iter().find(|(known, _)| *known == name);
        match known {
            Some((_, shape)) => {
                self.uses_facts = true;
                *shape
            }
            None => {
                let message = format!("there is no variable `{name}`");
                let known = names(self.variables);
                self.unknown(id, message, name, &known);
                Shape::Any
            }
        }
    }

    fn field(&mut self, id: u64, of: Shape, name: &str) -> Shape {
        match of {
            Shape::Any => Shape::Any,
            Shape::Record(fields) => match fields.iter().find(|(field, _)| *field == name) {
                Some((_, shape)) => *shape,
                None => {
                    self.unknown(
                        id,
                        format!("there is no field `{name}`"),
                        name,
                        &names(fields),
                    );
                    Shape::Any
                }
            },
            Shape::List(_) => {
                let hint = "write `.exists(x, …)`, `.all(x, …)` or `[0]`".to_owned();
                self.refuse(id, format!("a list has no field `{name}`"), hint);
                Shape::Any
            }
        }
    }

    fn function(&mut self, id: u64, call: &cel::common::ast::CallExpr) {
        let name = call.func_name.as_str();
        let is_method = call.target.is_some();
        if !is_method && is_operator(name) {
            return;
        }
        let same: Vec<_> = FUNCTIONS.iter().filter(|it| it.name == name).collect();
        let fits = |it: &&super::function::Function| {
            it.is_method == is_method && it.arguments == call.args.len()
        };
        match same.first() {
            Some(_) if same.iter().any(fits) => {}
            Some(it) => {
                let x = if it.is_method { "x." } else { "" };
                let arguments = vec!["…"; it.arguments].join(", ");
                let hint = format!("it is called as `{x}{name}({arguments})`");
                self.refuse(id, format!("`{name}` is not called so"), hint);
            }
            None if ["all", "exists", "exists_one", "filter", "map"].contains(&name) => {
                let hint = format!("it is called as `list.{name}(x, …)`");
                self.refuse(id, format!("`{name}` is not called so"), hint);
            }
            None => {
                let macros = ["has", "all", "exists", "exists_one", "filter", "map"];
                let known: Vec<_> = FUNCTIONS.iter().map(|it| it.name).chain(macros).collect();
                self.unknown(id, format!("there is no function `{name}`"), name, &known);
            }
        }
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(cel::common::ast::LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// True for `filter`: it appends the loop's own variable.
fn keeps_items(it: &cel::common::ast::ComprehensionExpr) -> bool {
    let Expr::Call(step) = &it.loop_step.expr else {
        return false;
    };
    let [_, then, _] = step.args.as_slice() else {
        return false;
    };
    let Expr::Call(append) = &then.expr else {
        return false;
    };
    append.args.iter().any(|arg| match &arg.expr {
        Expr::List(list) => {
            matches!(list.elements.as_slice(),
                [IdedExpr { expr: Expr::Ident(name), .. }] if *name == it.iter_var)
        }
        _ => false,
    })
}

fn is_operator(name: &str) -> bool {
    [
        operators::CONDITIONAL,
        operators::LOGICAL_AND,
        operators::LOGICAL_OR,
        operators::LOGICAL_NOT,
        operators::SUBSTRACT,
        operators::ADD,
        operators::MULTIPLY,
        operators::DIVIDE,
        operators::MODULO,
        operators::EQUALS,
        operators::NOT_EQUALS,
        operators::GREATER_EQUALS,
        operators::LESS_EQUALS,
        operators::GREATER,
        operators::LESS,
        operators::NEGATE,
        operators::INDEX,
        operators::IN,
        operators::NOT_STRICTLY_FALSE,
    ]
    .contains(&name)
}
