//! The catalogue is compiled in: a change of it is a change of this crate.

#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo:rerun-if-changed=../../templates");
}
