//! Which bytes are a valid body of a schema: the same rules as `transforms/avro_strict.py`.
//!
//! arrow-avro is lenient where a corrupt record shows first: any union branch but 0 is "the
//! other one", any byte but 0 is true, and bad UTF-8 fails the whole batch.

use std::collections::HashMap;

use arrow_buffer::i256;
use serde_json::Value;

/// Items that take no bytes could be counted in without end; same in `avro_strict.py`.
const MAX_EMPTY_ITEMS: u64 = 1000;

#[derive(Clone, Debug)]
enum Step {
    Boolean,
    Int,
    Long,
    /// An int from 0 to below the number of symbols.
    Enum(i64),
    Fixed(usize),
    Bytes,
    Text,
    /// Size (None: length-prefixed) and the first magnitude with too many digits.
    Decimal(Option<usize>, i256),
    /// Null branch of two.
    Optional(u64, Box<Step>),
    Array(Box<Step>, bool),
    Record(Vec<Step>),
}

#[derive(Debug)]
pub struct Plan(Step);

struct Cursor<'a> {
    rest: &'a [u8],
    empty_items: u64,
}

impl Plan {
    /// Reads the wire schema that `transforms/avro_wire.py` makes; no other Avro is understood.
    pub fn parse(schema: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
        Ok(Self(Step::parse(&json, &mut HashMap::new())?))
    }

    /// True when the body is exactly one valid record, with no byte left over.
    pub fn accepts(&self, body: &[u8]) -> bool {
        let mut cursor = Cursor {
            rest: body,
            empty_items: 0,
        };
        self.0.skip(&mut cursor).is_some() && cursor.rest.is_empty()
    }
}

impl Step {
    fn parse(json: &Value, named: &mut HashMap<String, Step>) -> Result<Self, String> {
        let unknown = || format!("unknown wire schema {json}");
        if let Some(branches) = json.as_array() {
            let null = branches
                .iter()
                .position(|branch| branch == "null")
                .ok_or_else(unknown)?;
            if branches.len() != 2 {
                return Err(unknown());
            }
            let value = Self::parse(&branches[1 - null], named)?;
            return Ok(Self::Optional(null as u64, Box::new(value)));
        }
        let name = json
            .as_str()
            .or_else(|| json["type"].as_str())
            .ok_or_else(unknown)?;
        let size = || json["size"].as_u64().map(|size| size as usize);
        let step = match name {
            "null" => Self::Record(Vec::new()),
            "boolean" => Self::Boolean,
            "int" => json["symbols"].as_i64().map_or(Self::Int, Self::Enum),
            "long" => Self::Long,
            "float" => Self::Fixed(4),
            "double" => Self::Fixed(8),
            "string" => Self::Text,
            "bytes" | "fixed" if json["logicalType"] == "decimal" => {
                let precision = json["precision"].as_u64().ok_or_else(unknown)?;
                let limit = i256::from_i128(10).checked_pow(precision as u32);
                Self::Decimal(size(), limit.ok_or_else(unknown)?)
            }
            "bytes" => Self::Bytes,
            "fixed" => Self::Fixed(size().ok_or_else(unknown)?),
            "array" => {
                let items = Self::parse(&json["items"], named)?;
                let empty = items.is_empty();
                Self::Array(Box::new(items), empty)
            }
            "record" => {
                let fields = json["fields"].as_array().ok_or_else(unknown)?;
                let steps = fields
                    .iter()
                    .map(|field| Self::parse(&field["type"], named));
                Self::Record(steps.collect::<Result<_, _>>()?)
            }
            reference => return named.get(reference).cloned().ok_or_else(unknown),
        };
        if let Some(name) = json["name"].as_str() {
            named.insert(name.to_string(), step.clone());
        }
        Ok(step)
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Fixed(size) | Self::Decimal(Some(size), _) => *size == 0,
            Self::Record(fields) => fields.iter().all(Self::is_empty),
            _ => false,
        }
    }

    fn skip(&self, cursor: &mut Cursor) -> Option<()> {
        match self {
            Self::Boolean => (cursor.take(1)?[0] <= 1).then_some(()),
            Self::Int => cursor.int().map(drop),
            Self::Long => cursor.long().map(drop),
            Self::Enum(symbols) => (0..*symbols).contains(&cursor.int()?).then_some(()),
            Self::Fixed(size) => cursor.take(*size).map(drop),
            Self::Bytes => cursor.counted().map(drop),
            Self::Text => std::str::from_utf8(cursor.counted()?).ok().map(drop),
            Self::Decimal(size, limit) => {
                let raw = match size {
                    Some(size) => cursor.take(*size)?,
                    None => cursor.counted()?,
                };
                let value = integer(raw)?;
                (limit.wrapping_neg() < value && value < *limit).then_some(())
            }
            Self::Optional(null, value) => match cursor.varint(10)? {
                branch @ (0 | 2) if branch / 2 == *null => Some(()),
                0 | 2 => value.skip(cursor),
                _ => None,
            },
            Self::Array(items, empty) => loop {
                let count = cursor.long()?;
                if count == 0 {
                    return Some(());
                }
                let length = if count < 0 {
                    Some(cursor.long()?)
                } else {
                    None
                };
                let before = cursor.rest.len();
                if *empty {
                    cursor.empty_items = cursor.empty_items.checked_add(count.unsigned_abs())?;
                    if cursor.empty_items > MAX_EMPTY_ITEMS {
                        return None;
                    }
                } else {
                    for _ in 0..count.unsigned_abs() {
                        items.skip(cursor)?;
                    }
                }
                if length.is_some_and(|length| length != (before - cursor.rest.len()) as i64) {
                    return None;
                }
            },
            Self::Record(fields) => fields.iter().try_for_each(|field| field.skip(cursor)),
        }
    }
}

impl<'a> Cursor<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(taken)
    }

    /// An unsigned varint in its shortest form: a padded one is a flipped bit, not an encoder.
    #[inline]
    fn varint(&mut self, longest: usize) -> Option<u64> {
        // Nearly every number of a record takes one byte.
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(u64::from(*byte));
        }
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(longest).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let padded = index > 0 && *byte == 0;
                let overflow = index == 9 && *byte > 1;
                self.rest = &self.rest[index + 1..];
                return (!padded && !overflow).then_some(value);
            }
        }
        None
    }

    #[inline]
    fn int(&mut self) -> Option<i64> {
        self.varint(5)
            .filter(|raw| *raw <= u32::MAX.into())
            .map(zigzag)
    }

    #[inline]
    fn long(&mut self) -> Option<i64> {
        self.varint(10).map(zigzag)
    }

    #[inline]
    fn counted(&mut self) -> Option<&'a [u8]> {
        let size = usize::try_from(self.long()?).ok()?;
        self.take(size)
    }
}

fn zigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// A big-endian two's complement integer; None when empty or beyond 256 bits.
fn integer(raw: &[u8]) -> Option<i256> {
    let sign = if raw.first()? & 0x80 == 0 { 0x00 } else { 0xff };
    let extra = raw.len().saturating_sub(32);
    if raw[..extra].iter().any(|byte| *byte != sign) || (raw[extra] ^ sign) & 0x80 != 0 {
        return None;
    }
    let mut wide = [sign; 32];
    wide[32 - (raw.len() - extra)..].copy_from_slice(&raw[extra..]);
    Some(i256::from_be_bytes(wide))
}
