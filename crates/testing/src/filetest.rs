//! File tests: a program, what to do with it, and what must come of it, all in one `.mlir` file.
//!
//! The file begins with one or more commands, each in a line `// test: COMMAND`:
//!
//! | command | does |
//! |---|---|
//! | `print`, `print hex`, `print generic` | verifies and prints the program |
//! | `parse` | prints the program as it was read, not verified |
//! | `verify` | verifies the program |
//! | `render` | shows the errors as a person sees them |
//! | `adjoint`, `jvp`, `vmap`, … | carries out all statements and prints what those of this kind made |
//! | `pass`, `pass share dead` | carries out all statements, runs all passes or these, and prints |
//! | `run @m x=[1.0, 2.0]` | runs module `@m` by the reference and prints its outputs |
//!
//! What a command prints stands in comments behind a line `// expect:`, to the end of the file;
//! with several commands each part is headed by its command. An error stands on the line at fault
//! as `// error: ID MESSAGE`, where MESSAGE is any part of the message; every error must be
//! annotated and every annotation met. An error without a place belongs to line 1.
//!
//! Whatever the command, a program that can be read must print to a text that reads back and
//! prints the same. `BLESS=1` rewrites expectations and annotations to what is the case.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tessera_core::diagnostic::{Colour, Diagnostic, Diagnostics, Source};
use tessera_core::ir::{Program, TransformKind};
use tessera_core::text::{self, Floats, Form, Style};
use tessera_core::{Tensor, ad, exec, passes, verify};

/// What to do where a file's expectations are not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Report it.
    Check,
    /// Rewrite the file.
    Bless,
}

/// Every file test under `root`, in order.
///
/// # Errors
/// If a folder cannot be read.
pub fn discover(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "mlir" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs the file test at `path`.
///
/// # Errors
/// What is not as expected.
pub fn run_file(path: &Path, mode: Mode) -> Result<(), String> {
    let cannot = |verb: &str, error: std::io::Error| format!("cannot {verb} {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| cannot("read", error))?;
    let name = path.file_name().map_or("test.mlir".into(), |name| name.to_string_lossy());
    let blessed = actual(&name, &text)?;
    match mode {
        Mode::Bless if blessed != text => {
            std::fs::write(path, blessed).map_err(|error| cannot("write", error))
        }
        Mode::Bless => Ok(()),
        Mode::Check => compare(&name, &text, &blessed),
    }
}

/// A file test's parts.
struct Parts<'t> {
    commands: Vec<&'t str>,
    /// The program: all before `// expect:`.
    program: &'t str,
    expected: Option<&'t str>,
}

fn parts(text: &str) -> Result<Parts<'_>, String> {
    const EXPECT: &str = "// expect:\n";
    let at = match text.starts_with(EXPECT) {
        true => Some(0),
        false => text.find(&format!("\n{EXPECT}")).map(|at| at + 1),
    };
    let (program, expected) = match at {
        Some(at) => (&text[..at], Some(&text[at + EXPECT.len()..])),
        None => (text, None),
    };
    let commands: Vec<&str> =
        program.lines().map_while(|line| line.strip_prefix("// test: ")).map(str::trim).collect();
    match commands.is_empty() {
        true => Err("the file must begin with a line `// test: COMMAND`".into()),
        false => Ok(Parts { commands, program, expected }),
    }
}

/// `text` as it would be if its expectations were what is the case.
fn actual(name: &str, text: &str) -> Result<String, String> {
    let parts = parts(text)?;
    let source = Source::new(name, without_annotations(parts.program));
    let mut printed = String::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for command in &parts.commands {
        if parts.commands.len() > 1 {
            let _ = writeln!(printed, "> {command}");
        }
        match perform(command, &source) {
            Ok(output) => printed.push_str(&output),
            Err(Failure::Command(message)) => return Err(message),
            Err(Failure::Errors(diagnostics)) if *command == "render" => {
                let _ = writeln!(printed, "{}", diagnostics.render(Colour::Never));
            }
            Err(Failure::Errors(diagnostics)) => {
                let new = diagnostics.list().iter().filter(|d| !errors.contains(d)).cloned();
                errors.extend(new.collect::<Vec<_>>());
            }
        }
    }
    let mut out = annotated(&source, &errors);
    if !printed.is_empty() {
        out.push_str("// expect:\n");
        for line in printed.lines() {
            out.push_str(format!("// {line}").trim_end());
            out.push('\n');
        }
    }
    Ok(out)
}

/// Why a command gives no output.
enum Failure {
    /// The command itself is wrong.
    Command(String),
    /// The program is.
    Errors(Diagnostics),
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Failure {
        Failure::Errors(diagnostics)
    }
}

