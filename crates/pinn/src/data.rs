//! Observations: arrays of an npz file, by the columns a case names.

use crate::case::{Case, Data};
use ndarray::Ix1;
use ndarray_npy::{NpzReader, ReadNpzError};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Values of unknowns at points.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    /// Row-major: shape [rows, coordinates].
    pub points: Vec<f64>,
    /// For each unknown, its values, if it was observed: one per row.
    pub values: Vec<Option<Vec<f64>>>,
    /// The number of observations.
    pub rows: usize,
}

/// Why there are no observations.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The texts say what the fields are.
pub enum DataError {
    #[error("cannot open {path}: {cause}", path = .path.display())]
    Open { path: PathBuf, cause: std::io::Error },
    #[error("cannot read {path}: {cause}", path = .path.display())]
    Read { path: PathBuf, cause: ReadNpzError },
    #[error("cannot read array `{array}` of {path}: {cause}; it must be one axis of f64", path = .path.display())]
    Array { path: PathBuf, array: String, cause: ReadNpzError },
    #[error("arrays of {path} must have one extent, got {expected} and {got} in `{array}`", path = .path.display())]
    Extent { path: PathBuf, array: String, expected: usize, got: usize },
    #[error("array `{array}` of {path} must hold finite numbers, got {value} at {index}", path = .path.display())]
    Finite { path: PathBuf, array: String, index: usize, value: f64 },
    #[error(
        "array `{array}` of {path} must lie in the interval of `{coordinate}`, [{low}, {high}], got {value} at {index}",
        path = .path.display()
    )]
    Outside {
        path: PathBuf,
        array: String,
        coordinate: String,
        low: f64,
        high: f64,
        index: usize,
        value: f64,
    },
    #[error("{path} must hold observations, got empty arrays", path = .path.display())]
    Empty { path: PathBuf },
}

/// Reads the observations of `data`, whose file is relative to `folder`.
pub fn read(case: &Case, data: &Data, folder: &Path) -> Result<Observations, DataError> {
    let path = folder.join(&data.file);
    let file = File::open(&path).map_err(|cause| DataError::Open { path: path.clone(), cause })?;
    let mut npz = NpzReader::new(file).map_err(|cause| DataError::Read { path: path.clone(), cause })?;
    let mut rows = None;
    let mut column = |array: &String| -> Result<Vec<f64>, DataError> {
        let (path, array) = (path.clone(), array.clone());
        let values = match npz.by_name::<ndarray::OwnedRepr<f64>, Ix1>(&array) {
            Ok(values) => values.into_iter().collect::<Vec<f64>>(),
            Err(cause) => return Err(DataError::Array { path, array, cause }),
        };
        let (expected, got) = (*rows.get_or_insert(values.len()), values.len());
        if expected != got {
            return Err(DataError::Extent { path, array, expected, got });
        }
        match values.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(DataError::Finite { path, array, index, value: values[index] }),
            None => Ok(values),
        }
    };
    let mut coordinates = Vec::new();
    for (name, coordinate) in data.coordinates.iter().zip(&case.coordinates) {
        let values = column(name)?;
        let inside = |x: &f64| coordinate.low <= *x && *x <= coordinate.high;
        if let Some(index) = values.iter().position(|x| !inside(x)) {
            return Err(DataError::Outside {
                path,
                array: name.clone(),
                coordinate: coordinate.name.clone(),
                low: coordinate.low,
                high: coordinate.high,
                index,
                value: values[index],
            });
        }
        coordinates.push(values);
    }
    let unknowns = data.unknowns.iter().map(|name| name.as_ref().map(&mut column).transpose());
    let values = unknowns.collect::<Result<Vec<_>, _>>()?;
    let rows = rows.unwrap_or(0);
    if rows == 0 {
        return Err(DataError::Empty { path });
    }
    let points = (0..rows).flat_map(|i| coordinates.iter().map(move |column| column[i])).collect();
    Ok(Observations { points, values, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;
    use ndarray_npy::NpzWriter;

    const CASE: &str = r#"
        title = "data"
        unknowns = ["u", "v"]
        coordinates = { t = [0, 1], x = [0, 1] }
        equation = [{ text = "u + v = 0", points = 1 }]
        network = { hidden = [4] }
        optimiser = [{ kind = "adam", steps = 1, learning_rate = 1e-3 }]
        data = [{ file = "d.npz", columns = { x = "place", t = "time", v = "speed" } }]
    "#;

    fn read_back(columns: &[(&str, &[f64])]) -> Result<Observations, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut npz = NpzWriter::new(File::create(folder.path().join("d.npz")).unwrap());
        for (name, values) in columns {
            npz.add_array(*name, &Array1::from(values.to_vec())).unwrap();
        }
        npz.finish().unwrap();
        let case = Case::parse("case.toml", CASE).unwrap_or_else(|e| panic!("{e}"));
        let prefix = format!("{}/", folder.path().display());
        read(&case, &case.data[0], folder.path()).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    #[test]
    fn columns_become_rows_in_the_order_of_the_coordinates() {
        let got = read_back(&[("place", &[0.1, 0.2]), ("time", &[0.5, 1.0]), ("speed", &[3.0, 4.0])]);
        let points = vec![0.5, 0.1, 1.0, 0.2];
        assert_eq!(got, Ok(Observations { points, values: vec![None, Some(vec![3.0, 4.0])], rows: 2 }));
    }

    #[test]
    fn bad_files_are_refused() {
        let error = |columns: &[(&str, &[f64])]| read_back(columns).unwrap_err();
        assert!(error(&[("place", &[0.1])]).starts_with("cannot read array `time` of d.npz: "));
        assert_eq!(
            error(&[("place", &[0.1]), ("time", &[0.1, 0.2]), ("speed", &[0.0])]),
            "arrays of d.npz must have one extent, got 2 and 1 in `place`"
        );
        assert_eq!(
            error(&[("place", &[0.1]), ("time", &[1.5]), ("speed", &[0.0])]),
            "array `time` of d.npz must lie in the interval of `t`, [0, 1], got 1.5 at 0"
        );
        assert_eq!(
            error(&[("place", &[0.1]), ("time", &[0.5]), ("speed", &[f64::NAN])]),
            "array `speed` of d.npz must hold finite numbers, got NaN at 0"
        );
        assert_eq!(
            error(&[("place", &[]), ("time", &[]), ("speed", &[])]),
            "d.npz must hold observations, got empty arrays"
        );
        let case = Case::parse("case.toml", CASE).unwrap();
        let missing = read(&case, &case.data[0], Path::new("/nowhere")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot open /nowhere/d.npz: "), "{missing}");
    }
}
