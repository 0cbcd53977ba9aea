//! Each file of `tests/malformed` is wrong; the text beside it is what the user reads.
//! `BLESS=1 cargo test -p tessera-pinn --test malformed` writes the texts anew: read them before you commit.

use std::fs;
use std::path::Path;
use tessera_pinn::case::Case;

#[test]
fn errors_read_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let bless = std::env::var_os("BLESS").is_some();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".toml")?.to_string()))
        .collect();
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    let mut wrong = Vec::new();
    for name in names {
        let text = fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let got = match Case::parse(&format!("{name}.toml"), &text) {
            Ok(_) => "no error\n".to_string(),
            Err(errors) => format!("{errors}\n"),
        };
        let expected = folder.join(format!("{name}.txt"));
        if bless {
            fs::write(expected, got).unwrap();
        } else if fs::read_to_string(expected).unwrap_or_default() != got {
            wrong.push(format!("== {name}\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every prefix of a case, and every case with a line missing, is read or refused in good order.
#[test]
fn damaged_cases_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let ends = text.char_indices().map(|(i, _)| i).step_by(7);
        let prefixes = ends.map(|end| text[..end].to_string());
        let lines: Vec<&str> = text.lines().collect();
        let gaps = (0..lines.len()).map(|i| {
            let kept = lines.iter().enumerate().filter(|(j, _)| *j != i);
            kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
        });
        for damaged in prefixes.chain(gaps) {
            if let Err(errors) = Case::parse("damaged.toml", &damaged) {
                assert!(!errors.errors.is_empty(), "refused without a reason:\n{damaged}");
                assert!(errors.to_string().starts_with("error["));
            }
        }
    }
}
