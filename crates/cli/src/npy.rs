//! Tensors from and to numpy's files.

use ndarray::{ArrayView, ArrayViewD, IxDyn};
use ndarray_npy::{NpzWriter, ViewElement, ViewNpyError, ViewNpyExt, WriteNpzError};
use std::io::{Cursor, Read};
use std::path::Path;
use tessera_core::tensor::Element;
use tessera_core::{DType, Tensor, each_dtype};

/// The tensor in the file `path`; of an .npz file, its array `name`.
///
/// # Errors
/// Why it cannot be read, or that it is not of `dtype`.
pub fn read(path: &Path, name: &str, dtype: DType) -> Result<Tensor, String> {
    let cannot = |cause: &dyn std::fmt::Display| format!("cannot read {}: {cause}", path.display());
    let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
    if path.extension().is_some_and(|extension| extension == "npz") {
        let array = member(&bytes, name).map_err(|cause| cannot(&cause))?;
        return parse(&array, dtype).map_err(|cause| cannot(&format!("array `{name}` {cause}")));
    }
    parse(&bytes, dtype).map_err(|cause| cannot(&format!("it {cause}")))
}

/// The bytes of array `name` of an .npz file.
fn member(bytes: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("it must be an .npz archive, but {error}"))?;
    let names: Vec<String> =
        archive.file_names().map(|file| format!("`{}`", file.strip_suffix(".npy").unwrap_or(file))).collect();
    let Some(index) = archive.index_for_name(&format!("{name}.npy")).or(archive.index_for_name(name)) else {
        return Err(format!("it must hold an array `{name}`, got {}", names.join(", ")));
    };
    let mut array = Vec::new();
    let mut file = archive.by_index(index).map_err(|error| error.to_string())?;
    file.read_to_end(&mut array).map_err(|error| error.to_string())?;
    Ok(array)
}

/// The tensor in the bytes of an .npy file.
fn parse(bytes: &[u8], dtype: DType) -> Result<Tensor, String> {
    match dtype {
        DType::F64 => view::<f64>(bytes),
        DType::F32 => view::<f32>(bytes),
        DType::I64 => view::<i64>(bytes),
        DType::I32 => view::<i32>(bytes),
        DType::U64 => view::<u64>(bytes),
        DType::U32 => view::<u32>(bytes),
        DType::Bool => view::<bool>(bytes),
    }
}

fn view<T: Element + ViewElement>(bytes: &[u8]) -> Result<Tensor, String> {
    // The header is a multiple of 64 bytes, so the elements are aligned as far as the bytes are.
    let view = ArrayViewD::<T>::view_npy(bytes).map_err(|error| match error {
        ViewNpyError::WrongDescriptor(descriptor) => {
            let got = descriptor.to_string();
            let numpy = numpy_name(T::DTYPE);
            format!(
                "must hold {} ({numpy}), got dtype {got}; convert it with `x.astype(\"{numpy}\")`",
                T::DTYPE
            )
        }
        ViewNpyError::NonNativeEndian => {
            "must be in this machine's byte order; convert it with `x.astype(x.dtype.newbyteorder(\"=\"))`"
                .to_owned()
        }
        error => format!("must be an .npy array, but {error}"),
    })?;
    Ok(Tensor::new(view.shape(), view.iter().copied().collect()))
}

/// What numpy calls `dtype`.
fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "float64",
        DType::F32 => "float32",
        DType::I64 => "int64",
        DType::I32 => "int32",
        DType::U64 => "uint64",
        DType::U32 => "uint32",
        DType::Bool => "bool",
    }
}

/// The bytes of an .npz file of `arrays`.
///
/// # Errors
/// If an array is too large for the format.
pub fn npz<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a Tensor)>) -> Result<Vec<u8>, WriteNpzError> {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, tensor) in arrays {
        each_dtype!(tensor.data(), values => {
            let view = ArrayView::from_shape(IxDyn(tensor.shape()), values.as_slice());
            writer.add_array(name, &view.expect("a tensor holds as many values as its shape"))?;
        });
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descriptor: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': {order}, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn arrays_are_read_in_either_order() {
        let data = doubles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let rows = parse(&npy("<f8", "False", "(2, 3)", &data), DType::F64).unwrap();
        assert_eq!(rows, Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let columns = parse(&npy("<f8", "True", "(2, 3)", &data), DType::F64).unwrap();
        assert_eq!(columns, Tensor::new([2, 3], vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
        let scalar = parse(&npy("<f8", "False", "()", &data[..8]), DType::F64).unwrap();
        assert_eq!(scalar, Tensor::scalar(1.0));
        let flags = parse(&npy("|b1", "False", "(3,)", &[1, 0, 1]), DType::Bool).unwrap();
        assert_eq!(flags, Tensor::new([3], vec![true, false, true]));
    }

    #[test]
    fn bad_arrays_are_refused() {
        let data = doubles(&[1.0, 2.0]);
        for (bytes, says) in [
            (npy("<f8", "False", "(3,)", &data), "must be an .npy array"),
            (npy("<f8", "False", "(1,)", &data), "must be an .npy array"),
            (npy("<f8", "False", "(1000000000000000,)", &data), "must be an .npy array"),
            (npy("<f4", "False", "(4,)", &data), "must hold f64 (float64), got dtype '<f4'"),
            (npy(">f8", "False", "(2,)", &data), "byte order"),
            (b"\x93NUMPY".to_vec(), "must be an .npy array"),
            (vec![], "must be an .npy array"),
        ] {
            let error = parse(&bytes, DType::F64).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let error = parse(&npy("|b1", "False", "(1,)", &[2]), DType::Bool).unwrap_err();
        assert!(error.contains("must be an .npy array"), "{error}");
    }

    #[test]
    fn archives_read_back() {
        let x = Tensor::new([2, 2], vec![1.0, -0.0, f64::INFINITY, 5e-324]);
        let n = Tensor::scalar(-7_i32);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        std::fs::write(&path, npz([("x", &x), ("n", &n)]).unwrap()).unwrap();
        assert!(read(&path, "x", DType::F64).unwrap().same_bits(&x));
        assert!(read(&path, "n", DType::I32).unwrap().same_bits(&n));
        let error = read(&path, "y", DType::F64).unwrap_err();
        assert!(error.contains("must hold an array `y`, got `x`, `n`"), "{error}");
        let error = read(&path, "n", DType::I64).unwrap_err();
        assert!(error.contains("array `n` must hold i64 (int64), got dtype '<i4'"), "{error}");
    }
}
