//! Reading AMF3.

use std::rc::Rc;

use bytes::Bytes;

use super::marker;
use crate::Error;
use crate::input::Input;
use crate::limits::Budget;
use crate::value::{TypedObject, Value};

/// Externalizable classes of Flex whose wire form is one plain value.
const TRANSPARENT_CLASSES: [&str; 3] =
    ["flex.messaging.io.ArrayCollection", "flex.messaging.io.ArrayList", "flex.messaging.io.ObjectProxy"];

/// Reads one AMF3 value, marker included.
pub(crate) fn decode(input: &mut Input<'_>, budget: &mut Budget) -> Result<Value, Error> {
    Decoder { input, budget, strings: Vec::new(), objects: Vec::new(), traits: Vec::new(), open: Vec::new() }.value()
}

/// The three tables hold where each item starts; a repetition reads the item again and is charged again. The first
/// reading visits positions in rising order, so a lower position is a repetition and enters no table.
struct Decoder<'i, 'a, 'b> {
    input: &'i mut Input<'a>,
    budget: &'b mut Budget,
    strings: Vec<(usize, &'a [u8])>,
    objects: Vec<(usize, u8)>,
    traits: Vec<(usize, Rc<Traits>)>,
    open: Vec<usize>,
}

struct Traits {
    class: String,
    members: Vec<String>,
    dynamic: bool,
    externalizable: bool,
}

