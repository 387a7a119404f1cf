//! Avro bodies of one writer schema to an Arrow record batch; in `kafka`, records of a consumer.
//!
//! arrow-avro reads the values; `strict` decides before that which bodies are valid at all.
//! An error half-way through a record leaves arrow-avro's columns of unequal length, so it
//! must never see a body that it could refuse.

mod kafka;
mod kafka_columns;
mod strict;

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{
    Array, BinaryArray, GenericBinaryArray, LargeBinaryArray, OffsetSizeTrait, RecordBatch,
    make_array,
};
use arrow_avro::reader::{Decoder, DecoderMode, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
use arrow_data::ArrayData;
use arrow_pyarrow::PyArrowType;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;

use strict::Plan;

create_exception!(
    kamiflow_native,
    NativeError,
    PyException,
    "What failed or panicked here. Of Avro: the reference decoder decides instead."
);

/// arrow-avro must not cut batches of its own: a batch is what `decode` was given.
const UNLIMITED_ROWS: usize = usize::MAX >> 1;

fn reader(schema: &str) -> Result<Decoder, String> {
    let id = Fingerprint::Id(0);
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    store
        .set(id, AvroSchema::new(schema.to_string()))
        .map_err(|error| error.to_string())?;
    ReaderBuilder::new()
        .with_writer_schema_store(store)
        .with_active_fingerprint(id)
        .with_decoder_mode(DecoderMode::UnframedDatum)
        .with_batch_size(UNLIMITED_ROWS)
        .build_decoder()
        .map_err(|error| error.to_string())
}

struct Rows {
    batch: Option<RecordBatch>,
    refused: Vec<usize>,
}

fn read<O: OffsetSizeTrait>(
    plan: &Plan,
    decoder: &mut Decoder,
    values: &GenericBinaryArray<O>,
    skip: usize,
) -> Result<Rows, String> {
    let mut refused = Vec::new();
    for (row, value) in values.iter().enumerate() {
        let body = match value.and_then(|value| value.get(skip..)) {
            Some(body) if plan.accepts(body) => body,
            _ => {
                refused.push(row);
                continue;
            }
        };
        let consumed = decoder
            .decode(body)
            .map_err(|error| format!("row {row}: {error}"))?;
        if consumed != body.len() {
            return Err(format!(
                "row {row}: read {consumed} of {} bytes",
                body.len()
            ));
        }
    }
    let batch = decoder.flush().map_err(|error| error.to_string())?;
    let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
    if rows + refused.len() != values.len() {
        return Err(format!(
            "{rows} rows and {} refused bodies from {} bodies",
            refused.len(),
            values.len()
        ));
    }
    Ok(Rows { batch, refused })
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> PyResult<T> {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "unknown".to_string());
        Err(format!("panic: {text}"))
    });
    outcome.map_err(NativeError::new_err)
}

/// Decodes bodies of one schema; reusable, and not poisoned by an error.
#[pyclass]
struct BodyDecoder {
    schema: String,
    plan: Plan,
    reader: Option<Decoder>,
}

#[pymethods]
impl BodyDecoder {
    #[new]
    fn new(schema: String) -> PyResult<Self> {
        let (plan, reader) = guarded(|| Ok((Plan::parse(&schema)?, reader(&schema)?)))?;
        Ok(Self {
            schema,
            plan,
            reader: Some(reader),
        })
    }

    /// The rows of all valid bodies (None when there is none) and the indexes of the others.
    ///
    /// The first `skip` bytes of each value are not part of the body.
    fn decode(
        &mut self,
        py: Python<'_>,
        values: PyArrowType<ArrayData>,
        skip: usize,
    ) -> PyResult<(Option<PyArrowType<RecordBatch>>, Vec<usize>)> {
        let array = make_array(values.0);
        // Taken out for the time of the call: after an error the half-filled reader is gone.
        let kept = self.reader.take();
        let (reader, rows) = py.detach(|| {
            guarded(|| {
                let mut reader = match kept {
                    Some(reader) => reader,
                    None => reader(&self.schema)?,
                };
                let any = array.as_any();
                let rows = if let Some(values) = any.downcast_ref::<BinaryArray>() {
                    read(&self.plan, &mut reader, values, skip)?
                } else if let Some(values) = any.downcast_ref::<LargeBinaryArray>() {
                    read(&self.plan, &mut reader, values, skip)?
                } else {
                    return Ok((reader, None));
                };
                Ok((reader, Some(rows)))
            })
        })?;
        self.reader = Some(reader);
        let rows = rows.ok_or_else(|| {
            let message = format!(
                "values are {}, expected binary or large_binary",
                array.data_type()
            );
            PyTypeError::new_err(message)
        })?;
        Ok((rows.batch.map(PyArrowType), rows.refused))
    }
}

#[pymodule]
fn kamiflow_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add_class::<BodyDecoder>()?;
    module.add_class::<kafka::QueueReader>()
}
