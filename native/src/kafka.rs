//! Records of a Kafka consumer as Arrow columns, taken from librdkafka's queue by its C API.
//!
//! A message of the Python client is some ten objects; here it is copied once, into the columns.
//! The library is the one that the Python client has loaded: its functions come as addresses, so
//! that nothing is linked and no second copy of it runs.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use arrow_schema::{Schema, SchemaRef};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use crate::guarded;
use crate::kafka_columns::{Columns, headers_builder};

/// `rd_kafka_message_t` of rdkafka.h, a public structure.
#[repr(C)]
pub struct Message {
    err: c_int,
    pub topic: *mut c_void,
    pub partition: i32,
    pub payload: *const u8,
    pub len: usize,
    pub key: *const u8,
    pub key_len: usize,
    pub offset: i64,
    private: *mut c_void,
}

type Consume = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut Message, usize) -> isize;
type Destroy = unsafe extern "C" fn(*mut Message);
type Timestamp = unsafe extern "C" fn(*const Message, *mut c_int) -> i64;
type Headers = unsafe extern "C" fn(*const Message, *mut *mut c_void) -> c_int;
type Header = unsafe extern "C" fn(
    *const c_void,
    usize,
    *mut *const c_char,
    *mut *const u8,
    *mut usize,
) -> c_int;
type TopicName = unsafe extern "C" fn(*const c_void) -> *const c_char;
type ErrorText = unsafe extern "C" fn(*const Message) -> *const c_char;

/// The functions of librdkafka that are called for records, in the order of their addresses.
#[derive(Clone, Copy)]
pub struct Library {
    consume: Consume,
    destroy: Destroy,
    pub timestamp: Timestamp,
    pub headers: Headers,
    pub header: Header,
    pub topic_name: TopicName,
    error_text: ErrorText,
}

impl Library {
    /// Safety: the addresses are those of the named functions.
    unsafe fn at(addresses: [usize; 7]) -> Option<Self> {
        if addresses.contains(&0) {
            return None;
        }
        let [
            consume,
            destroy,
            timestamp,
            headers,
            header,
            topic_name,
            error_text,
        ] = addresses.map(|address| address as *const c_void);
        unsafe {
            Some(Self {
                consume: std::mem::transmute::<*const c_void, Consume>(consume),
                destroy: std::mem::transmute::<*const c_void, Destroy>(destroy),
                timestamp: std::mem::transmute::<*const c_void, Timestamp>(timestamp),
                headers: std::mem::transmute::<*const c_void, Headers>(headers),
                header: std::mem::transmute::<*const c_void, Header>(header),
                topic_name: std::mem::transmute::<*const c_void, TopicName>(topic_name),
                error_text: std::mem::transmute::<*const c_void, ErrorText>(error_text),
            })
        }
    }
}

/// Messages that are given back to the library whatever happens to them here.
struct Messages {
    library: Library,
    all: Vec<*mut Message>,
}

impl Messages {
    fn iter(&self) -> impl Iterator<Item = &Message> {
        // What the library gives is valid until it is destroyed.
        self.all.iter().map(|message| unsafe { &**message })
    }

    /// Adds up to `limit` messages; waits for the last of them for so many milliseconds.
    ///
    /// Safety: `queue` is one of the library that is not destroyed.
    unsafe fn consume(&mut self, queue: *mut c_void, limit: usize, wait: c_int) {
        let had = self.all.len();
        self.all.resize(had + limit, ptr::null_mut());
        let place = self.all[had..].as_mut_ptr();
        let found = unsafe { (self.library.consume)(queue, wait, place, limit) };
        self.all.truncate(had + usize::try_from(found).unwrap_or(0));
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        for message in &self.all {
            unsafe { (self.library.destroy)(*message) };
        }
    }
}

pub unsafe fn bytes<'a>(at: *const u8, len: usize) -> Option<&'a [u8]> {
    (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at, len) })
}

pub unsafe fn text(at: *const c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned()
}

/// What the library told in place of a record: topic, partition, error code, offset, text.
type Told = (String, i32, i32, i64, String);

pub fn size_of(message: &Message) -> usize {
    message.len + message.key_len
}

fn batches(
    messages: &Messages,
    schema: &SchemaRef,
    most_bytes: usize,
) -> Result<(Vec<RecordBatch>, Vec<Told>), String> {
    let library = messages.library;
    let (mut found, mut told) = (Vec::new(), Vec::new());
    let mut columns: Option<Columns> = None;
    let mut left = messages.all.len();
    let mut left_bytes: usize = messages.iter().map(size_of).sum();
    for message in messages.iter() {
        if message.err != 0 {
            let (topic, text) = unsafe {
                let topic = if message.topic.is_null() {
                    String::new()
                } else {
                    text((library.topic_name)(message.topic))
                };
                (topic, text((library.error_text)(message)))
            };
            told.push((topic, message.partition, message.err, message.offset, text));
        } else {
            let is_full =
                |now: &Columns| now.bytes + size_of(message) > most_bytes && now.rows() > 0;
            if let Some(full) = columns.take_if(|now| is_full(now)) {
                found.push(full.finish()?);
            }
            columns
                .get_or_insert_with(|| {
                    Columns::new(library, schema, left, left_bytes.min(most_bytes))
                })
                .append(message)?;
        }
        left -= 1;
        left_bytes -= size_of(message);
    }
    if let Some(last) = columns {
        found.push(last.finish()?);
    }
    Ok((found, told))
}

/// Reads a queue of librdkafka; for one thread at a time.
#[pyclass]
pub struct QueueReader {
    library: Library,
    schema: SchemaRef,
    most_bytes: usize,
}

#[pymethods]
impl QueueReader {
    #[new]
    fn new(
        addresses: [usize; 7],
        schema: PyArrowType<Schema>,
        most_bytes: usize,
    ) -> PyResult<Self> {
        // The caller answers for the addresses: see the .pyi.
        let library = unsafe { Library::at(addresses) }
            .ok_or_else(|| PyTypeError::new_err("an address of a function is 0"))?;
        let schema = Arc::new(schema.0);
        headers_builder(&schema).map_err(PyTypeError::new_err)?;
        Ok(Self {
            library,
            schema,
            most_bytes,
        })
    }

    /// Up to `limit` records: waits for the first, and less long for the others.
    fn read(
        &self,
        py: Python<'_>,
        queue: usize,
        limit: usize,
        wait_millis: i32,
        linger_millis: i32,
    ) -> PyResult<(Vec<PyArrowType<RecordBatch>>, Vec<Told>)> {
        if queue == 0 {
            return Err(PyRuntimeError::new_err("the queue is closed"));
        }
        let (batches, told) = py.detach(|| {
            guarded(|| {
                let mut messages = Messages {
                    library: self.library,
                    all: Vec::new(),
                };
                let queue = queue as *mut c_void;
                unsafe { messages.consume(queue, 1, wait_millis) };
                if !messages.all.is_empty() && limit > 1 {
                    unsafe { messages.consume(queue, limit - 1, linger_millis) };
                }
                batches(&messages, &self.schema, self.most_bytes)
            })
        })?;
        Ok((batches.into_iter().map(PyArrowType).collect(), told))
    }
}
