//! The programs are in `src/bin/`. This library only holds a doc test.

/// Compiles and runs the snippets of the migration guide. One of them needs hyper.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrating.md")]
struct Migrating;
