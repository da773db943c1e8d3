//! Facts as CEL sees them: shared, so that a loop over them copies nothing.

use std::any::Any;
use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{self, Adder, Indexer, Iterable, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, Kind, LIST_TYPE, MAP_TYPE,
    Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use serde_json::{Number, Value};

/// The longest text that a rule sees, in bytes; a longer one is unknown to it.
pub(super) const MAX_TEXT: usize = 16 << 10;

/// `value` for CEL. What is null stays null, and [`Equality`](super::meter)
/// compares that with nothing else.
pub(super) fn fact(value: &Value) -> Box<dyn Val> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => self::number(number),
        Value::String(text) if text.len() > MAX_TEXT => Box::new(CelNull),
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Array(items) => Box::new(List(items.iter().map(fact).collect())),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                let name = CelString::from(key.clone());
                (key.clone(), (name, fact(value)))
            };
            Box::new(Map(Arc::new(entries.iter().map(entry).collect())))
        }
    }
}

fn number(number: &Number) -> Box<dyn Val> {
    if let Some(number) = number.as_i64() {
        return Box::new(CelInt::from(number));
    }
    match number.as_u64() {
        Some(number) => Box::new(CelUInt::from(number)),
        None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

/// A list of facts.
#[derive(Clone, Debug)]
pub(super) struct List(Arc<[Box<dyn Val>]>);

/// Facts by name. A name is there twice, for CEL also loops over names.
#[derive(Clone, Debug)]
pub(super) struct Map(Arc<BTreeMap<String, Entry>>);

/// A name once more, and what it names.
type Entry = (CelString<'static>, Box<dyn Val>);

impl Map {
    pub(super) fn entry(&self, name: &str) -> Option<&dyn Val> {
        self.0.get(name).map(|(_, value)| value.as_ref())
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &dyn Val)> {
        self.0
            .iter()
            .map(|(name, (_, value))| (name.as_str(), value.as_ref()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl StaticVal for List {}
impl StaticVal for Map {}

impl Val for List {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
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

impl Val for Map {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
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

impl Adder for List {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let more = other
            .as_iterable()
            .filter(|_| other.get_type().kind() == Kind::List);
        let why = "a list is added to a list only";
        let mut more = more
            .ok_or_else(|| ExecutionError::function_error("+", why))?
            .iter();
        let mut items: Vec<Box<dyn Val + 'v>> =
            self.0.iter().map(|item| item.clone_as_boxed()).collect();
        while let Some(item) = more.next() {
            items.push(item.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(items)))
    }
}

impl Indexer for List {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let wrong = || ExecutionError::function_error("[]", "a list is indexed by a number");
        let at = index.downcast_ref::<CelInt>().ok_or_else(wrong)?;
        let item = usize::try_from(*at.inner())
            .ok()
            .and_then(|at| self.0.get(at));
        item.map(|item| CowVal::Borrowed(item.as_ref()))
            .ok_or_else(|| ExecutionError::IndexOutOfBounds((*at.inner()).into()))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(self.get(index)?.into_owned())
    }
}

impl Indexer for Map {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let wrong = || ExecutionError::function_error("[]", "a map is indexed by a string");
        let key = key.downcast_ref::<CelString<'_>>().ok_or_else(wrong)?;
        self.0
            .get(key.inner())
            .map(|(_, value)| CowVal::Borrowed(value.as_ref()))
            .ok_or_else(|| ExecutionError::no_such_key(key.inner()))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(self.get(key)?.into_owned())
    }
}

impl Sizer for List {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.0.len()).unwrap_or(i64::MAX))
    }
}

impl Sizer for Map {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.0.len()).unwrap_or(i64::MAX))
    }
}

impl Iterable for List {
    fn iter<'b, 'v>(&'b self) -> Box<dyn traits::Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Items(self.0.iter()))
    }
}

impl Iterable for Map {
    fn iter<'b, 'v>(&'b self) -> Box<dyn traits::Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Keys(self.0.values()))
    }
}

struct Items<'b>(std::slice::Iter<'b, Box<dyn Val>>);

struct Keys<'b>(btree_map::Values<'b, String, Entry>);

impl<'b, 'v> traits::Iterator<'b, 'v> for Items<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|item| item.as_ref() as _)
    }
}

impl<'b, 'v> traits::Iterator<'b, 'v> for Keys<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|(name, _)| name as _)
    }
}
