//! `use_vmac` as it is written.

use crate::vrrpd::keepalived::blocks::values::{At, interface};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::{Report, Span};

const SYNTAX: &str = "use_vmac [NAME] [MAC], with the name of the interface to make, and its MAC address of six octets, or of five before the virtual_router_id";

/// `use_vmac` as written.
pub(crate) struct VmacDraft {
    pub(crate) span: Span,
    /// `None`: it is given one.
    pub(crate) name: Option<At<String>>,
    /// The first five octets of its MAC address, and the last, which may be the virtual router id.
    pub(crate) address: Option<([u8; 5], Option<u8>)>,
}

impl VmacDraft {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        statement.no_block(report);
        let mut draft = Self { span: statement.keyword.span, name: None, address: None };
        let mut words = statement.values.iter();
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "netlink_notify_msg" => {
                    report.notice(
                        word.span,
                        "`netlink_notify_msg` is ignored: it only says what other programs are told",
                    );
                }
                "name" => match words.next() {
                    Some(name) => draft.name(name, report)?,
                    None => {
                        report.error(word.span, "`name` has no value").with_expected(SYNTAX);
                        return None;
                    }
                },
                "group" => return draft.refuse(word, "`group` is known to keepalived but not supported here", report),
                text if text.contains(':') => match mac(text) {
                    Some(_) if draft.address.is_some() => return draft.refuse(word, "a second MAC address", report),
                    Some(address) => draft.address = Some(address),
                    None => return draft.refuse(word, "this is not the MAC address of one interface", report),
                },
                _ => draft.name(word, report)?,
            }
        }
        Some(draft)
    }

    fn name(&mut self, word: &Word, report: &mut Report) -> Option<()> {
        if self.name.is_some() {
            report.error(word.span, "a second name for the interface").with_expected(SYNTAX);
            return None;
        }
        self.name = Some(At { value: interface(word, report)?, span: word.span });
        if matches!(word.text.as_str(), "on" | "off" | "yes" | "no" | "true" | "false") {
            let message = format!("`{}` becomes the name of the interface that has the virtual MAC address", word.text);
            report
                .notice(word.span, message)
                .with_help("`use_vmac` alone switches it on, and without the line it is off");
        }
        Some(())
    }

    fn refuse(self, word: &Word, message: &str, report: &mut Report) -> Option<Self> {
        report.error(word.span, message).with_expected(SYNTAX);
        None
    }
}

/// Six octets, or five, in hexadecimal; neither of a group nor none.
fn mac(text: &str) -> Option<([u8; 5], Option<u8>)> {
    let octet = |text: &str| u8::from_str_radix(text, 16).ok().filter(|_| text.len() <= 2 && !text.starts_with('+'));
    let octets: Vec<u8> = text.split(':').map(octet).collect::<Option<_>>()?;
    let (first, rest) = octets.split_first_chunk::<5>()?;
    let is_of_one = first[0] & 1 == 0 && first.iter().chain(rest).any(|octet| *octet != 0);
    match rest {
        [] if is_of_one => Some((*first, None)),
        [last] if is_of_one => Some((*first, Some(*last))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_has_five_or_six_octets_and_is_of_one_interface() {
        let first = [2, 0, 0x5e, 0, 1];
        assert_eq!(mac("02:00:5e:0:01:fF"), Some((first, Some(0xff))));
        assert_eq!(mac("02:00:5e:0:01"), Some((first, None)));
        for text in [
            "",
            ":",
            "02:00:5e:00",
            "02:00:5e:00:01:02:03",
            "03:00:5e:00:01:02",
            "00:00:00:00:00",
            "2:0:5g:0:1",
            "002:0:5e:0:1",
            "+2:0:5e:0:1",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