fn perform(command: &str, source: &Source) -> Result<String, Failure> {
    let program = match command {
        "parse" => text::parse(source)?,
        _ => text::check(source)?,
    };
    round_trip(&program).map_err(Failure::Command)?;
    let hex = Style { floats: Floats::Hex, ..Style::default() };
    let generic = Style { form: Form::Generic, ..Style::default() };
    let (word, arguments) = command.split_once(' ').unwrap_or((command, ""));
    match (word, arguments) {
        ("print" | "parse", "") => Ok(text::print(&program)),
        ("print", "hex") => Ok(text::print_styled(&program, hex)),
        ("print", "generic") => Ok(text::print_styled(&program, generic)),
        ("verify", "") => Ok(String::new()),
        ("render", "") => Err(Failure::Command("`render` must find errors, got none".into())),
        ("pass", names) => passed(&expand(&program, source)?, names).map_err(Failure::Command),
        ("run", arguments) => run(&expand(&program, source)?, arguments).map_err(Failure::Command),
        (word, "") => match TransformKind::ALL.into_iter().find(|kind| kind.name() == word) {
            Some(kind) => made(kind, &program, source),
            None => Err(Failure::Command(format!("command must be one of the table, got `{command}`"))),
        },
        _ => Err(Failure::Command(format!("command must be one of the table, got `{command}`"))),
    }
}

/// The text of `program` after the passes `names`, or all of them.
fn passed(program: &Program, names: &str) -> Result<String, String> {
    let failed = |violation| format!("passes must keep every law: {violation}");
    if names.is_empty() {
        return Ok(text::print(&passes::pipeline(program).map_err(failed)?));
    }
    let mut program = program.clone();
    for name in names.split_whitespace() {
        let pass =
            passes::pass(name).ok_or_else(|| format!("pass must be one of the table, got `{name}`"))?;
        program = pass.run(&program).map_err(failed)?;
    }
    Ok(text::print(&program))
}

/// That `program` prints to a text that reads back and prints the same.
fn round_trip(program: &Program) -> Result<(), String> {
    for floats in [Floats::Decimal, Floats::Hex] {
        let style = Style { floats, ..Style::default() };
        let printed = text::print_styled(program, style);
        let again = text::parse(&Source::new("printed", printed.as_str()));
        let again =
            again.map_err(|errors| format!("what was printed must read back, got\n{errors}\n{printed}"))?;
        if text::print_styled(&again, style) != printed {
            return Err(format!("what was printed must print the same when read back:\n{printed}"));
        }
    }
    Ok(())
}

/// `program` with its statements carried out, verified.
fn expand(program: &Program, source: &Source) -> Result<Program, Failure> {
    let failed = |list| Failure::Errors(Diagnostics::new(std::sync::Arc::new(source.clone()), list));
    let expanded =
        ad::expand(program).map_err(|errors| failed(errors.into_iter().map(Diagnostic::from).collect()))?;
    verify::verify(&expanded).map_err(failed)?;
    round_trip(&expanded).map_err(Failure::Command)?;
    Ok(expanded)
}

/// The text of the modules that statements of `kind` make.
fn made(kind: TransformKind, program: &Program, source: &Source) -> Result<String, Failure> {
    let expanded = expand(program, source)?;
    let targets = program.transforms.iter().filter(|t| t.kind == kind).flat_map(|t| t.targets());
    let texts: Vec<String> = targets.map(|name| text::print_graph(&expanded.modules[name])).collect();
    match texts.is_empty() {
        true => Err(Failure::Command(format!("the program must have a statement `tgraph.{}`", kind.name()))),
        false => Ok(texts.join("\n")),
    }
}

