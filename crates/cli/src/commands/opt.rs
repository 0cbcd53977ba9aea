//! `tessera opt`: programs to programs.

use super::{BOLD, Error, RESET, Report};
use crate::program::{Loaded, load};
use clap::Args;
use std::path::PathBuf;
use tessera_core::exec::{lower, memory::Memory, plan::Plan};
use tessera_core::ir::{Extent, Graph, Program, Type};
use tessera_core::passes::{PASSES, Pass, REWRITES, pass, pipeline};
use tessera_core::text::{Floats, Form, Style, print_styled};
use tessera_core::verify;

/// Carry out the statements of a program, run passes, and print it
///
/// Results keep their bits, but for rewrites, which change rounding. Without --pass the program is
/// printed as the statements make it.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Opt {
    /// The program; - for stdin
    file: PathBuf,
    /// Print MLIR's generic form, which mlir-opt -allow-unregistered-dialect reads
    #[arg(long, conflicts_with = "plan")]
    generic: bool,
    /// Print floats as exact hexadecimal numbers
    #[arg(long, conflicts_with = "generic")]
    hex: bool,
    /// Run this pass, in the order given; `all` runs every exact pass until nothing changes
    #[arg(long = "pass", value_name = "NAME", value_parser = known_pass, value_delimiter = ',')]
    passes: Vec<String>,
    /// Print how the CPU engine would run each module instead: regions of rows, reductions, stores
    #[arg(long)]
    plan: bool,
    /// Print the most memory that each module holds at a time instead: what is kept, for what, and its bytes
    #[arg(long, conflicts_with_all = ["plan", "generic"])]
    explain_memory: bool,
    /// What every `?` extent is in the plan, or in the memory
    #[arg(long, value_name = "N", default_value_t = 1024)]
    extent: u32,
}

fn help() -> String {
    let list = |passes: &[Pass]| {
        let lines: Vec<String> =
            passes.iter().map(|pass| format!("  {:<10} {}", pass.name, pass.summary)).collect();
        lines.join("\n")
    };
    format!(
        "Passes:\n{}\n\nRewrites:\n{}\n\nExamples:
  tessera opt heat.mlir
  tessera opt heat.mlir --pass all --generic
  tessera opt heat.mlir --pass expand,share
  tessera opt heat.mlir --plan --extent 4096
  tessera opt heat.mlir --explain-memory --extent 4096

Exit code 0, or 2 if the file cannot be read or breaks a law.",
        list(PASSES),
        list(REWRITES)
    )
}

fn known_pass(text: &str) -> Result<String, String> {
    let names: Vec<&str> = PASSES.iter().chain(REWRITES).map(|pass| pass.name).chain(["all"]).collect();
    match names.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", names.join(", "))),
    }
}

impl Opt {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let Loaded { expanded, .. } = load(&self.file)?;
        let mut program = expanded;
        for name in &self.passes {
            program = match pass(name) {
                Some(pass) => pass.run(&program)?,
                None => pipeline(&program)?,
            };
            tracing::info!("after {name}: {} operations", operations(&program));
            if let Err(errors) = verify::verify(&program) {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                return Err(format!("pass {name} must keep every law: {}", errors.join("; ")).into());
            }
        }
        if self.plan || self.explain_memory {
            return self.plans(&program).map(Report::done);
        }
        let form = if self.generic { Form::Generic } else { Form::Guide };
        let floats = if self.hex { Floats::Hex } else { Floats::Decimal };
        Ok(Report::done(print_styled(&program, Style { form, floats })))
    }

    fn plans(&self, program: &Program) -> Result<String, Error> {
        let mut text = String::new();
        for graph in program.modules.values() {
            text.push_str(&self.plan(graph)?);
        }
        Ok(text)
    }

    fn plan(&self, graph: &Graph) -> Result<String, Error> {
        let extent = self.extent as usize;
        let bound = |ty: &&Type| {
            Type::new(ty.dtype, ty.shape.iter().map(|e| Extent::Static(e.known().unwrap_or(extent))))
        };
        let types: Vec<Type> = graph.input_types().iter().map(bound).collect();
        let name = &graph.name;
        let lowered = lower(graph, &types).map_err(|error| {
            format!("cannot plan @{name} with every `?` as {extent}: {error}\nhelp: choose another --extent")
        })?;
        let plan = Plan::new(lowered, 1);
        if self.explain_memory {
            return Ok(Memory::of(&plan).to_string());
        }
        Ok(format!("{}\n{BOLD}plan of @{name}{RESET}\n{plan}\n", plan.graph))
    }
}

fn operations(program: &Program) -> usize {
    program.modules.values().map(|graph| graph.nodes().len()).sum()
}
