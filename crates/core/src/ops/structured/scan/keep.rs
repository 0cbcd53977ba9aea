//! Which values of a loop reverse mode keeps, and which it computes again.

use super::*;
use std::fmt;

/// What the adjoint of a loop keeps of it. Every choice gives the same bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Each value that the adjoint uses, but for those that cost nothing (broadcasts, reshapes, constants).
    #[default]
    All,
    /// The carried values alone; each round of the loop is computed again.
    Recompute,
    /// The values of these names, and the carried values where others are computed again from them.
    Names(Vec<String>),
    /// The carried values at the beginning of every so many rounds; then each such segment by itself.
    Periodic(usize),
    /// The carried values of at most so many rounds at a time, by the binomial schedule that runs the fewest rounds
    /// again (A. Griewank and A. Walther, Algorithm 799: revolve, ACM TOMS 26, 2000).
    Revolve(usize),
}

impl Keep {
    /// The policy that `text` writes: `all`, `recompute`, `periodic(10)`, `revolve(5)`, or names such as `%h %z`.
    pub fn parse(text: &str) -> Option<Keep> {
        let number = |word: &str| {
            let digits = text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')')?;
            digits.parse::<usize>().ok().filter(|&n| n > 0 && n.to_string() == digits)
        };
        match text {
            "all" => Some(Keep::All),
            "recompute" => Some(Keep::Recompute),
            _ if text.starts_with('%') => {
                let names =
                    text.split(' ').map(|word| word.strip_prefix('%').filter(|name| !name.is_empty()));
                Some(Keep::Names(names.map(|name| name.map(str::to_string)).collect::<Option<_>>()?))
            }
            _ => number("periodic").map(Keep::Periodic).or_else(|| number("revolve").map(Keep::Revolve)),
        }
    }

    /// The policy of attribute `keep`.
    pub(in crate::ops::structured) fn read(
        op: &str,
        id: &'static str,
        attributes: &Attributes,
    ) -> Result<Option<Keep>, Violation> {
        let Some(given) = attributes.get("keep") else { return Ok(None) };
        let text = attributes.text("keep");
        let shown = text.map_or(format!("{given:?}"), |text| format!("\"{text}\""));
        text.and_then(Keep::parse).map(Some).ok_or_else(|| {
            let want = "\"all\", \"recompute\", \"periodic(10)\", \"revolve(5)\" or names such as \"%h %z\"";
            Violation::new(id, format!("`keep` of {op} must be {want}, got {shown}"))
        })
    }

    /// That the policy is one that text can write.
    pub(in crate::ops::structured) fn check_form(&self, op: &str, id: &'static str) -> Result<(), Violation> {
        if Keep::parse(&self.to_string()).as_ref() == Some(self) {
            return Ok(());
        }
        let got = format!(
            "`keep` of {op} must have a number of at least 1, or names without blanks, got \"{self}\""
        );
        Err(Violation::new(id, got))
    }

    /// That the names are of values of `body`.
    pub(in crate::ops::structured) fn check(
        &self,
        op: &str,
        id: &'static str,
        body: &Graph,
    ) -> Result<(), Violation> {
        let Keep::Names(names) = self else { return Ok(()) };
        match names.iter().find(|name| !has_name(body, name)) {
            None => Ok(()),
            Some(name) => {
                let got = format!("`keep` of {op} must name values of @{}, got %{name}", body.name);
                Err(Violation::new(id, got))
            }
        }
    }

    /// The policy for a loop whose body is made from another's: names that are gone are dropped.
    pub(in crate::ops::structured) fn inherited(&self, body: &Graph) -> Keep {
        match self {
            Keep::Names(names) => {
                let names: Vec<String> = names.iter().filter(|name| has_name(body, name)).cloned().collect();
                if names.is_empty() { Keep::Recompute } else { Keep::Names(names) }
            }
            other => other.clone(),
        }
    }

    /// Whether the adjoint of one round keeps `value`, which the round computes.
    pub(super) fn keeps(&self, graph: &Graph, value: Value) -> bool {
        match self {
            Keep::Recompute => false,
            Keep::Names(names) => graph.name(value).is_some_and(|name| names.iter().any(|n| n == name)),
            // A segment is short: all of it is kept while it is differentiated.
            Keep::All | Keep::Periodic(_) | Keep::Revolve(_) => graph.node_of(value).is_some_and(|node| {
                !matches!(node.op.kernel(), Kernel::Broadcast { .. } | Kernel::Reshape | Kernel::Constant(_))
            }),
        }
    }
}

fn has_name(graph: &Graph, name: &str) -> bool {
    (0..graph.value_count()).any(|i| graph.name(Value(i as u32)) == Some(name))
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::All => f.write_str("all"),
            Keep::Recompute => f.write_str("recompute"),
            Keep::Periodic(every) => write!(f, "periodic({every})"),
            Keep::Revolve(snapshots) => write!(f, "revolve({snapshots})"),
            Keep::Names(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("%{name}")).collect();
                f.write_str(&names.join(" "))
            }
        }
    }
}
