#[test]
fn found_by_the_checker() {
    let input = (vec![1usize], vec![0.0]);
    let report = wengert_check::on(&input, |(shape, x)| sum_of_squares(shape, x));
    report.assert_pass();
}
