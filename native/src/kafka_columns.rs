//! Kafka's records as the columns of a batch; `kafka` says where they come from.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
    TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{DataType, Fields, Schema, SchemaRef};

use crate::kafka::{Library, Message, bytes, size_of, text};

/// A batch in the making.
pub struct Columns {
    library: Library,
    schema: SchemaRef,
    topics: StringBuilder,
    last_topic: (*const c_void, String),
    partitions: Int32Builder,
    offsets: Int64Builder,
    timestamps: TimestampMillisecondBuilder,
    headers: Option<ListBuilder<StructBuilder>>,
    keys: BinaryBuilder,
    values: BinaryBuilder,
    pub bytes: usize,
}

impl Columns {
    pub fn new(library: Library, schema: &SchemaRef, rows: usize, bytes: usize) -> Self {
        Self {
            library,
            schema: schema.clone(),
            topics: StringBuilder::with_capacity(rows, rows * 16),
            last_topic: (ptr::null(), String::new()),
            partitions: Int32Builder::with_capacity(rows),
            offsets: Int64Builder::with_capacity(rows),
            timestamps: TimestampMillisecondBuilder::with_capacity(rows),
            headers: None,
            keys: BinaryBuilder::with_capacity(rows, rows * 16),
            values: BinaryBuilder::with_capacity(rows, bytes),
            bytes: 0,
        }
    }

    pub fn rows(&self) -> usize {
        self.offsets.values_slice().len()
    }

    pub fn append(&mut self, message: &Message) -> Result<(), String> {
        let at = message.topic.cast_const();
        if self.last_topic.0 != at {
            self.last_topic = (at, unsafe { text((self.library.topic_name)(at)) });
        }
        self.topics.append_value(&self.last_topic.1);
        self.partitions.append_value(message.partition);
        self.offsets.append_value(message.offset);
        let mut kind: c_int = 0;
        let millis = unsafe { (self.library.timestamp)(message, &mut kind) };
        self.timestamps
            .append_option((millis != -1).then_some(millis));
        self.append_headers(message)?;
        unsafe {
            self.keys.append_option(bytes(message.key, message.key_len));
            self.values
                .append_option(bytes(message.payload, message.len));
        }
        self.bytes += size_of(message);
        Ok(())
    }

    fn append_headers(&mut self, message: &Message) -> Result<(), String> {
        let mut found: *mut c_void = ptr::null_mut();
        let error = unsafe { (self.library.headers)(message, &mut found) };
        if error != 0 || found.is_null() {
            if let Some(headers) = &mut self.headers {
                headers.append_null();
            }
            return Ok(());
        }
        let rows = self.rows();
        let headers = match &mut self.headers {
            Some(headers) => headers,
            none => {
                let mut headers = headers_builder(&self.schema)?;
                for _ in 0..rows - 1 {
                    headers.append_null();
                }
                none.insert(headers)
            }
        };
        let pair = headers.values();
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            let error =
                unsafe { (self.library.header)(found, index, &mut name, &mut value, &mut size) };
            if error != 0 {
                break;
            }
            let missing = || "the headers have other columns than key and value".to_string();
            pair.field_builder::<StringBuilder>(0)
                .ok_or_else(missing)?
                .append_value(unsafe { text(name) });
            pair.field_builder::<BinaryBuilder>(1)
                .ok_or_else(missing)?
                .append_option(unsafe { bytes(value, size) });
            pair.append(true);
        }
        headers.append(true);
        Ok(())
    }

    pub fn finish(mut self) -> Result<RecordBatch, String> {
        let rows = self.rows();
        let headers: ArrayRef = match &mut self.headers {
            Some(headers) => Arc::new(headers.finish()),
            None => new_null_array(self.schema.field(4).data_type(), rows),
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.topics.finish()),
            Arc::new(self.partitions.finish()),
            Arc::new(self.offsets.finish()),
            Arc::new(self.timestamps.finish().with_timezone("UTC")),
            headers,
            Arc::new(self.keys.finish()),
            Arc::new(self.values.finish()),
        ];
        RecordBatch::try_new(self.schema, columns).map_err(|error| error.to_string())
    }
}

pub fn headers_builder(schema: &Schema) -> Result<ListBuilder<StructBuilder>, String> {
    let wanted = || "the fifth column is not a list of structs: headers".to_string();
    let DataType::List(item) = schema.field(4).data_type() else {
        return Err(wanted());
    };
    let DataType::Struct(fields) = item.data_type() else {
        return Err(wanted());
    };
    let fields: Fields = fields.clone();
    Ok(ListBuilder::new(StructBuilder::from_fields(fields, 0)).with_field(item.clone()))
}
