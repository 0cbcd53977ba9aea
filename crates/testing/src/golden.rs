//! Golden digests: a text file with the SHA-256 of every result that the numerics law promises, one line an entry.
//!
//! ```text
//! # What the lines are.
//! numerics 1
//! 3f0a…  exp f64
//! ```
//!
//! The rule that makes the file a promise: within one version of the law an entry may be added but never altered.
//! Version 0 is a draft, under which entries may be altered too.

use std::collections::BTreeMap;

/// Digests by the names of their entries.
pub type Entries = BTreeMap<String, String>;

/// What is in a file of digests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Golden {
    /// The lines of comment at its head.
    pub header: String,
    /// The version of the numerics law that it belongs to.
    pub version: u32,
    /// The digests.
    pub entries: Entries,
}

impl Golden {
    /// Reads a file.
    ///
    /// # Errors
    /// Names the first line that is none of a comment, `numerics <version>` and `<digest>  <entry>`.
    pub fn parse(text: &str) -> Result<Golden, String> {
        let (mut golden, mut version) = (Golden::default(), None);
        for (line, number) in text.lines().zip(1..) {
            if line.starts_with('#') {
                golden.header += line;
                golden.header += "\n";
            } else if let Some(rest) = line.strip_prefix("numerics ") {
                version = rest.parse().ok();
            } else {
                let entry = line.split_once("  ").filter(|(digest, _)| digest.len() == 64);
                let (digest, name) = entry.ok_or(format!(
                    "line {number} must be `<digest>  <entry>`, of 64 hexadecimal digits, got `{line}`"
                ))?;
                if golden.entries.insert(name.to_string(), digest.to_string()).is_some() {
                    return Err(format!("line {number}: `{name}` must have one line"));
                }
            }
        }
        golden.version = version.ok_or("the file must have a line `numerics <version>`")?;
        Ok(golden)
    }

    /// The file's text, entries in the order of their names.
    pub fn text(&self) -> String {
        let lines = self.entries.iter().map(|(name, digest)| format!("{digest}  {name}\n"));
        format!("{}numerics {}\n{}", self.header, self.version, lines.collect::<String>())
    }

    /// Holds `now`, what the code computes under `version` of the law, against the file.
    ///
    /// # Errors
    /// Names every entry that differs and says what a change of bits asks for.
    pub fn check(&self, version: u32, now: &Entries) -> Result<(), String> {
        let mut faults = self.altered(now);
        let added = now.keys().filter(|name| !self.entries.contains_key(*name));
        faults.extend(added.map(|name| format!("new: {name} (BLESS=1 adds it)")));
        if self.version != version {
            faults.push(format!(
                "the file is of numerics {}, the code of {version} (BLESS=1 renews the file)",
                self.version
            ));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(format!("{}\n{ADVICE}", faults.join("\n"))),
        }
    }

    /// The file for `now` under `version` of the law.
    ///
    /// # Errors
    /// If an entry would alter or vanish within a version that is no draft.
    pub fn blessed(&self, version: u32, now: Entries) -> Result<Golden, String> {
        let altered = self.altered(&now);
        if !altered.is_empty() && version != 0 && version == self.version {
            return Err(format!("{}\n{ADVICE}", altered.join("\n")));
        }
        Ok(Golden { header: self.header.clone(), version, entries: now })
    }

    /// The entries that `now` has otherwise or not at all.
    fn altered(&self, now: &Entries) -> Vec<String> {
        let fault = |(name, digest): (&String, &String)| match now.get(name) {
            Some(new) if new == digest => None,
            Some(new) => Some(format!("changed: {name}, must be {digest}, got {new}")),
            None => Some(format!("gone: {name}")),
        };
        self.entries.iter().filter_map(fault).collect()
    }
}

const ADVICE: &str = "A digest is a promise. If the change was not meant, it is a bug, however small. If it was, it is a new version of \
                      the law: raise numerics::VERSION, describe it in docs/numerics.md and under Bits in CHANGELOG.md, and \
                      then run BLESS=1 cargo test -p tessera-testing --test digests";

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, char)]) -> Entries {
        pairs.iter().map(|(name, c)| (name.to_string(), c.to_string().repeat(64))).collect()
    }

    fn golden(version: u32) -> Golden {
        Golden { header: "# digests\n".into(), version, entries: entries(&[("exp", 'a'), ("log f32", 'b')]) }
    }

    #[test]
    fn the_text_reads_back() {
        assert_eq!(Golden::parse(&golden(3).text()), Ok(golden(3)));
        assert!(Golden::parse("numerics 1\nexp\n").unwrap_err().starts_with("line 2 must be"));
        assert!(Golden::parse("# none\n").unwrap_err().contains("numerics <version>"));
        let twice = golden(1).text() + &format!("{}  exp\n", "c".repeat(64));
        assert_eq!(Golden::parse(&twice).unwrap_err(), "line 5: `exp` must have one line");
    }

    #[test]
    fn a_difference_is_named() {
        assert_eq!(golden(1).check(1, &golden(1).entries), Ok(()));
        let now = entries(&[("exp", 'c'), ("sin", 'd')]);
        let faults = golden(1).check(2, &now).unwrap_err();
        for fault in ["changed: exp, must be aa", "gone: log f32", "new: sin", "numerics 1, the code of 2"] {
            assert!(faults.contains(fault), "{faults}");
        }
    }

    #[test]
    fn only_a_new_version_alters_an_entry() {
        let changed = entries(&[("exp", 'c'), ("log f32", 'b')]);
        assert!(golden(1).blessed(1, changed.clone()).unwrap_err().contains("raise numerics::VERSION"));
        assert!(golden(1).blessed(1, entries(&[("exp", 'a')])).is_err());
        assert_eq!(golden(1).blessed(2, changed.clone()).unwrap().version, 2);
        assert_eq!(golden(0).blessed(0, changed.clone()).unwrap().entries, changed);
        let more = entries(&[("exp", 'a'), ("log f32", 'b'), ("sin", 'd')]);
        assert_eq!(golden(1).blessed(1, more.clone()).unwrap().entries, more);
    }
}
