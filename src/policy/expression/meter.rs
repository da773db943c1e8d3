//! What a rule may cost, and the hooks that count it.
//!
//! CEL itself has no limit, and a policy has no clock to stop it by. So the
//! program is rewritten when it is read: each turn of a loop, and each value that
//! is made or compared, first pays for itself. The hooks are values whose names
//! cannot be written in CEL (`@turn`); an operator on one of them calls it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::ExecutionError;
use cel::common::ast::operators;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue};
use cel::common::traits::{Adder, Container};
use cel::common::types::{CelInt, CelList, CelNull, CelString, Kind, Type};
use cel::common::value::{CowVal, StaticVal, Val};

use super::fact::Map;

/// How many steps one rule may take.
pub(super) const MAX_STEPS: u64 = 2_000_000;

/// The steps that are left; once they are spent, they stay spent.
#[derive(Clone, Debug)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(super) fn new(steps: u64) -> Self {
        Self(Arc::new(AtomicU64::new(steps)))
    }

    /// True when nothing is left. Whatever the program says then is no answer.
    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, steps: u64) -> Result<(), ExecutionError> {
        let left = self.0.load(Ordering::Relaxed).saturating_sub(steps);
        self.0.store(left, Ordering::Relaxed);
        match left {
            0 => Err(ExecutionError::function_error("cost", "no steps are left")),
            _ => Ok(()),
        }
    }

    /// What a copy of `value` costs; a fact is shared, so it is cheap.
    fn weigh(&self, value: &dyn Val) -> Result<(), ExecutionError> {
        if let Some(text) = value.downcast_ref::<CelString<'_>>() {
            return self.spend(1 + text.inner().len() as u64 / 256);
        }
        self.spend(1)?;
        match value.downcast_ref::<CelList<'_>>() {
            Some(list) => list
                .inner()
                .iter()
                .try_for_each(|item| self.weigh(item.as_ref())),
            None => Ok(()),
        }
    }

    /// Equality of CEL, but for null: what is unknown is neither equal to
    /// something nor different from it.
    fn equal(&self, a: &dyn Val, b: &dyn Val) -> Result<bool, ExecutionError> {
        let is_null = |value: &dyn Val| value.downcast_ref::<CelNull>().is_some();
        if is_null(a) != is_null(b) {
            let why = "an unknown (null) value is compared; ask `== null` first";
            return Err(ExecutionError::function_error("==", why));
        }
        self.same(a, b)
    }

    fn same(&self, a: &dyn Val, b: &dyn Val) -> Result<bool, ExecutionError> {
        self.spend(1)?;
        if let (Some(a), Some(b)) = (a.downcast_ref::<Map>(), b.downcast_ref::<Map>()) {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (name, value) in a.entries() {
                let Some(other) = b.entry(name) else {
                    return Ok(false);
                };
                if !self.same(value, other)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if !(is_list(a) && is_list(b)) {
            if let Some(text) = a.downcast_ref::<CelString<'_>>() {
                self.spend(text.inner().len() as u64 / 1024)?;
            }
            return Ok(a.equals(b));
        }
        let (Some(a), Some(b)) = (a.as_iterable(), b.as_iterable()) else {
            return Ok(false);
        };
        let (mut a, mut b) = (a.iter(), b.iter());
        loop {
            match (a.next(), b.next()) {
                (None, None) => return Ok(true),
                (Some(a), Some(b)) if self.same(a, b)? => {}
                _ => return Ok(false),
            }
        }
    }

    fn holds(&self, holder: &dyn Val, value: &dyn Val) -> Result<bool, ExecutionError> {
        if let Some(map) = holder.downcast_ref::<Map>() {
            let name = value.downcast_ref::<CelString<'_>>();
            return Ok(name.is_some_and(|name| map.entry(name.inner()).is_some()));
        }
        let items = holder.as_iterable().filter(|_| is_list(holder));
        let Some(items) = items else {
            let why = "the right side is neither a list nor a map";
            return Err(ExecutionError::function_error("in", why));
        };
        let mut items = items.iter();
        while let Some(item) = items.next() {
            if self.equal(item, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_list(value: &dyn Val) -> bool {
    value.get_type().kind() == Kind::List
}

/// A value that does its work when an operator meets it.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    meter: Meter,
    work: Work,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// `N in @turn`: pays N steps.
    Turn,
    /// `x in @paid` pays for a copy of x; `@paid + x` also is x.
    Paid,
    /// `[a, b] in @equal`
    Equal,
    /// `[item, list] in @holds`
    Holds,
}

const TURN: &str = "@turn";
const PAID: &str = "@paid";
const EQUAL: &str = "@equal";
const HOLDS: &str = "@holds";

impl Hook {
    /// All of them, by their names.
    pub(super) fn all(meter: &Meter) -> [(&'static str, Self); 4] {
        [
            (TURN, Work::Turn),
            (PAID, Work::Paid),
            (EQUAL, Work::Equal),
            (HOLDS, Work::Holds),
        ]
        .map(|(name, work)| {
            let meter = meter.clone();
            (name, Self { meter, work })
        })
    }
}

static HOOK: Type = Type::new_unspecified_type("hook");

impl StaticVal for Hook {}

impl Val for Hook {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &HOOK
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Container for Hook {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        let pair = || {
            let list = value.downcast_ref::<CelList<'_>>().map(|list| list.inner());
            match list {
                Some([a, b]) => Ok((a.as_ref(), b.as_ref())),
                _ => Err(ExecutionError::missing_argument_or_target()),
            }
        };
        match self.work {
            Work::Turn => {
                let steps = value.downcast_ref::<CelInt>().map(|steps| *steps.inner());
                let steps = steps.and_then(|steps| u64::try_from(steps).ok());
                self.meter.spend(steps.unwrap_or(u64::MAX)).map(|()| true)
            }
            Work::Paid => self.meter.weigh(value).map(|()| true),
            Work::Equal => pair().and_then(|(a, b)| self.meter.equal(a, b)),
            Work::Holds => pair().and_then(|(item, holder)| self.meter.holds(holder, item)),
        }
    }
}

impl Adder for Hook {
    fn add<'b, 'v>(&'b self, value: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.meter.weigh(value)?;
        Ok(CowVal::Owned(value.clone_as_boxed()))
    }
}

/// The program in which everything pays for itself.
pub(super) fn metered(expression: IdedExpr) -> IdedExpr {
    let IdedExpr { id, expr } = expression;
    let boxed = |inner: Box<IdedExpr>| Box::new(metered(*inner));
    let all = |items: Vec<IdedExpr>| -> Vec<IdedExpr> { items.into_iter().map(metered).collect() };
    let expr = match expr {
        Expr::Call(call) => {
            let target = call.target.map(boxed);
            operation(call.func_name, target, all(call.args))
        }
        Expr::Select(mut select) => {
            select.operand = boxed(select.operand);
            Expr::Select(select)
        }
        Expr::List(list) => {
            let constant = list.elements.iter().all(is_literal);
            let list = Expr::List(ListExpr::new(all(list.elements)));
            if constant {
                list
            } else {
                paid(node(list)).expr
            }
        }
        Expr::Comprehension(comprehension) => Expr::Comprehension(Box::new(turns(*comprehension))),
        other => other,
    };
    IdedExpr { id, expr }
}

/// A call whose operands are metered already.
fn operation(name: String, target: Option<Box<IdedExpr>>, mut args: Vec<IdedExpr>) -> Expr {
    let pair = |args, hook| node(is_in(node(Expr::List(ListExpr::new(args))), hook));
    match name.as_str() {
        // Only `null` itself may ask whether something is unknown.
        operators::EQUALS | operators::NOT_EQUALS if args.iter().any(is_null) => call(&name, args),
        operators::EQUALS => pair(args, EQUAL).expr,
        operators::NOT_EQUALS => call(operators::LOGICAL_NOT, vec![pair(args, EQUAL)]),
        operators::IN => pair(args, HOLDS).expr,
        operators::ADD => call(&name, args.into_iter().map(paid).collect()),
        operators::INDEX => {
            if let Some(first) = args.first_mut() {
                *first = paid(std::mem::take(first));
            }
            call(&name, args)
        }
        // A method reads its target to the end.
        _ => Expr::Call(CallExpr {
            func_name: name,
            target: target.map(|target| Box::new(paid(*target))),
            args,
        }),
    }
}

/// A loop that pays for each of its turns, and for what it collects.
fn turns(mut it: ComprehensionExpr) -> ComprehensionExpr {
    let steps = 2 + weight(&it.loop_step) / 8;
    let item = node(Expr::Ident(it.iter_var.clone()));
    let is_accumulator =
        |expr: &IdedExpr| matches!(&expr.expr, Expr::Ident(name) if *name == it.accu_var);
    let collects = matches!(&it.accu_init.expr, Expr::List(_));
    it.iter_range = metered(it.iter_range);
    let guard = |condition: IdedExpr| {
        let item = node(is_in(item.clone(), PAID));
        if_else(
            turn(steps),
            if_else(item, condition, truth(false)),
            truth(false),
        )
    };
    // `map` and `filter` append: `@result + [x]`, behind a condition or not.
    let append = |step: IdedExpr| match step.expr {
        Expr::Call(CallExpr {
            func_name,
            target,
            args,
        }) => {
            let items = |expr: IdedExpr| match expr.expr {
                Expr::List(list) => {
                    let items = list.elements.into_iter().map(|item| paid(metered(item)));
                    node(Expr::List(ListExpr::new(items.collect())))
                }
                _ => metered(expr),
            };
            node(Expr::Call(CallExpr {
                func_name,
                target,
                args: args.into_iter().map(items).collect(),
            }))
        }
        _ => metered(step),
    };
    let accumulator = node(Expr::Ident(it.accu_var.clone()));
    let step = std::mem::take(&mut it.loop_step);
    it.loop_step = match step.expr {
        Expr::Call(mut step) if step.func_name == operators::CONDITIONAL => {
            let mut args = step.args.drain(..);
            match (args.next(), args.next(), args.next()) {
                (Some(condition), Some(then), Some(otherwise)) => {
                    let then = if collects {
                        append(then)
                    } else {
                        metered(then)
                    };
                    if_else(guard(metered(condition)), then, otherwise)
                }
                _ => truth(false),
            }
        }
        Expr::Call(step) if collects => if_else(
            guard(truth(true)),
            append(node(Expr::Call(step))),
            accumulator,
        ),
        // `all` and `exists`: `@result && x`, `@result || x`. An error in there
        // may be overruled by a later turn, so the loop's own condition pays.
        Expr::Call(mut step) => {
            step.args = step
                .args
                .into_iter()
                .map(|arg| match is_accumulator(&arg) {
                    true => arg,
                    false => if_else(node(is_in(item.clone(), PAID)), metered(arg), truth(false)),
                })
                .collect();
            it.loop_cond = if_else(turn(steps), it.loop_cond, truth(false));
            node(Expr::Call(step))
        }
        _ => truth(false),
    };
    it
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn call(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    })
}

fn is_in(value: IdedExpr, hook: &str) -> Expr {
    call(
        operators::IN,
        vec![value, node(Expr::Ident(hook.to_owned()))],
    )
}

fn turn(steps: u64) -> IdedExpr {
    let steps = i64::try_from(steps).unwrap_or(i64::MAX);
    let steps = node(Expr::Literal(LiteralValue::Int(CelInt::from(steps))));
    node(is_in(steps, TURN))
}

fn paid(value: IdedExpr) -> IdedExpr {
    let hook = node(Expr::Ident(PAID.to_owned()));
    node(call(operators::ADD, vec![hook, value]))
}

fn if_else(condition: IdedExpr, then: IdedExpr, otherwise: IdedExpr) -> IdedExpr {
    node(call(
        operators::CONDITIONAL,
        vec![condition, then, otherwise],
    ))
}

fn truth(value: bool) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Boolean(value.into())))
}

