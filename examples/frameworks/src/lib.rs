//! The examples are programs: `src/bin/`. What is here is a test.

/// The snippets of the guide to migration are compiled and run; one of them needs hyper.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrating.md")]
struct Migrating;
