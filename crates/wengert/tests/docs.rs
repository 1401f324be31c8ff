//! The pages that are made from the table say what the table says.
//!
//! `WENGERT_BLESS=1 cargo test -p wengert --test docs` writes them anew.

use std::fmt::Write;
use std::path::Path;

use wengert::rules::{OPS, OpInfo};

fn compare_or_bless(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    if std::env::var_os("WENGERT_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/{page} is not what the table says; run WENGERT_BLESS=1 cargo test -p wengert --test docs"
    );
}

fn signature(op: &OpInfo) -> String {
    let inputs: Vec<&str> = op.inputs.iter().map(|(name, _)| *name).collect();
    let params: Vec<&str> = op.params.iter().map(|(name, _)| *name).collect();
    match params.is_empty() {
        true => format!("`{}({})`", op.name, inputs.join(", ")),
        false => format!(
            "`{}({}; {})`",
            op.name,
            inputs.join(", "),
            params.join(", ")
        ),
    }
}

#[test]
fn kinks() {
    let mut page = String::from(
        "# Kinks and edges\n\n\
         What each operation does where its derivative jumps, blows up or does not exist.\n\
         This page is made from the rules themselves; a test keeps it true.\n\n\
         One convention covers these operations: an adjoint of exactly zero contributes nothing, even through an infinite or\n\
         undefined partial. (Not so inside a matrix product, which is ordinary arithmetic: 0 times infinity is NaN there.)\n\
         So an operand that `select` did not choose cannot poison the gradient, and `sqrt(x)` squared\n\
         has the derivative 0 at x = 0, where IEEE arithmetic would give NaN and the limit is 1.\n\
         `tape.watch_non_finite(true)` tells when a value or a contribution is not finite.\n\n\
         | operation | where | what happens |\n|---|---|---|\n",
    );
    for op in OPS {
        for (place, what) in op.kinks {
            writeln!(page, "| {} | {place} | {what} |", signature(op)).unwrap();
        }
    }
    compare_or_bless("kinks.md", &page);
}

#[test]
fn operations() {
    let mut page = String::from(
        "# Elementwise operations\n\n\
         Every one works on scalars and on tensors with broadcasting, at every order of derivative;\n\
         but `gt` to `select` on tensors alone, for scalars have Rust's own comparisons.\n\
         This page is made from the rules themselves; a test keeps it true.\n",
    );
    table(&mut page, |op| !op.internal);
    page.push_str(
        "\n## In which partials are written\n\n\
         Each is a row of its own, with its own partials, because the expression that it stands for would cancel,\n\
         overflow or divide zero by zero. They appear on the tape of a recorded derivative, and are no methods.\n",
    );
    table(&mut page, |op| op.internal);
    compare_or_bless("operations.md", &page);
}

fn table(page: &mut String, keep: impl Fn(&OpInfo) -> bool) {
    page.push_str("\n| operation | what it is | to first order |\n|---|---|---|\n");
    for op in OPS.iter().filter(|op| keep(op)) {
        let paragraphs: Vec<String> = op
            .docs
            .split("\n\n")
            .map(|paragraph| {
                paragraph
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .replace('|', "\\|")
            })
            .collect();
        let (expansion, rest) = paragraphs.split_last().unwrap();
        assert!(!rest.is_empty(), "{}: what is it?", op.name);
        writeln!(
            page,
            "| {} | {} | {expansion} |",
            signature(op),
            rest.join(" ")
        )
        .unwrap();
    }
}

#[test]
fn every_operation_is_described() {
    for op in OPS {
        assert!(
            op.docs.contains("~="),
            "{}: its documentation lacks the first-order expansion",
            op.name
        );
        assert!(
            !op.inputs.is_empty() && op.inputs.iter().all(|(_, range)| range.start < range.end),
            "{}",
            op.name
        );
    }
}

/// Follows docs/adding-an-op.md: the row that the page adds is the row of the table.
#[test]
fn the_page_on_adding_an_operation_shows_a_row_of_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = std::fs::read_to_string(root.join("docs/adding-an-op.md")).unwrap();
    let table = squeeze(
        &std::fs::read_to_string(root.join("crates/wengert/src/rules/elementwise.rs")).unwrap(),
    );
    let rows: Vec<&str> = page
        .split("```rust,row\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!rows.is_empty(), "the page shows no row");
    for row in rows {
        assert!(table.contains(&squeeze(row)), "not in the table:\n{row}");
    }
}
