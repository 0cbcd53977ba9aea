//! Reading a run file: everything is verified before anything is given out.
//!
//! The file's bytes are read by the operating system and parsed in memory, so that no lock is
//! taken and no other process can change them under way. What a damaged file asks for is bounded
//! by its size before memory is allotted.

use super::manifest::{Lines, Manifest};
use super::{
    Attribute, Cause, Checkpoint, CheckpointError, FORMAT_VERSION, Header, Provenance, dataset, h5, sha256,
};
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{File, Group, H5Type, Location, LocationType};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use tessera_core::Tensor;
use tessera_core::tensor::TensorHash;

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

/// Verifies the run file at `path` as [`read`] does, but holds no more than some mebibytes of it at a time. The file must not change
/// meanwhile, as no run file does.
///
/// # Errors
/// As [`read`].
pub fn verify(path: &Path) -> Result<(), CheckpointError> {
    let verified = || {
        let mut start = Vec::new();
        std::fs::File::open(path)?.take(SIGNATURE.len() as u64).read_to_end(&mut start)?;
        let bytes = usize::try_from(std::fs::metadata(path)?.len()).unwrap_or(usize::MAX);
        read_all(&start, || h5::open_path(path, false), bytes, false).map(|_| ())
    };
    verified().map_err(|cause| CheckpointError { action: "read", path: path.to_owned(), cause })
}

/// Reads and verifies the bytes of a run file.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Cause> {
    read_all(bytes, || h5::open(bytes), bytes.len(), true)
}

/// What is in a file that begins with `start` and has `bytes`, verified; without its tensors unless they are to be kept.
fn read_all(
    start: &[u8],
    open: impl FnOnce() -> Result<File, Cause>,
    bytes: usize,
    keep: bool,
) -> Result<Checkpoint, Cause> {
    if !start.starts_with(SIGNATURE) {
        return Err(Cause::Foreign("it does not begin like an HDF5 file".to_owned()));
    }
    let file = open().map_err(|cause| Cause::Altered(vec![format!("the file's frame: {cause}")]))?;
    let mut reader = Reader { file, bytes, keep, findings: Vec::new(), unreadable: Vec::new() };
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
    /// Whether tensors are kept once they are verified.
    keep: bool,
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
        let mut checkpoint = Checkpoint { header, provenance: origin, attributes, datasets: IndexMap::new() };
        let mut found = Manifest::of(&checkpoint);
        let paths: Vec<&str> = compared.names("dataset").chain(provenance.names("dataset")).collect();
        for path in &paths {
            match self.tensor(path) {
                Ok((digest, tensor)) => {
                    found.list(path, digest);
                    checkpoint.datasets.extend(tensor.map(|tensor| (path.to_string(), tensor)));
                }
                Err(cause) => self.report(format!("dataset {path}"), &cause),
            }
        }
        self.findings.extend(compared.differences(&found.compared, &self.unreadable));
        self.findings.extend(provenance.differences(&found.provenance, &self.unreadable));
        self.expect_attribute("", "software", "tessera");
        self.strangers(&paths);
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

    /// The digest of a dataset that agrees with its own, and the tensor if it is to be kept.
    fn tensor(&self, path: &str) -> Result<(String, Option<Tensor>), Cause> {
        let dataset = self.file.dataset(path)?;
        let (dtype, shape) = (dataset::dtype(&dataset, self.bytes)?, dataset.get_shape()?);
        let bytes = shape.iter().try_fold(dtype.size(), |n, &extent| n.checked_mul(extent));
        if bytes.is_none_or(|bytes| bytes > self.bytes.saturating_mul(EXPANSION_MAX)) {
            return Err(Cause::Library(format!(
                "shape {shape:?} must fit in a file of {} bytes",
                self.bytes
            )));
        }
        let (mut hash, mut kept) = (TensorHash::new(dtype, &shape), Vec::new());
        for rows in dataset::pieces(dtype, &shape) {
            let piece = dataset::read(&dataset, dtype, &shape, rows)?;
            hash.update(&piece);
            if self.keep {
                kept.extend(piece);
            }
        }
        let (digest, got) = (self.text_attribute(&dataset, "sha256")?, hash.finish());
        if digest != got {
            return Err(Cause::Library(format!("digest must be {digest} (attribute sha256), got {got}")));
        }
        let names = dataset.attr_names()?;
        match names.iter().find(|name| !matches!(name.as_str(), "dtype" | "sha256")) {
            Some(name) => Err(Cause::Library(format!("attribute {name} is not in the manifest"))),
            None => Ok((digest, self.keep.then(|| Tensor::from_canonical_bytes(dtype, shape, &kept)))),
        }
    }

    /// Reports every object that the manifests do not list.
    fn strangers(&mut self, datasets: &[&str]) {
        let mut known: HashSet<&str> =
            HashSet::from(["tessera/manifest", "tessera/case", "tessera/program", "provenance/manifest"]);
        let mut groups: HashSet<&str> = HashSet::from(["", "tessera", "tessera/attributes", "provenance"]);
        known.extend(datasets);
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
