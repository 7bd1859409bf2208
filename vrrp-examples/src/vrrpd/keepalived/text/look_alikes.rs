//! Characters that are not what they look like: they come with text from web pages, documents and other systems.

/// The character that another one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// The end of a line.
    LineEnd,
    /// A space.
    Space,
    /// Nothing: it is not seen.
    Nothing,
    /// A double quote.
    Quote,
    /// A sign that no name has in it by intent.
    Sign(char),
    /// A letter of the Latin alphabet.
    Letter(char),
}

/// Returns the character that `c` looks like, if it looks like another one.
pub(crate) fn likeness(c: char) -> Option<Likeness> {
    if c.is_ascii() {
        return None;
    }
    match entry(c) {
        Some((_, likeness, _)) => Some(*likeness),
        None => fullwidth(c).map(Likeness::Sign),
    }
}

/// Returns a character by its name and number: `no-break space (U+00A0)`.
pub(crate) fn name(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if let Some((_, _, name)) = entry(c) {
        return format!("{name} ({number})");
    }
    match (CONTROL.get(c as usize), fullwidth(c)) {
        (Some(name), _) => format!("{name} ({number})"),
        (None, Some(like)) => format!("fullwidth `{like}` ({number})"),
        (None, None) if c == '\u{7f}' => format!("delete ({number})"),
        (None, None) if c.is_control() => format!("control character ({number})"),
        (None, None) => format!("`{c}` ({number})"),
    }
}

fn entry(c: char) -> Option<&'static (char, Likeness, &'static str)> {
    LOOK_ALIKES.iter().find(|(known, ..)| *known == c)
}

/// East Asian fonts have all of ASCII once more.
fn fullwidth(c: char) -> Option<char> {
    matches!(c, '\u{ff01}'..='\u{ff5e}').then(|| char::from_u32(u32::from(c) - 0xff01 + 0x21)).flatten()
}

const CONTROL: [&str; 32] = [
    "null",
    "start of heading",
    "start of text",
    "end of text",
    "end of transmission",
    "enquiry",
    "acknowledge",
    "bell",
    "backspace",
    "tab",
    "line feed",
    "vertical tab",
    "form feed",
    "carriage return",
    "shift out",
    "shift in",
    "data link escape",
    "device control one",
    "device control two",
    "device control three",
    "device control four",
    "negative acknowledge",
    "synchronous idle",
    "end of transmission block",
    "cancel",
    "end of medium",
    "substitute",
    "escape",
    "file separator",
    "group separator",
    "record separator",
    "unit separator",
];

