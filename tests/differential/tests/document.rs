//! `docs/differential.md` is the printed table.

use sansocket_differential::document;

#[test]
fn the_page_is_what_the_table_says() {
    let page = include_str!("../../../docs/differential.md");
    assert!(page == document::text(), "cargo run --release > ../../docs/differential.md");
}
