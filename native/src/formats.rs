//! Formats of strings as regular expressions that accept no invalid string.

/// Without leap seconds, and with offsets below the 18 hours that Java allows.
const TIME: &str = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9])";
/// The Gregorian calendar, with leap years. Year 0000 is left out: not all programs accept it.
const DATE: &str = concat!(
    r"(?:(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})-(?:",
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])",
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
);
/// At most 31 characters without two hyphens in a row, which mark an encoded name.
const LABEL: &str = "[A-Za-z0-9]{1,15}(?:-[A-Za-z0-9]{1,15})?";
const OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const HEX: &str = "[0-9A-Fa-f]{1,4}";

/// The regular expression of a format, which matches a whole string; none if the format is not supported.
pub fn regex(format: &str) -> Option<String> {
    let regex = match format {
        "date" => DATE.to_string(),
        "time" => TIME.to_string(),
        "date-time" => format!("{DATE}T{TIME}"),
        "duration" => duration(),
        "uuid" => "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}".to_string(),
        "ipv4" => ipv4(),
        "ipv6" => ipv6(),
        "hostname" => format!(r"{LABEL}(?:\.{LABEL}){{0,6}}"),
        "email" => format!(
            r"[A-Za-z0-9](?:[A-Za-z0-9_+-]{{0,30}}[A-Za-z0-9])?(?:\.[A-Za-z0-9]{{1,15}}){{0,2}}@{LABEL}(?:\.{LABEL}){{0,4}}\.[A-Za-z]{{2,10}}"
        ),
        "uri" => uri(),
        _ => return None,
    };
    Some(regex)
}

fn duration() -> String {
    let number = "[0-9]{1,9}";
    let time = format!("T(?:{number}H(?:{number}M(?:{number}S)?)?|{number}M(?:{number}S)?|{number}S)");
    let date = format!("(?:{number}Y(?:{number}M(?:{number}D)?)?|{number}M(?:{number}D)?|{number}D)");
    format!("P(?:{date}(?:{time})?|{time}|{number}W)")
}

fn ipv4() -> String {
    format!(r"{OCTET}(?:\.{OCTET}){{3}}")
}

/// RFC 4291: eight groups, or fewer around one `::`.
fn ipv6() -> String {
    let mut forms = vec![format!("{HEX}(?::{HEX}){{7}}")];
    for before in 0..=7 {
        let head = match before {
            0 => String::new(),
            1 => HEX.to_string(),
            _ => format!("{HEX}(?::{HEX}){{{}}}", before - 1),
        };
        let most = 7 - before;
        let tail = match most {
            0 => String::new(),
            1 => format!("(?:{HEX})?"),
            _ => format!("(?:{HEX}(?::{HEX}){{0,{}}})?", most - 1),
        };
        forms.push(format!("{head}::{tail}"));
    }
    format!("(?:{})", forms.join("|"))
}

/// RFC 3986 with a host name or IPv4 address as authority, or without authority.
fn uri() -> String {
    let encoded = "%[0-9A-Fa-f]{2}";
    let plain = r"A-Za-z0-9._~!$&'()*+,;=\-";
    let segment = format!(r"(?:[{plain}:@]|{encoded})");
    let path = format!("(?:/{segment}*)*");
    let host = format!(r"{LABEL}(?:\.{LABEL}){{0,6}}");
    let authority = format!(r"//(?:(?:[{plain}:]|{encoded})*@)?{host}(?::[0-9]{{1,4}})?{path}");
    let rest = format!(r"/(?:{segment}+{path})?|{segment}+{path}");
    format!(
        r"[A-Za-z][A-Za-z0-9+.-]*:(?:{authority}|{rest})(?:\?(?:[{plain}:@/?]|{encoded})*)?(?:#(?:[{plain}:@/?]|{encoded})*)?"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_a_regular_expression() {
        for format in ["date", "time", "date-time", "duration", "uuid", "ipv4", "ipv6", "hostname", "email", "uri"] {
            let expression = regex(format).expect(format);
            assert!(regex_syntax::parse(&expression).is_ok(), "{format}");
        }
        assert_eq!(regex("iri"), None);
    }
}