const LOOK_ALIKES: &[(char, Likeness, &str)] = &[
    ('\u{85}', Likeness::LineEnd, "next line"),
    ('\u{2028}', Likeness::LineEnd, "line separator"),
    ('\u{2029}', Likeness::LineEnd, "paragraph separator"),
    ('\u{a0}', Likeness::Space, "no-break space"),
    ('\u{1680}', Likeness::Space, "Ogham space mark"),
    ('\u{2000}', Likeness::Space, "en quad"),
    ('\u{2001}', Likeness::Space, "em quad"),
    ('\u{2002}', Likeness::Space, "en space"),
    ('\u{2003}', Likeness::Space, "em space"),
    ('\u{2004}', Likeness::Space, "three-per-em space"),
    ('\u{2005}', Likeness::Space, "four-per-em space"),
    ('\u{2006}', Likeness::Space, "six-per-em space"),
    ('\u{2007}', Likeness::Space, "figure space"),
    ('\u{2008}', Likeness::Space, "punctuation space"),
    ('\u{2009}', Likeness::Space, "thin space"),
    ('\u{200a}', Likeness::Space, "hair space"),
    ('\u{202f}', Likeness::Space, "narrow no-break space"),
    ('\u{205f}', Likeness::Space, "medium mathematical space"),
    ('\u{2800}', Likeness::Space, "Braille pattern blank"),
    ('\u{3000}', Likeness::Space, "ideographic space"),
    ('\u{3164}', Likeness::Space, "Hangul filler"),
    ('\u{ad}', Likeness::Nothing, "soft hyphen"),
    ('\u{34f}', Likeness::Nothing, "combining grapheme joiner"),
    ('\u{61c}', Likeness::Nothing, "Arabic letter mark"),
    ('\u{180e}', Likeness::Nothing, "Mongolian vowel separator"),
    ('\u{200b}', Likeness::Nothing, "zero width space"),
    ('\u{200c}', Likeness::Nothing, "zero width non-joiner"),
    ('\u{200d}', Likeness::Nothing, "zero width joiner"),
    ('\u{200e}', Likeness::Nothing, "left-to-right mark"),
    ('\u{200f}', Likeness::Nothing, "right-to-left mark"),
    ('\u{202a}', Likeness::Nothing, "left-to-right embedding"),
    ('\u{202b}', Likeness::Nothing, "right-to-left embedding"),
    ('\u{202c}', Likeness::Nothing, "pop directional formatting"),
    ('\u{202d}', Likeness::Nothing, "left-to-right override"),
    ('\u{202e}', Likeness::Nothing, "right-to-left override"),
    ('\u{2060}', Likeness::Nothing, "word joiner"),
    ('\u{2061}', Likeness::Nothing, "function application"),
    ('\u{2062}', Likeness::Nothing, "invisible times"),
    ('\u{2063}', Likeness::Nothing, "invisible separator"),
    ('\u{2064}', Likeness::Nothing, "invisible plus"),
    ('\u{2066}', Likeness::Nothing, "left-to-right isolate"),
    ('\u{2067}', Likeness::Nothing, "right-to-left isolate"),
    ('\u{2068}', Likeness::Nothing, "first strong isolate"),
    ('\u{2069}', Likeness::Nothing, "pop directional isolate"),
    ('\u{fe0e}', Likeness::Nothing, "variation selector-15"),
    ('\u{fe0f}', Likeness::Nothing, "variation selector-16"),
    ('\u{feff}', Likeness::Nothing, "zero width no-break space, or byte order mark"),
    ('\u{ab}', Likeness::Quote, "left-pointing double angle quotation mark"),
    ('\u{bb}', Likeness::Quote, "right-pointing double angle quotation mark"),
    ('\u{2033}', Likeness::Quote, "double prime"),
    ('\u{201c}', Likeness::Quote, "left double quotation mark"),
    ('\u{201d}', Likeness::Quote, "right double quotation mark"),
    ('\u{201e}', Likeness::Quote, "double low-9 quotation mark"),
    ('\u{201f}', Likeness::Quote, "double high-reversed-9 quotation mark"),
    ('\u{ff02}', Likeness::Quote, "fullwidth quotation mark"),
    ('\u{2018}', Likeness::Sign('\''), "left single quotation mark"),
    ('\u{2019}', Likeness::Sign('\''), "right single quotation mark"),
    ('\u{201a}', Likeness::Sign('\''), "single low-9 quotation mark"),
    ('\u{201b}', Likeness::Sign('\''), "single high-reversed-9 quotation mark"),
    ('\u{2032}', Likeness::Sign('\''), "prime"),
    ('\u{2010}', Likeness::Sign('-'), "hyphen"),
    ('\u{2011}', Likeness::Sign('-'), "non-breaking hyphen"),
    ('\u{2012}', Likeness::Sign('-'), "figure dash"),
    ('\u{2013}', Likeness::Sign('-'), "en dash"),
    ('\u{2014}', Likeness::Sign('-'), "em dash"),
    ('\u{2015}', Likeness::Sign('-'), "horizontal bar"),
    ('\u{2212}', Likeness::Sign('-'), "minus sign"),
    ('\u{fe58}', Likeness::Sign('-'), "small em dash"),
    ('\u{fe63}', Likeness::Sign('-'), "small hyphen-minus"),
    ('\u{2044}', Likeness::Sign('/'), "fraction slash"),
    ('\u{2215}', Likeness::Sign('/'), "division slash"),
    ('\u{2024}', Likeness::Sign('.'), "one dot leader"),
    ('\u{3002}', Likeness::Sign('.'), "ideographic full stop"),
    ('\u{2236}', Likeness::Sign(':'), "ratio"),
    ('\u{a789}', Likeness::Sign(':'), "modifier letter colon"),
    ('\u{2217}', Likeness::Sign('*'), "asterisk operator"),
    ('\u{ff3f}', Likeness::Sign('_'), "fullwidth low line"),
    ('\u{430}', Likeness::Letter('a'), "Cyrillic small letter a"),
    ('\u{435}', Likeness::Letter('e'), "Cyrillic small letter ie"),
    ('\u{43e}', Likeness::Letter('o'), "Cyrillic small letter o"),
    ('\u{440}', Likeness::Letter('p'), "Cyrillic small letter er"),
    ('\u{441}', Likeness::Letter('c'), "Cyrillic small letter es"),
    ('\u{443}', Likeness::Letter('y'), "Cyrillic small letter u"),
    ('\u{445}', Likeness::Letter('x'), "Cyrillic small letter ha"),
    ('\u{455}', Likeness::Letter('s'), "Cyrillic small letter dze"),
    ('\u{456}', Likeness::Letter('i'), "Cyrillic small letter Byelorussian-Ukrainian i"),
    ('\u{458}', Likeness::Letter('j'), "Cyrillic small letter je"),
    ('\u{4bb}', Likeness::Letter('h'), "Cyrillic small letter shha"),
    ('\u{501}', Likeness::Letter('d'), "Cyrillic small letter Komi de"),
    ('\u{51b}', Likeness::Letter('q'), "Cyrillic small letter qa"),
    ('\u{51d}', Likeness::Letter('w'), "Cyrillic small letter we"),
    ('\u{405}', Likeness::Letter('S'), "Cyrillic capital letter dze"),
    ('\u{406}', Likeness::Letter('I'), "Cyrillic capital letter Byelorussian-Ukrainian i"),
    ('\u{408}', Likeness::Letter('J'), "Cyrillic capital letter je"),
    ('\u{410}', Likeness::Letter('A'), "Cyrillic capital letter a"),
    ('\u{412}', Likeness::Letter('B'), "Cyrillic capital letter ve"),
    ('\u{415}', Likeness::Letter('E'), "Cyrillic capital letter ie"),
    ('\u{41a}', Likeness::Letter('K'), "Cyrillic capital letter ka"),
    ('\u{41c}', Likeness::Letter('M'), "Cyrillic capital letter em"),
    ('\u{41d}', Likeness::Letter('H'), "Cyrillic capital letter en"),
    ('\u{41e}', Likeness::Letter('O'), "Cyrillic capital letter o"),
    ('\u{420}', Likeness::Letter('P'), "Cyrillic capital letter er"),
    ('\u{421}', Likeness::Letter('C'), "Cyrillic capital letter es"),
    ('\u{422}', Likeness::Letter('T'), "Cyrillic capital letter te"),
    ('\u{423}', Likeness::Letter('Y'), "Cyrillic capital letter u"),
    ('\u{425}', Likeness::Letter('X'), "Cyrillic capital letter ha"),
    ('\u{3bd}', Likeness::Letter('v'), "Greek small letter nu"),
    ('\u{3bf}', Likeness::Letter('o'), "Greek small letter omicron"),
    ('\u{391}', Likeness::Letter('A'), "Greek capital letter alpha"),
    ('\u{392}', Likeness::Letter('B'), "Greek capital letter beta"),
    ('\u{395}', Likeness::Letter('E'), "Greek capital letter epsilon"),
    ('\u{396}', Likeness::Letter('Z'), "Greek capital letter zeta"),
    ('\u{397}', Likeness::Letter('H'), "Greek capital letter eta"),
    ('\u{399}', Likeness::Letter('I'), "Greek capital letter iota"),
    ('\u{39a}', Likeness::Letter('K'), "Greek capital letter kappa"),
    ('\u{39c}', Likeness::Letter('M'), "Greek capital letter mu"),
    ('\u{39d}', Likeness::Letter('N'), "Greek capital letter nu"),
    ('\u{39f}', Likeness::Letter('O'), "Greek capital letter omicron"),
    ('\u{3a1}', Likeness::Letter('P'), "Greek capital letter rho"),
    ('\u{3a4}', Likeness::Letter('T'), "Greek capital letter tau"),
    ('\u{3a5}', Likeness::Letter('Y'), "Greek capital letter upsilon"),
    ('\u{3a7}', Likeness::Letter('X'), "Greek capital letter chi"),
    ('\u{131}', Likeness::Letter('i'), "Latin small letter dotless i"),
    ('\u{212a}', Likeness::Letter('K'), "Kelvin sign"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_told_by_name_and_number() {
        for (c, expected, passes_for) in [
            ('\u{a0}', "no-break space (U+00A0)", Some(Likeness::Space)),
            ('\u{200b}', "zero width space (U+200B)", Some(Likeness::Nothing)),
            ('\u{430}', "Cyrillic small letter a (U+0430)", Some(Likeness::Letter('a'))),
            ('\u{ff5b}', "fullwidth `{` (U+FF5B)", Some(Likeness::Sign('{'))),
            ('\r', "carriage return (U+000D)", None),
            ('\u{7f}', "delete (U+007F)", None),
            ('é', "`é` (U+00E9)", None),
        ] {
            assert_eq!((name(c).as_str(), likeness(c)), (expected, passes_for));
        }
    }
}
