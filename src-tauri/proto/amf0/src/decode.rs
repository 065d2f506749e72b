//! Reading AMF0.

use crate::Error;
use crate::avm;
use crate::input::Input;
use crate::limits::{Budget, Limits};
use crate::marker;
use crate::value::{TypedObject, Value};

/// Reads the values of one message one after another; as an iterator it stops after the first error.
///
/// References (AMF0 section 2.9) are resolved within the message, by reading the object they name again: whatever
/// repeats is charged to the [`Limits`] again.
#[derive(Debug)]
pub struct Decoder<'a> {
    input: Input<'a>,
    budget: Budget,
    /// Where each complex value starts, in order of appearance: the reference table.
    complex: Vec<usize>,
    /// Complex values being read right now, by start; a reference to one of them is a loop.
    open: Vec<usize>,
    failed: bool,
}

impl<'a> Decoder<'a> {
    /// A decoder within [`Limits::DATA`].
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::with_limits(bytes, Limits::DATA)
    }

    /// A decoder within `limits`.
    pub const fn with_limits(bytes: &'a [u8], limits: Limits) -> Self {
        let input = Input::new(bytes);
        Self { input, budget: Budget::new(limits), complex: Vec::new(), open: Vec::new(), failed: false }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.input.rest()
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.budget.element()?;
        let start = self.input.position();
        let marker = self.input.u8()?;
        Ok(match marker {
            marker::NUMBER => Value::Number(self.input.f64()?),
            marker::BOOLEAN => Value::Boolean(self.input.u8()? != 0),
            marker::STRING => Value::String(self.short_text()?),
            marker::LONG_STRING => Value::String(self.long_text()?),
            marker::XML_DOCUMENT => Value::Xml(self.long_text()?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::UNSUPPORTED | marker::MOVIE_CLIP | marker::RECORD_SET => Value::Unsupported,
            marker::DATE => Value::Date { millis: self.input.f64()?, zone: i16::from_be_bytes(self.input.array()?) },
            marker::OBJECT => self.complex(start, |this| Ok(Value::Object(this.entries()?)))?,
            marker::ECMA_ARRAY => self.complex(start, |this| {
                // Real writers send 0, too few or too many: the end marker decides.
                this.input.u32()?;
                Ok(Value::EcmaArray(this.entries()?))
            })?,
            marker::STRICT_ARRAY => self.complex(start, |this| Ok(Value::StrictArray(this.items()?)))?,
            marker::TYPED_OBJECT => self.complex(start, |this| {
                let class = this.short_text()?;
                Ok(Value::TypedObject(Box::new(TypedObject { class, entries: this.entries()? })))
            })?,
            marker::REFERENCE => self.reference()?,
            marker::AVM_PLUS => Value::Avm(Box::new(avm::decode(&mut self.input, &mut self.budget)?)),
            _ => return Err(Error::UnknownMarker { marker, offset: start }),
        })
    }

    fn complex(&mut self, start: usize, read: impl FnOnce(&mut Self) -> Result<Value, Error>) -> Result<Value, Error> {
        self.budget.enter()?;
        // The first reading visits positions in rising order; a lower one is a repetition that is in the table already.
        if self.complex.last().is_none_or(|last| *last < start) {
            self.complex.push(start);
        }
        self.open.push(start);
        let value = read(self)?;
        self.open.pop();
        self.budget.leave();
        Ok(value)
    }

    fn reference(&mut self) -> Result<Value, Error> {
        let index = usize::from(self.input.u16()?);
        let target = *self.complex.get(index).ok_or(Error::BadReference { index, known: self.complex.len() })?;
        if self.open.contains(&target) {
            return Ok(Value::Undefined);
        }
        let next = self.input.position();
        self.input.seek(target);
        let value = self.value()?;
        self.input.seek(next);
        Ok(value)
    }

    fn entries(&mut self) -> Result<Vec<(String, Value)>, Error> {
        let mut entries = Vec::new();
        // Some encoders leave out the end marker of what comes last: the end of the message ends it too.
        while !self.input.is_empty() {
            let key = self.short_text()?;
            if key.is_empty() && matches!(self.input.peek(), None | Some(marker::OBJECT_END)) {
                let _ = self.input.u8();
                break;
            }
            entries.push((key, self.value()?));
        }
        Ok(entries)
    }

    fn items(&mut self) -> Result<Vec<Value>, Error> {
        let count = self.input.u32()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value()?);
        }
        Ok(items)
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let length = usize::from(self.input.u16()?);
        self.text(length)
    }

    fn long_text(&mut self) -> Result<String, Error> {
        let length = usize::try_from(self.input.u32()?).unwrap_or(usize::MAX);
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Result<String, Error> {
        let bytes = self.input.take(length)?;
        self.budget.bytes(length)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

impl Iterator for Decoder<'_> {
    type Item = Result<Value, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.input.is_empty() {
            return None;
        }
        let value = self.value();
        self.failed = value.is_err();
        Some(value)
    }
}
