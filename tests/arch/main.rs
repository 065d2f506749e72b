//! The rules of `docs/architecture.md` that a machine can hold us to: which crate may know which, who may say `tauri`,
//! what stands at the top of the repository, and whether the documents' links lead somewhere.

mod arrows;
mod boundaries;
mod documents;
mod layout;
mod predecessor;
mod tree;
mod words;
