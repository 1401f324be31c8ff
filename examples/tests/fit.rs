//! The fit agrees with the values that NIST certifies.

#[path = "../fit.rs"]
#[expect(dead_code, reason = "its `main` is the example's")]
pub mod fit;

#[test]
fn both_solvers_find_the_certified_values() {
    let fits = fit::fits().unwrap();
    assert_eq!(fits.len(), 2);
    for found in fits {
        let ([b1, b2], [c1, c2]) = (found.b, fit::CERTIFIED);
        let numbers = [(b1, c1), (b2, c2), (found.sum, fit::CERTIFIED_SUM)];
        for (b, certified) in numbers {
            let off = (b / certified - 1.0).abs();
            assert!(off < 1e-7, "{}: {b}, certified {certified}", found.solver);
        }
    }
}
