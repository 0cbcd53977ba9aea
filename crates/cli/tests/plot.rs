//! Pictures: they exist, have the size asked for, show what they should, and refuse what they cannot draw.

mod common;

use common::{burgers, oscillator, stderr, stored, tessera};
use std::path::Path;
use tessera_core::Tensor;
use tessera_dist::Checkpoint;

/// Width and height of a PNG file, and its number of colours.
fn look(path: &Path) -> (u32, u32, usize) {
    let mut reader =
        png::Decoder::new(std::io::Cursor::new(std::fs::read(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let colours: std::collections::HashSet<[u8; 4]> =
        pixels.chunks_exact(4).map(|pixel| pixel.try_into().unwrap()).collect();
    (info.width, info.height, colours.len())
}

fn drawn(run: &Checkpoint, name: &str, more: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = stored(folder.path(), "run.h5", run);
    let picture = folder.path().join(name);
    let mut arguments = vec!["plot", file.to_str().unwrap(), "-o", picture.to_str().unwrap()];
    arguments.extend(more);
    let output = tessera(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    if let Some(keep) = std::env::var_os("TESSERA_KEEP_PICTURES") {
        std::fs::copy(&picture, Path::new(&keep).join(format!("{}-{name}", run.header.seed))).unwrap();
    }
    (folder, picture)
}

#[test]
fn a_run_over_two_coordinates_has_three_panels() {
    let (_folder, picture) = drawn(&burgers(), "run.png", &[]);
    let (width, height, colours) = look(&picture);
    assert_eq!((width, height), (2568, 630));
    // Both colour maps are there: text and lines alone have a few hundred.
    assert!(colours > 2000, "{colours} colours");
    let (_folder, picture) = drawn(&burgers(), "run.png", &["--scale", "1"]);
    assert_eq!(look(&picture).0, 1284);
}

#[test]
fn a_single_term_that_is_the_whole_is_drawn_once() {
    let mut run = burgers();
    run.datasets.retain(|path, _| !matches!(path.as_str(), "history/residual" | "history/initial"));
    let total = run.datasets["history/total"].clone();
    let names = |run: &Checkpoint| {
        let (_folder, picture) = drawn(run, "run.svg", &[]);
        let text = std::fs::read_to_string(picture).unwrap();
        [">total<", ">boundary<"].map(|name| text.contains(name))
    };
    assert_eq!(names(&run), [true, true]);
    run.datasets.insert("history/boundary".to_owned(), total);
    // One curve needs no legend.
    assert_eq!(names(&run), [false, false]);
}

#[test]
fn a_vector_picture_names_everything() {
    let (_folder, picture) = drawn(&burgers(), "run.svg", &[]);
    let text = std::fs::read_to_string(&picture).unwrap();
    for word in [
        ">(a)  u(t, x)<",
        ">(b)  absolute error of u(t, x)<",
        ">(c)  convergence<",
        ">t<",
        ">x<",
        ">step<",
        ">loss<",
    ] {
        assert!(text.contains(word), "{word}");
    }
    for word in
        [">residual<", ">initial<", ">boundary<", ">total<", ">l-bfgs<", ">10⁻⁶<", ">−1.0<", ">10000<"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn a_run_over_one_coordinate_has_lines() {
    let (_folder, picture) = drawn(&oscillator(), "run.svg", &[]);
    let text = std::fs::read_to_string(&picture).unwrap();
    for word in [">(a)  q(t)<", ">reference<", ">(d)  absolute error of p(t)<"] {
        assert!(text.contains(word), "{word}");
    }
    let (_folder, picture) = drawn(&oscillator(), "run.png", &[]);
    assert_eq!((look(&picture).0, look(&picture).1), (1568, 1260));
}

#[test]
fn odd_values_are_drawn_all_the_same() {
    let mut run = burgers();
    run.header.seed = 8;
    let odd = (0..101 * 256).map(|i| if i % 3 == 0 { f64::NAN } else { f64::INFINITY }).collect();
    run.datasets.insert("solution/u".to_owned(), Tensor::new([101, 256], odd));
    run.datasets.insert("solution/error/u".to_owned(), Tensor::zeros(tessera_core::DType::F64, [101, 256]));
    run.datasets.insert("history/total".to_owned(), Tensor::new([3000], vec![f64::NAN; 3000]));
    drawn(&run, "run.png", &[]);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |run: &Checkpoint, output: &str, what: &str| {
        let file = stored(folder.path(), "run.h5", run);
        let picture = folder.path().join(output);
        let output = tessera(&["plot", file.to_str().unwrap(), "-o", picture.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
        assert!(!picture.exists());
    };
    refuse(&Checkpoint::new(1, "", ""), "x.png", "a run must hold `solution/…`");
    refuse(&burgers(), "x.gif", "must end with .png or .svg");
    refuse(&burgers(), "no/x.png", "cannot write");
    let mut run = burgers();
    run.datasets.insert("solution/coordinates/x".to_owned(), Tensor::new([3], vec![0.0, 2.0, 1.0]));
    refuse(&run, "x.png", "dataset solution/coordinates/x must hold at least two finite values in order");
    let mut run = burgers();
    run.datasets.insert("solution/u".to_owned(), Tensor::new([3], vec![0.0, 2.0, 1.0]));
    refuse(&run, "x.png", "dataset solution/u must have shape [101, 256], got tensor<3xf64>");
    let mut run = burgers();
    run.datasets.insert("history/total".to_owned(), Tensor::new([3], vec![0.0, 2.0, 1.0]));
    refuse(&run, "x.png", "dataset history/total must have shape [3000]");
}
