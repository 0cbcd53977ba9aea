//! The allreduce over MPI itself: this program starts itself again under `mpirun`, on some numbers of ranks.

use libtest_mimic::{Arguments, Failed, Trial};
use std::ops::Range;
use std::process::Command;
use tessera_core::exec::comm::{Allreduce, Communicator, Layout};
use tessera_core::numerics::tree;
use tessera_dist::ranks;
use tessera_testing::data::unit;
use tessera_testing::ranks::oversubscribed;

/// Says to a rank what it is to do.
const PART: &str = "TESSERA_TEST_PART";

fn main() {
    match std::env::var(PART).as_deref() {
        Ok("panic") => one_rank_panics(),
        Ok(_) => sums_have_the_bits_of_one_process(),
        Err(_) => libtest_mimic::run(&Arguments::from_args(), trials()).exit(),
    }
}

fn trials() -> Vec<Trial> {
    let sums = |size: usize| {
        Trial::test(format!("sums_on_{size}_ranks_have_the_bits_of_one_process"), move || {
            let (code, said) = mpirun(size, "sums");
            if code == Some(0) { Ok(()) } else { Err(Failed::from(format!("code {code:?}: {said}"))) }
        })
    };
    let mut trials: Vec<Trial> = [1, 2, 3, 4, 5, 7, 8, 13].map(sums).into();
    trials.push(Trial::test("a_panic_of_one_rank_ends_all", || {
        let (code, said) = mpirun(4, "panic");
        let named = said.contains("[rank 2/4] panicked; all ranks end") && said.contains("as it was told to");
        // 124 is `timeout`'s: the others would wait for ever.
        if code == Some(101) && named { Ok(()) } else { Err(Failed::from(format!("code {code:?}: {said}"))) }
    }));
    trials
}

/// This program on `size` ranks; its exit code and all that it says.
fn mpirun(size: usize, part: &str) -> (Option<i32>, String) {
    let program = std::env::current_exe().expect("it runs");
    let mut command = Command::new("timeout");
    command.args(["300", "mpirun", "-n", &size.to_string()]).arg(program).env(PART, part);
    let output = oversubscribed(&mut command).output().expect("mpirun and timeout are installed");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

fn one_rank_panics() {
    let ranks = ranks::start().expect("under mpirun");
    assert!(ranks.communicator.rank() != 2, "as it was told to");
    ranks.communicator.greatest(1); // waits for rank 2
}

fn sums_have_the_bits_of_one_process() {
    let ranks = ranks::start().expect("under mpirun");
    let (ranks, size) = (&*ranks.communicator, ranks.communicator.size());
    assert_eq!(
        ranks.greatest(7 * ranks.rank() as u64 % 5),
        (0..size as u64).map(|r| 7 * r % 5).max().unwrap()
    );
    // Even layouts: of nothing, of fewer blocks than ranks, of many; and any cuts.
    for rows in [0, 1, 700, 40_000] {
        check(ranks, &Layout::even(rows, size), 300);
    }
    for seed in 0..4 {
        let mut cuts: Vec<usize> = (0..size as u64).map(|i| (unit(seed, i) * 70.0) as usize).collect();
        cuts.push(0);
        cuts.sort_unstable();
        for len in [1, 5, 5000] {
            check(ranks, &Layout::new(cuts.clone()).expect("they ascend from 0"), len);
        }
    }
    // More than one piece of a payload.
    check(ranks, &Layout::even(2000, size), 700_000);
}

/// Sums payloads of `len` numbers over the blocks of `layout`, both ways.
fn check(ranks: &dyn Communicator, layout: &Layout, len: usize) {
    let value = |block: usize, i: usize| {
        let index = (block * len + i) as u64;
        (unit(3, 2 * index) - 0.5) * 2f64.powi((unit(3, 2 * index + 1) * 24.0) as i32)
    };
    let add = |x: &mut [f64], y: &[f64]| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    let folded = |blocks: Range<usize>| {
        let mut leaf = |block: usize| (0..len).map(|i| value(block, i)).collect::<Vec<f64>>();
        let mut join = |mut x: Vec<f64>, y: Vec<f64>| {
            add(&mut x, &y);
            x
        };
        tree::combine(blocks, &mut leaf, &mut join)
    };
    let want = folded(0..layout.blocks()).unwrap_or_else(|| vec![7.0; len]);
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    for whole_max in [usize::MAX, 0] {
        let plan = Allreduce::new(layout, ranks.rank()).with_whole_max(whole_max);
        let subtrees = plan.subtrees().iter().cloned();
        let mut partials: Vec<Vec<f64>> =
            subtrees.map(|blocks| folded(blocks).expect("it has blocks")).collect();
        let mut partials: Vec<&mut [f64]> = partials.iter_mut().map(Vec::as_mut_slice).collect();
        let mut result = vec![7.0; len];
        plan.run(ranks, &mut partials, 1, &mut result, |_, x, y| add(x, y)).expect("as planned");
        assert!(bits(&result) == bits(&want), "{layout:?}, {len} elements, whole up to {whole_max}");
    }
}