fn is_literal(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Expr::Literal(_))
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Expr::Literal(LiteralValue::Null))
}

/// How many nodes there are, without those of loops inside, which pay themselves.
fn weight(expr: &IdedExpr) -> u64 {
    let all = |items: &[IdedExpr]| items.iter().map(weight).sum::<u64>();
    1 + match &expr.expr {
        Expr::Call(call) => call.target.as_deref().map_or(0, weight) + all(&call.args),
        Expr::Select(select) => weight(&select.operand),
        Expr::List(list) => all(&list.elements),
        Expr::Comprehension(it) => weight(&it.iter_range),
        _ => 0,
    }
}

/// How many nodes stand in one another.
pub(super) fn depth(expr: &IdedExpr) -> usize {
    let deepest = |items: &[IdedExpr]| items.iter().map(depth).max().unwrap_or(0);
    1 + match &expr.expr {
        Expr::Call(call) => {
            let target = call.target.as_deref().map_or(0, depth);
            target.max(deepest(&call.args))
        }
        Expr::Select(select) => depth(&select.operand),
        Expr::List(list) => deepest(&list.elements),
        Expr::Comprehension(it) => [
            &it.iter_range,
            &it.accu_init,
            &it.loop_cond,
            &it.loop_step,
            &it.result,
        ]
        .into_iter()
        .map(depth)
        .max()
        .unwrap_or(0),
        _ => 0,
    }
}