/// Runs `@m x=… y=…` by the reference.
fn run(program: &Program, arguments: &str) -> Result<String, String> {
    let (entry, mut rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let name = entry.strip_prefix('@').ok_or("`run` must name a module, such as `run @m x=1.0`")?;
    let graph = program.modules.get(name).ok_or_else(|| format!("`run` must name a module, got @{name}"))?;
    // `x=[1, 2] y=3`: a value ends where the next name begins.
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    while let Some((name, value)) = rest.split_once('=') {
        let end = value.find('=').map_or(value.len(), |next| value[..next].rfind(' ').unwrap_or(0));
        values.insert(name.trim(), &value[..end]);
        rest = &value[end..];
    }
    let mut inputs: Vec<Tensor> = Vec::new();
    for input in graph.inputs() {
        let name = graph.name(input.value).unwrap_or("");
        let value = values.remove(name).ok_or_else(|| format!("`run` must give an argument for %{name}"))?;
        let source = Source::new(format!("argument {name}"), value);
        inputs.push(text::parse_tensor(&source, graph.ty(input.value)).map_err(|errors| errors.to_string())?);
    }
    if let Some(name) = values.keys().next() {
        return Err(format!("`run` must give arguments for inputs only, got {name}"));
    }
    let outputs = exec::reference::run(graph, &inputs.iter().collect::<Vec<_>>());
    let line =
        |tensor: &Tensor| format!("{} : {}\n", text::print_tensor(tensor, Floats::Decimal), tensor.ty());
    Ok(outputs.iter().map(line).collect())
}

// -------------------------------------------------------------------------------- annotations

const ERROR: &str = "// error: ";

fn without_annotations(program: &str) -> String {
    let strip = |line: &str| match line.find(ERROR) {
        Some(at) => line[..at].trim_end().to_string(),
        None => line.to_string(),
    };
    program.lines().map(|line| strip(line) + "\n").collect()
}

/// Line of each error, from 1.
fn line_of(diagnostic: &Diagnostic, source: &Source) -> usize {
    diagnostic.position(source).map_or(1, |(line, _)| line)
}

fn annotated(source: &Source, errors: &[Diagnostic]) -> String {
    let mut out = String::new();
    for (i, line) in source.text().lines().enumerate() {
        out.push_str(line);
        for error in errors.iter().filter(|error| line_of(error, source) == i + 1) {
            let _ = write!(out, "  {ERROR}{} {}", error.id, error.message);
        }
        out.push('\n');
    }
    out
}

/// Compares what is expected with what is the case, both as texts of the file.
fn compare(name: &str, expected: &str, actual: &str) -> Result<(), String> {
    let (want, got) = (parts(expected)?, parts(actual)?);
    let mut problems = Vec::new();
    for (i, (want, got)) in want.program.lines().zip(got.program.lines()).enumerate() {
        let split =
            |line: &str| -> Vec<String> { line.split(ERROR).skip(1).map(|e| e.trim().to_string()).collect() };
        let (mut want, mut got) = (split(want), split(got));
        // An annotation may be a part of the message.
        want.retain(|want| {
            let (id, part) = want.split_once(' ').unwrap_or((want, ""));
            let met = got.iter().position(|got| {
                got.split_once(' ').is_some_and(|(own, message)| own == id && message.contains(part))
            });
            met.map(|at| got.remove(at)).is_none()
        });
        problems
            .extend(want.iter().map(|want| format!("{name}:{}: must be an error, got none: {want}", i + 1)));
        problems.extend(got.iter().map(|got| format!("{name}:{}: must be no error, got: {got}", i + 1)));
    }
    if want.expected != got.expected {
        problems.push(difference(want.expected.unwrap_or(""), got.expected.unwrap_or("")));
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\n(BLESS=1 rewrites what is expected)", problems.join("\n"))),
    }
}

fn difference(want: &str, got: &str) -> String {
    let at = want.lines().zip(got.lines()).take_while(|(want, got)| want == got).count();
    let (left, right) = (want.lines().nth(at), got.lines().nth(at));
    let line = |line: Option<&str>| line.unwrap_or("(the end)").to_string();
    format!(
        "line {} behind `// expect:` must be\n  {}\ngot\n  {}\nin\n{got}",
        at + 1,
        line(left),
        line(right)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str =
        "// test: print\ntgraph.module @m {\n  %x = tgraph.arg : f64\n  tgraph.return %x\n}\n";

    #[test]
    fn what_is_blessed_passes() {
        let blessed = actual("t", RIGHT).unwrap();
        assert!(blessed.contains("// expect:\n// tgraph.module @m {\n"), "{blessed}");
        assert_eq!(actual("t", &blessed).unwrap(), blessed);
        compare("t", &blessed, &blessed).unwrap();
    }

    #[test]
    fn a_wrong_expectation_fails() {
        let blessed = actual("t", RIGHT).unwrap();
        let wrong = blessed.replace("// }", "// ]");
        assert!(compare("t", &wrong, &blessed).unwrap_err().contains("line 4 behind"));
        assert!(compare("t", RIGHT, &blessed).is_err(), "no expectation is a wrong one");
    }

    #[test]
    fn errors_and_annotations_must_match() {
        let text = "// test: verify\ntgraph.module @m {\n  %x = tgraph.arg : f64\n  tgraph.return %y\n}\n";
        let blessed = actual("t", text).unwrap();
        assert!(blessed.contains("  tgraph.return %y  // error: value-1 "), "{blessed}");
        compare("t", &blessed, &blessed).unwrap();
        assert!(compare("t", text, &blessed).unwrap_err().contains("t:4: must be no error"));
        let elsewhere = text.replace(": f64", ": f64  // error: value-1");
        let problems = compare("t", &elsewhere, &blessed).unwrap_err();
        assert!(problems.contains("t:3: must be an error, got none"), "{problems}");
        let part = text.replace("%y", "%y // error: value-1 before it is used");
        compare("t", &part, &actual("t", &part).unwrap()).unwrap();
    }
}
