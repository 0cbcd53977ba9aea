//! Comparison of runs: equality is of bits, and what differs is named.

use tessera_core::Tensor;
use tessera_dist::Checkpoint;
use tessera_dist::compare::{Kind, compare};

fn run() -> Checkpoint {
    let mut run = Checkpoint::new(7, "a\nb\nc", "func");
    run.attributes.insert("rate".to_owned(), 0.1.into());
    run.datasets.insert("a/x".to_owned(), Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, f64::NAN]));
    run.datasets.insert("a/n".to_owned(), Tensor::new([2], vec![1_i64, 2]));
    run
}

fn with(path: &str, tensor: Tensor) -> Checkpoint {
    let mut run = run();
    run.datasets.insert(path.to_owned(), tensor);
    run
}

#[test]
fn equal_runs_are_equal_whatever_the_bits_of_a_nan() {
    let other_nan = f64::from_bits(0xFFF8_0000_0000_1234);
    let other = with("a/x", Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, other_nan]));
    let comparison = compare(&run(), &other);
    assert!(comparison.is_equal());
    assert_eq!(comparison.to_string(), "equal, bit for bit (2 datasets)");
    assert_eq!(run().digest(), other.digest());
}

#[test]
fn the_first_element_that_differs_is_named() {
    let other = with("a/x", Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0 + 8.0 * f64::EPSILON, 6.0, 0.0]));
    let comparison = compare(&run(), &other);
    let Kind::Elements { count, len, first, ulp_max } = &comparison.datasets[0].kind else { panic!() };
    assert_eq!((*count, *len, &first.index[..], first.ulp), (3, 6, &[1, 0][..], Some(2)));
    assert_eq!(first.left, "4.0 (0x1p+2)");
    assert_eq!(first.right, "4.000000000000002 (0x1.0000000000002p+2)");
    // From 5 to 6 in steps of 2^-50.
    assert_eq!(*ulp_max, Some(1 << 50));
    assert_eq!(comparison.equal_datasets, 1);
    assert_ne!(run().digest(), other.digest());
}

#[test]
fn zeros_of_either_sign_differ() {
    let left = with("z", Tensor::scalar(0.0_f32));
    let right = with("z", Tensor::scalar(-0.0_f32));
    let text = compare(&left, &right).to_string();
    assert!(
        text.contains("z: 0.0 (0x0p+0) against -0.0 (-0x0p+0), 1 ulp apart; 1 of 1 elements differ"),
        "{text}"
    );
}

#[test]
fn types_missing_datasets_and_order_are_named() {
    let text = compare(&run(), &with("a/n", Tensor::new([2], vec![1_i32, 2]))).to_string();
    assert!(text.contains("a/n: tensor<2xi64> against tensor<2xi32>"), "{text}");
    let more = with("b", Tensor::scalar(true));
    assert_eq!(compare(&run(), &more).only_right, ["b"]);
    assert_eq!(compare(&more, &run()).only_left, ["b"]);
    let mut swapped = run();
    swapped.datasets.swap_indices(0, 1);
    let comparison = compare(&run(), &swapped);
    assert!(comparison.reordered && !comparison.is_equal());
}

#[test]
fn headers_and_attributes_are_compared() {
    let mut other = run();
    other.header.step = 3;
    other.header.case = "a\nB\nc".to_owned();
    other.attributes.insert("rate".to_owned(), 0.2.into());
    other.attributes.insert("more".to_owned(), 1_u64.into());
    let text = compare(&run(), &other).to_string();
    for line in [
        "header step: 0 against 3",
        "header case: line 2: b against line 2: B",
        "rate: 0.1 (0x1.999999999999ap-4) against 0.2 (0x1.999999999999ap-3)",
        "more: nothing against 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
