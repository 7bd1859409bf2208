//! `use_vmac` as it is written.

use crate::vrrpd::keepalived::blocks::values::{At, interface};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::{Report, Span};

const SYNTAX: &str = "use_vmac [NAME], with the name of the interface to make";

/// `use_vmac` as written.
pub(crate) struct VmacDraft {
    pub(crate) span: Span,
    /// `None`: it is given one.
    pub(crate) name: Option<At<String>>,
}

impl VmacDraft {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        statement.no_block(report);
        let mut draft = Self { span: statement.keyword.span, name: None };
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
                text if text.contains(':') => {
                    return draft.refuse(
                        word,
                        "only the MAC address of the RFC is supported: 00:00:5e:00:01:VRID",
                        report,
                    );
                }
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
        Some(())
    }

    fn refuse(self, word: &Word, message: &str, report: &mut Report) -> Option<Self> {
        report.error(word.span, message).with_expected(SYNTAX);
        None
    }
}