impl Decoder<'_, '_, '_> {
    fn value(&mut self) -> Result<Value, Error> {
        self.budget.element()?;
        let offset = self.input.position();
        let marker = self.input.u8()?;
        Ok(match marker {
            marker::UNDEFINED => Value::Undefined,
            marker::NULL => Value::Null,
            marker::FALSE => Value::Boolean(false),
            marker::TRUE => Value::Boolean(true),
            marker::INTEGER => {
                let raw = self.u29()?;
                let signed = if raw & 0x1000_0000 == 0 { i64::from(raw) } else { i64::from(raw) - 0x2000_0000 };
                Value::Number(signed as f64)
            }
            marker::DOUBLE => Value::Number(self.input.f64()?),
            marker::STRING => Value::String(self.text()?),
            marker::XML_DOCUMENT
            | marker::XML
            | marker::DATE
            | marker::ARRAY
            | marker::OBJECT
            | marker::BYTE_ARRAY
            | marker::VECTOR_INT
            | marker::VECTOR_UINT
            | marker::VECTOR_DOUBLE
            | marker::VECTOR_OBJECT
            | marker::DICTIONARY => self.referable(marker)?,
            _ => return Err(Error::UnknownAvmMarker { marker, offset }),
        })
    }

    /// Reads the header that all referable types share: a reference, or an inline item with 28 bits of its own.
    fn referable(&mut self, marker: u8) -> Result<Value, Error> {
        let start = self.input.position();
        let header = self.u29()?;
        if header & 1 == 0 {
            let index = (header >> 1) as usize;
            let (target, marker) =
                *self.objects.get(index).ok_or(Error::BadReference { index, known: self.objects.len() })?;
            if self.open.contains(&target) {
                return Ok(Value::Undefined);
            }
            let next = self.input.position();
            self.input.seek(target);
            let value = self.referable(marker)?;
            self.input.seek(next);
            return Ok(value);
        }
        if self.objects.last().is_none_or(|(last, _)| *last < start) {
            self.objects.push((start, marker));
        }
        self.budget.enter()?;
        self.budget.element()?;
        self.open.push(start);
        let value = self.inline(marker, header >> 1, start)?;
        self.open.pop();
        self.budget.leave();
        Ok(value)
    }

    fn inline(&mut self, marker: u8, header: u32, offset: usize) -> Result<Value, Error> {
        let length = header as usize;
        Ok(match marker {
            marker::XML_DOCUMENT | marker::XML => Value::Xml(lossy(self.bytes(length)?)),
            marker::DATE => Value::Date { millis: self.input.f64()?, zone: 0 },
            marker::ARRAY => self.array(length)?,
            marker::OBJECT => self.object(header, offset)?,
            marker::BYTE_ARRAY => Value::ByteArray(Bytes::copy_from_slice(self.bytes(length)?)),
            marker::DICTIONARY => self.dictionary(length)?,
            _ => self.vector(marker, length)?,
        })
    }

    fn array(&mut self, dense: usize) -> Result<Value, Error> {
        let mut entries = self.named_values()?;
        if entries.is_empty() {
            return self.items(dense);
        }
        for index in 0..dense {
            entries.push((index.to_string(), self.value()?));
        }
        Ok(Value::EcmaArray(entries))
    }

    fn object(&mut self, header: u32, offset: usize) -> Result<Value, Error> {
        let traits = self.traits(header)?;
        if traits.externalizable {
            if TRANSPARENT_CLASSES.contains(&traits.class.as_str()) {
                return self.value();
            }
            return Err(Error::Externalizable { offset });
        }
        let mut entries = Vec::new();
        for member in &traits.members {
            self.budget.bytes(member.len())?;
            entries.push((member.clone(), self.value()?));
        }
        if traits.dynamic {
            entries.append(&mut self.named_values()?);
        }
        if traits.class.is_empty() {
            return Ok(Value::Object(entries));
        }
        self.budget.bytes(traits.class.len())?;
        Ok(Value::TypedObject(Box::new(TypedObject { class: traits.class.clone(), entries })))
    }

    fn traits(&mut self, header: u32) -> Result<Rc<Traits>, Error> {
        if header & 1 == 0 {
            let index = (header >> 1) as usize;
            let known = self.traits.len();
            return self
                .traits
                .get(index)
                .map(|(_, traits)| traits.clone())
                .ok_or(Error::BadReference { index, known });
        }
        let start = self.input.position();
        let externalizable = header & 0b10 != 0;
        let class = self.text()?;
        let mut members = Vec::new();
        let count = if externalizable { 0 } else { header >> 3 };
        for _ in 0..count {
            self.budget.element()?;
            members.push(self.text()?);
        }
        let traits = Rc::new(Traits { class, members, dynamic: header & 0b100 != 0, externalizable });
        if self.traits.last().is_none_or(|(last, _)| *last < start) {
            self.traits.push((start, traits.clone()));
        }
        Ok(traits)
    }

    fn named_values(&mut self) -> Result<Vec<(String, Value)>, Error> {
        let mut entries = Vec::new();
        loop {
            let key = self.text()?;
            if key.is_empty() {
                return Ok(entries);
            }
            entries.push((key, self.value()?));
        }
    }

    fn items(&mut self, count: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value()?);
        }
        Ok(Value::StrictArray(items))
    }

    fn vector(&mut self, marker: u8, count: usize) -> Result<Value, Error> {
        let _fixed = self.input.u8()?;
        if marker == marker::VECTOR_OBJECT {
            let _class = self.text()?;
            return self.items(count);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            self.budget.element()?;
            items.push(Value::Number(match marker {
                marker::VECTOR_INT => f64::from(i32::from_be_bytes(self.input.array()?)),
                marker::VECTOR_UINT => f64::from(self.input.u32()?),
                _ => self.input.f64()?,
            }));
        }
        Ok(Value::StrictArray(items))
    }

    /// A dictionary's keys may be any value; entries whose key has no text are read and left out.
    fn dictionary(&mut self, count: usize) -> Result<Value, Error> {
        let _weak_keys = self.input.u8()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let key = self.value()?;
            let value = self.value()?;
            match key {
                Value::String(key) => entries.push((key, value)),
                Value::Number(key) => entries.push((key.to_string(), value)),
                _ => {}
            }
        }
        Ok(Value::EcmaArray(entries))
    }

    fn text(&mut self) -> Result<String, Error> {
        let start = self.input.position();
        let header = self.u29()?;
        let index = (header >> 1) as usize;
        if header & 1 == 0 {
            let (_, bytes) =
                *self.strings.get(index).ok_or(Error::BadReference { index, known: self.strings.len() })?;
            self.budget.bytes(bytes.len())?;
            return Ok(lossy(bytes));
        }
        let bytes = self.input.take(index)?;
        self.budget.bytes(index)?;
        if !bytes.is_empty() && self.strings.last().is_none_or(|(last, _)| *last < start) {
            self.strings.push((start, bytes));
        }
        Ok(lossy(bytes))
    }

    fn bytes(&mut self, length: usize) -> Result<&[u8], Error> {
        let bytes = self.input.take(length)?;
        self.budget.bytes(length)?;
        Ok(bytes)
    }

    /// A variable-length integer of 29 bits (section 1.3.1): seven bits a byte, eight in the fourth.
    fn u29(&mut self) -> Result<u32, Error> {
        let mut value = 0;
        for _ in 0..3 {
            let byte = u32::from(self.input.u8()?);
            value = value << 7 | byte & 0x7F;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Ok(value << 8 | u32::from(self.input.u8()?))
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
