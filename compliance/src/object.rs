//! JSON objects that are read from objects and from nothing else.
//!
//! A derived reader takes a list as well, its items for the members in their order, which no other reader of the same text
//! does: `"spec": [[…]]` would be a Pod with containers here and nothing elsewhere, `["off"]` a rule that is off. This file
//! must not know what is read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A `T` that was an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

/// What is read from the members of an object. A type whose reader is derived as `remote = "Self"` implements this by it,
/// and `Deserialize` by [`read`].
pub(crate) trait OfMembers<'de>: Sized {
    /// What was expected where something else stands.
    const EXPECTED: &'static str = "an object";

    fn of_members<A: MapAccess<'de>>(members: MapAccessDeserializer<A>) -> Result<Self, A::Error>;
}

impl<'de, T: Deserialize<'de>> OfMembers<'de> for Object<T> {
    fn of_members<A: MapAccess<'de>>(members: MapAccessDeserializer<A>) -> Result<Self, A::Error> {
        T::deserialize(members).map(Self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

/// Reads an object, and nothing else.
pub(crate) fn read<'de, T: OfMembers<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Reader(PhantomData))
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: OfMembers<'de>> Visitor<'de> for Reader<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::of_members(MapAccessDeserializer::new(map))
    }
}
