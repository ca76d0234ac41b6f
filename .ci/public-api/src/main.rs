//! Prints the public items of a crate, one a line, from the JSON that rustdoc made of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("the path of the JSON is missing");
        return ExitCode::FAILURE;
    };
    // The implementations for all types say nothing of these ones. Those that the compiler adds do: `Send` is a promise.
    let api = public_api::Builder::from_rustdoc_json(path).omit_blanket_impls(true).build();
    match api {
        Ok(api) => {
            for item in api.items().map(ToString::to_string) {
                // No program can name these traits.
                if !item.contains("core::marker::Freeze for")
                    && !item.contains("core::marker::StructuralPartialEq for")
                {
                    println!("{item}");
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
