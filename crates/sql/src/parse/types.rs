//! Names of types.

use super::Parser;
use crate::ast::TypeName;
use crate::error::Error;
use crate::lex::Kind;

// === impl Parser ===

impl Parser<'_> {
    pub(super) fn type_name(&mut self) -> Result<TypeName, Error> {
        let at = self.here();
        let mut name = self.label()?;
        while self.sign(".") {
            name = self.label()?;
        }
        match name.as_str() {
            "double" => {
                self.word("precision");
                name = "float8".into();
            }
            "character" | "char" | "nchar" if self.word("varying") => name = "varchar".into(),
            "national" => {
                self.word("character");
                name = if self.word("varying") { "varchar" } else { "bpchar" }.into();
            }
            "character" | "nchar" => name = "bpchar".into(),
            "char" if self.text.as_bytes().get(at) != Some(&b'"') => name = "bpchar".into(),
            _ => {}
        }
        let mut modifiers = Vec::new();
        if self.sign("(") {
            loop {
                match self.kind().clone() {
                    Kind::Number(text) => modifiers.push(text.parse().unwrap_or(0)),
                    _ => return Err(self.unexpected()),
                }
                self.advance();
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        if matches!(name.as_str(), "timestamp" | "time") {
            if self.words(&["with", "time", "zone"]) {
                name.push_str("tz");
            } else {
                self.words(&["without", "time", "zone"]);
            }
        }
        if name == "bpchar" && modifiers.is_empty() && self.text.as_bytes().get(at..at + 6) != Some(b"bpchar") {
            modifiers.push(1);
        }
        let mut array = false;
        while matches!(self.kind(), Kind::Sign("[")) {
            self.advance();
            if matches!(self.kind(), Kind::Number(_)) {
                self.advance();
            }
            self.need_sign("]")?;
            array = true;
        }
        Ok(TypeName {
            name,
            modifiers,
            array,
            declared: String::new(),
            at,
        })
    }
}
