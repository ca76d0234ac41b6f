//! Offers of compression: what servers answer is what the table says.

use sansocket_differential::offers::{OFFERS, ours, sockudo, yawc};

#[test]
fn offers_are_answered_as_the_table_says() {
    for row in OFFERS {
        assert_eq!(ours(row.offer), row.ours, "{}", row.offer);
        assert_eq!(sockudo(row.offer), row.others[0], "sockudo-ws, {}", row.offer);
        assert_eq!(yawc(row.offer), row.others[1], "yawc, {}", row.offer);
    }
    let list: Vec<_> = include_str!("../offers/list.txt").lines().collect();
    assert_eq!(OFFERS.iter().map(|row| row.offer).collect::<Vec<_>>(), list);
}
