//! Builds the crate's sources with the locks and the clock of `model`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=sansocket_schedules");
}
