//! Reading a run file: everything is verified before anything is given out.
//!
//! The file's bytes are read by the operating system and parsed in memory, so that no lock is
//! taken and no other process can change them under way. What a damaged file asks for is bounded
//! by its size before memory is allotted.

use super::manifest::{Lines, Manifest};
use super::{Attribute, Cause, Checkpoint, CheckpointError, FORMAT_VERSION, Header, Provenance, h5, sha256};
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, File, Group, H5Type, Location, LocationType};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::path::Path;
use tessera_core::tensor::Data;
use tessera_core::{DType, Tensor};

/// The most that deflate can expand (1032 : 1, RFC 1951), with room for small files' overhead.
const EXPANSION_MAX: usize = 1040;

/// The first bytes of every HDF5 file.
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Reads the run file at `path` and verifies all of it.
///
/// # Errors
/// If the file cannot be read, is no run file of this format version, or is not bit for bit what
/// was written; then the error names what was altered or is missing.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    std::fs::read(path)
        .map_err(Cause::from)
        .and_then(|bytes| from_bytes(&bytes))
        .map_err(|cause| CheckpointError { action: "read", path: path.to_owned(), cause })
}

/// Reads and verifies the bytes of a run file.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Cause> {
    if !bytes.starts_with(SIGNATURE) {
        return Err(Cause::Foreign("it does not begin like an HDF5 file".to_owned()));
    }
    let file = h5::open(bytes).map_err(|cause| Cause::Altered(vec![format!("the file's frame: {cause}")]))?;
    let mut reader = Reader { file, bytes: bytes.len(), findings: Vec::new(), unreadable: Vec::new() };
    reader.identify()?;
    match reader.checkpoint() {
        Some(checkpoint) if reader.findings.is_empty() => Ok(checkpoint),
        _ => Err(Cause::Altered(reader.findings)),
    }
}

/// The attributes of the root that tell who wrote the file: part of the provenance.
const ORIGIN: [&str; 3] = ["softwareVersion", "date", "machine"];

/// Reads one file and collects every finding.
struct Reader {
    file: File,
    /// The file's size.
    bytes: usize,
    findings: Vec<String>,
    /// Keys of the manifest that `findings` already accounts for.
    unreadable: Vec<String>,
}

impl Reader {
    /// Checks that this is a run file of this format version.
    fn identify(&self) -> Result<(), Cause> {
        let names = self.file.attr_names().map_err(|error| altered("the root's attributes", error.into()))?;
        if !names.iter().any(|name| name == "format") {
            return Err(Cause::Foreign("it has no attribute `format`".to_owned()));
        }
        match self.text_attribute(&self.file, "format").map_err(|cause| altered("attribute format", cause))? {
            format if format == "tessera run" => {}
            format => {
                return Err(Cause::Foreign(format!("its attribute `format` is {format:?}")));
            }
        }
        match number::<u64>(&self.file, "formatVersion")
            .map_err(|cause| altered("attribute formatVersion", cause))?
        {
            FORMAT_VERSION => Ok(()),
            version => Err(Cause::Version(version)),
        }
    }

