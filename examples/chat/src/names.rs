//! Names that show who speaks: no invisible characters, and none that looks like another one.
//!
//! Two names look alike if their skeletons are equal (Unicode Technical Standard 39, section 4), without regard to case.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// The author of the server's own messages. No user can have this name, or one that looks like it.
pub const SYSTEM: &str = "system";

/// The longest name, in characters.
const MAX_NAME: usize = 40;

/// Why a name is refused, for its owner to read.
pub type Refusal = &'static str;

/// Asks for the form of an emoji that has colours. It is invisible, but some emoji need it.
const EMOJI_STYLE: char = '\u{fe0f}';

/// A name that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    shown: String,
    skeleton: String,
}

impl Name {
    /// A name as it is shown: composed (NFC), without control characters, without spaces around it, at most 40 characters
    /// long.
    ///
    /// # Errors
    ///
    /// Nothing is left, a character is invisible or turns the direction of the text, or the name looks like the server's.
    pub fn new(raw: &str) -> Result<Self, Refusal> {
        let printable = raw.chars().filter(|char| !char.is_control()).nfc().collect::<String>();
        let cut: String = printable.trim().chars().take(MAX_NAME).collect();
        let shown = cut.trim_end();
        if shown.is_empty() {
            return Err("A name needs at least one character.");
        }
        if shown.chars().any(turns_direction) {
            return Err("A name must not have characters that turn the direction of text.");
        }
        if has_invisible(shown) {
            return Err("A name must not have invisible characters.");
        }
        let name = Self { skeleton: skeleton_of(shown), shown: shown.into() };
        if name.skeleton == skeleton_of(SYSTEM) { Err("That name is reserved.") } else { Ok(name) }
    }

    /// The name of a user who has not chosen one, which the server makes.
    pub fn guest(name: String) -> Self {
        Self { skeleton: skeleton_of(&name), shown: name }
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Whether people could take one name for the other. A name does not imitate itself: two windows of one user have the
    /// same name, and without accounts the server cannot tell users apart.
    pub fn imitates(&self, other: &Self) -> bool {
        self.skeleton == other.skeleton && self.shown != other.shown
    }
}

/// Joins emoji into one, such as an astronaut. It is invisible, and in names nothing else needs it.
const JOINER: char = '\u{200d}';

/// What the characters look like. Case is ignored before and behind, because `I` looks like `l` and `i` does not.
fn skeleton_of(name: &str) -> String {
    let seen: String = name.nfkc().filter(|char| !matches!(*char, EMOJI_STYLE | JOINER)).collect();
    let folded = skeleton(&seen).collect::<String>().to_lowercase();
    let spaces = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    spaces(skeleton(&folded).collect())
}

/// The characters that Unicode calls `Bidi_Control`.
fn turns_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A joiner between two emoji is seen: it makes one of them.
fn has_invisible(name: &str) -> bool {
    let mut chars = name.chars().filter(|char| *char != EMOJI_STYLE).peekable();
    let mut before = ' ';
    while let Some(char) = chars.next() {
        let joins = char == JOINER && is_emoji(before) && chars.peek().copied().is_some_and(is_emoji);
        if is_invisible(char) && !joins {
            return true;
        }
        before = char;
    }
    false
}

/// The blocks of arrows, symbols and pictographs. They have all emoji that are joined.
fn is_emoji(char: char) -> bool {
    matches!(char, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// The characters that Unicode calls `Default_Ignorable_Code_Point`, the other formats, fillers that look like a space, lone
/// separators of lines, and characters for private use, which look like nothing in particular.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}'
            | '\u{2028}'..='\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_the_servers_are_refused() {
        for name in [
            "system",
            "System",
            "SYSTEM",
            "ſystem",
            "ѕystem",
            "sуstem",
            "syѕtеm",
            "ｓｙｓｔｅｍ",
            "𝐬𝐲𝐬𝐭𝐞𝐦",
            "𝓈𝓎𝓈𝓉𝑒𝓂",
            "ⓢⓨⓢⓣⓔⓜ",
            "systern",
            "SYSTΕM",
            "ꜱystem",
            "system\u{fe0f}",
            " Sys\u{1}tem\n",
            "sys\u{fe0f}tem",
        ] {
            assert_eq!(Name::new(name), Err("That name is reserved."), "{name}");
        }
        for name in ["sy-stem", "systems", "the system", "sÿstem", "ecosystem"] {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn characters_that_cannot_be_seen_are_refused() {
        for char in "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{2063}\u{feff}\u{180e}\u{3164}\u{2800}\u{fe0e}\u{e0041}\u{fff9}".chars() {
            for name in [format!("s{char}ystem"), format!("a{char}b"), format!("a{char}"), char.to_string()] {
                assert_eq!(Name::new(&name), Err("A name must not have invisible characters."), "{name:?}");
            }
        }
        for char in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202d}\u{202e}\u{2066}\u{2069}".chars() {
            let refusal = "A name must not have characters that turn the direction of text.";
            assert_eq!(Name::new(&format!("a{char}b")), Err(refusal), "{char:?}");
        }
        for name in ["", " ", "\u{7}", "\u{3000}\u{a0}"] {
            assert_eq!(Name::new(name), Err("A name needs at least one character."), "{name:?}");
        }
    }

    #[test]
    fn names_of_all_scripts_are_shown_as_they_are() {
        for name in [
            "Zoë",
            "Łukasz",
            "李雷",
            "さくら",
            "김민준",
            "عمر",
            "שרה",
            "आरव",
            "Ольга",
            "❤\u{fe0f} Zoë 🎉",
            "日本 👩\u{200d}🚀",
            "🏳\u{fe0f}\u{200d}🌈",
            "<b>",
        ] {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
        assert_eq!(Name::new("Zoe\u{308}").unwrap().as_str(), "Zoë", "composed");
        assert_eq!(Name::new(&"語".repeat(41)).unwrap().as_str(), "語".repeat(40));
    }

    #[test]
    fn look_alikes_imitate_and_the_same_name_does_not() {
        let imitates = |one: &str, other: &str| Name::new(one).unwrap().imitates(&Name::new(other).unwrap());
        let rows = [
            ("Alice", "Аlice"),
            ("Alice", "alice"),
            ("Alice", "AIice"),
            ("Iris", "lris"),
            ("paypal", "рауpаl"),
            ("Bob", "B0b"),
            ("a b", "a\u{a0}\u{2003}b"),
            ("Alice", "Alice\u{fe0f}"),
            ("👩\u{200d}🚀", "👩🚀"),
            ("ﬁn", "fin"),
        ];
        for (one, other) in rows {
            assert!(imitates(one, other) && imitates(other, one), "{one} and {other}");
        }
        for (one, other) in
            [("Alice", "Alice"), ("Alice", "Alica"), ("Zoe", "Zoë"), ("a b", "ab"), ("Zoe\u{308}", "Zoë")]
        {
            assert!(!imitates(one, other), "{one} and {other}");
        }
    }
}