    /// Everything that can be read. What cannot is in `findings`, and something empty in its place.
    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let compared = self.manifest("tessera/manifest", "")?;
        let provenance = self.manifest("provenance/manifest", "provenance")?;
        let header = self.header();
        let attributes = self.attributes("tessera/attributes", "attribute", compared.names("attribute"), &[]);
        let origin = self.provenance(&provenance);
        let mut datasets = IndexMap::new();
        for path in compared.names("dataset").chain(provenance.names("dataset")) {
            match self.tensor(path) {
                Ok(tensor) => {
                    datasets.insert(path.to_owned(), tensor);
                }
                Err(cause) => self.report(format!("dataset {path}"), &cause),
            }
        }
        let checkpoint = Checkpoint { header, provenance: origin, attributes, datasets };
        let found = Manifest::of(&checkpoint);
        self.findings.extend(compared.differences(&found.compared, &self.unreadable));
        self.findings.extend(provenance.differences(&found.provenance, &self.unreadable));
        self.expect_attribute("", "software", "tessera");
        self.strangers(&checkpoint);
        Some(checkpoint)
    }

    /// A stored manifest that agrees with its digest, the attribute `sha256` of `group`.
    fn manifest(&mut self, path: &str, group: &str) -> Option<Lines> {
        let read = || -> Result<Lines, Cause> {
            let text = self.text(path)?;
            let digest = self.text_attribute(&*self.group(group)?, "sha256")?;
            let got = sha256(text.as_bytes());
            if got != digest {
                return Err(Cause::Library(format!("digest must be {digest} (attribute sha256), got {got}")));
            }
            Lines::parse(&text).map_err(Cause::Library)
        };
        match read() {
            Ok(lines) => Some(lines),
            Err(cause) => {
                self.report(path.to_owned(), &cause);
                None
            }
        }
    }

    fn header(&mut self) -> Header {
        let numerics = number::<u32>(&self.file, "numericsVersion");
        let seed = number::<u64>(&self.file, "seed");
        let step = number::<u64>(&self.file, "step");
        let case_digest = self.text_attribute(&self.file, "caseSha256");
        let case = self.text("tessera/case");
        let program = self.text("tessera/program");
        let numerics_version = self.keep("header numericsVersion", numerics);
        let seed = self.keep("header seed", seed);
        let step = self.keep("header step", step);
        let case_digest = self.keep("header caseSha256", case_digest);
        let case = self.keep("text case", case);
        let program = self.keep("text program", program);
        let header = Header { numerics_version, seed, step, case, program };
        if self.unreadable.iter().any(|key| key == "text case") {
            // What is listed as its digest has nothing to agree with.
            self.unreadable.push("header caseSha256".to_owned());
        } else if case_digest != header.case_sha256() {
            self.findings.push("attribute caseSha256 must be the digest of the case".to_owned());
        }
        header
    }

    fn provenance(&mut self, lines: &Lines) -> Provenance {
        let texts = ORIGIN.map(|name| self.text_attribute(&self.file, name));
        let [version, date, machine] = texts;
        let software_version = self.keep("attribute softwareVersion", version);
        let date = self.keep("attribute date", date);
        let machine = self.keep("attribute machine", machine);
        let names = lines.names("attribute").filter(|name| !ORIGIN.contains(name));
        let entries = self.attributes("provenance", "attribute", names, &["sha256"]);
        Provenance { software_version, date, machine, entries }
    }

    /// The attributes `names` of a group. Any other but those in `own` is a finding.
    fn attributes<'a>(
        &mut self,
        group: &str,
        kind: &str,
        names: impl Iterator<Item = &'a str>,
        own: &[&str],
    ) -> IndexMap<String, Attribute> {
        let mut attributes = IndexMap::new();
        for name in names {
            match self.group(group).and_then(|group| self.attribute(&group, name)) {
                Ok(value) => {
                    attributes.insert(name.to_owned(), value);
                }
                Err(cause) => self.report(format!("{kind} {name}"), &cause),
            }
        }
        let there = self.group(group).and_then(|group| Ok(group.attr_names()?));
        for name in there.unwrap_or_default() {
            if !attributes.contains_key(&name) && !own.contains(&name.as_str()) {
                let key = format!("{kind} {name}");
                if !self.unreadable.contains(&key) {
                    self.findings.push(format!("attribute {name} of {group} is not in the manifest"));
                }
            }
        }
        attributes
    }

    fn attribute(&self, location: &Location, name: &str) -> Result<Attribute, Cause> {
        let attribute = location.attr(name)?;
        match attribute.dtype()?.to_descriptor()? {
            TypeDescriptor::Unsigned(IntSize::U8) => Ok(Attribute::U64(number(location, name)?)),
            TypeDescriptor::Float(FloatSize::U8) => Ok(Attribute::F64(number(location, name)?)),
            _ => Ok(Attribute::Text(h5::read_text_attribute(&attribute, self.bytes)?)),
        }
    }

    /// A dataset that agrees with its own digest.
    fn tensor(&self, path: &str) -> Result<Tensor, Cause> {
        let dataset = self.file.dataset(path)?;
        let name = self.text_attribute(&dataset, "dtype")?;
        let dtype = DType::from_name(&name).ok_or_else(|| {
            Cause::Library(format!("attribute dtype must be an element type, got {name:?}"))
        })?;
        let shape = dataset.get_shape()?;
        let data = self.data(&dataset, dtype, &shape)?;
        let tensor = Tensor::from_data(shape, data);
        let digest = self.text_attribute(&dataset, "sha256")?;
        let got = tensor.digest();
        if digest != got {
            return Err(Cause::Library(format!("digest must be {digest} (attribute sha256), got {got}")));
        }
        let names = dataset.attr_names()?;
        match names.iter().find(|name| !matches!(name.as_str(), "dtype" | "sha256")) {
            Some(name) => Err(Cause::Library(format!("attribute {name} is not in the manifest"))),
            None => Ok(tensor),
        }
    }

    /// The elements of `dataset`, which must be stored as `dtype` is.
    fn data(&self, dataset: &Dataset, dtype: DType, shape: &[usize]) -> Result<Data, Cause> {
        let ty = match dtype {
            DType::F64 => TypeDescriptor::Float(FloatSize::U8),
            DType::F32 => TypeDescriptor::Float(FloatSize::U4),
            DType::I64 => TypeDescriptor::Integer(IntSize::U8),
            DType::I32 => TypeDescriptor::Integer(IntSize::U4),
            DType::U64 => TypeDescriptor::Unsigned(IntSize::U8),
            DType::U32 => TypeDescriptor::Unsigned(IntSize::U4),
            DType::Bool => TypeDescriptor::Unsigned(IntSize::U1),
        };
        let stored = dataset.dtype()?.to_descriptor()?;
        if stored != ty {
            return Err(Cause::Library(format!("must be stored as {ty}, got {stored}")));
        }
        let bytes = shape.iter().try_fold(dtype.size(), |n, &extent| n.checked_mul(extent));
        let bytes_max = self.bytes.saturating_mul(EXPANSION_MAX);
        let len = match bytes {
            Some(bytes) if bytes <= bytes_max => bytes / dtype.size(),
            _ => {
                return Err(Cause::Library(format!(
                    "shape {shape:?} must fit in a file of {} bytes",
                    self.bytes
                )));
            }
        };
        Ok(match dtype {
            DType::F64 => Data::F64(values(dataset, len)?),
            DType::F32 => Data::F32(values(dataset, len)?),
            DType::I64 => Data::I64(values(dataset, len)?),
            DType::I32 => Data::I32(values(dataset, len)?),
            DType::U64 => Data::U64(values(dataset, len)?),
            DType::U32 => Data::U32(values(dataset, len)?),
            DType::Bool => {
                let bytes: Vec<u8> = values(dataset, len)?;
                if let Some(byte) = bytes.iter().find(|&&byte| byte > 1) {
                    return Err(Cause::Library(format!("a truth value must be 0 or 1, got {byte}")));
                }
                Data::Bool(bytes.iter().map(|&byte| byte == 1).collect())
            }
        })
    }

    /// Reports every object that the manifests do not list.
    fn strangers(&mut self, checkpoint: &Checkpoint) {
        let mut known: HashSet<&str> =
            HashSet::from(["tessera/manifest", "tessera/case", "tessera/program", "provenance/manifest"]);
        let mut groups: HashSet<&str> = HashSet::from(["", "tessera", "tessera/attributes", "provenance"]);
        known.extend(checkpoint.datasets.keys().map(String::as_str));
        known.extend(self.unreadable.iter().filter_map(|key| key.strip_prefix("dataset ")));
        for path in known.clone() {
            groups.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
        }
        let mut found = Vec::new();
        for group in &groups {
            let members = self.group(group).and_then(|group| Ok(group.member_names()?));
            for name in members.unwrap_or_default() {
                let path = if group.is_empty() { name } else { format!("{group}/{name}") };
                let listed = match self.file.loc_type_by_name(&path) {
                    Ok(LocationType::Group) => groups.contains(path.as_str()),
                    _ => known.contains(path.as_str()),
                };
                if !listed {
                    found.push(format!("{path} is not in the manifest"));
                }
            }
            if !matches!(*group, "" | "tessera/attributes" | "provenance") {
                let names = self.group(group).and_then(|group| Ok(group.attr_names()?));
                let finding = |name| format!("attribute {name} of {group} is not in the manifest");
                found.extend(names.unwrap_or_default().into_iter().map(finding));
            }
        }
        let own = [
            "software",
            "format",
            "formatVersion",
            "numericsVersion",
            "seed",
            "step",
            "caseSha256",
            "sha256",
        ];
        for name in self.file.attr_names().unwrap_or_default() {
            if !own.iter().chain(&ORIGIN).any(|own| *own == name) {
                found.push(format!("attribute {name} of the root is not in the manifest"));
            }
        }
        found.sort();
        self.findings.extend(found);
    }

    fn expect_attribute(&mut self, group: &str, name: &str, must: &str) {
        let got = self.group(group).and_then(|group| self.text_attribute(&group, name));
        match got {
            Ok(got) if got == must => {}
            Ok(got) => self.findings.push(format!("attribute {name} must be {must:?}, got {got:?}")),
            Err(cause) => self.report(format!("attribute {name}"), &cause),
        }
    }

    /// The value; or something empty, and a finding under `key`.
    fn keep<T: Default>(&mut self, key: &str, value: Result<T, Cause>) -> T {
        value.map_err(|cause| self.report(key.to_owned(), &cause)).unwrap_or_default()
    }

    fn report(&mut self, key: String, cause: &Cause) {
        let reason = match cause {
            Cause::Library(reason) => reason.clone(),
            other => other.to_string(),
        };
        self.findings.push(format!("{key}: {reason}"));
        self.unreadable.push(key);
    }

    fn group(&self, path: &str) -> Result<Group, Cause> {
        Ok(self.file.group(if path.is_empty() { "/" } else { path })?)
    }

    fn text(&self, path: &str) -> Result<String, Cause> {
        h5::read_text(&self.file.dataset(path)?, self.bytes.saturating_mul(EXPANSION_MAX))
    }

    fn text_attribute(&self, location: &Location, name: &str) -> Result<String, Cause> {
        h5::read_text_attribute(&location.attr(name)?, self.bytes)
    }
}

fn altered(what: &str, cause: Cause) -> Cause {
    Cause::Altered(vec![format!("{what}: {cause}")])
}

/// The number in attribute `name`.
fn number<T: H5Type>(location: &Location, name: &str) -> Result<T, Cause> {
    let attribute = location.attr(name)?;
    if !attribute.dtype()?.is::<T>() {
        return Err(Cause::Library(format!("attribute {name} is of another type")));
    }
    Ok(attribute.read_scalar::<T>()?)
}

/// The `len` elements of `dataset`.
fn values<T: H5Type>(dataset: &Dataset, len: usize) -> Result<Vec<T>, Cause> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let values: Vec<T> = dataset.read_raw()?;
    if values.len() != len {
        return Err(Cause::Library(format!("must hold {len} elements, got {}", values.len())));
    }
    Ok(values)
}
