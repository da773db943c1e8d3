//! The lines of a requirements file: joined, without comments but those that
//! say who needs a package (pip documentation, "Requirements file format").

/// Splits `-r file`, `-rfile`, `--requirement=file`; no option is empty.
pub(super) fn option(text: &str) -> (&str, &str) {
    if !text.starts_with('-') {
        return ("", text);
    }
    let end = match text.starts_with("--") {
        true => text.find(['=', ' ', '\t']).unwrap_or(text.len()),
        false => text.char_indices().nth(2).map_or(text.len(), |(at, _)| at),
    };
    let (option, value) = text.split_at(end);
    (option, value.trim_start_matches(['=', ' ', '\t']).trim())
}

/// One line of a requirements file.
pub(super) struct Line<'a> {
    /// Where it starts, from 1.
    pub(super) number: u64,
    /// What it says.
    pub(super) what: What<'a>,
}

/// What a line says.
pub(super) enum What<'a> {
    /// A requirement or an option.
    Text(String),
    /// A comment: who needs the requirement before it.
    Via(&'a str),
}

/// Lines joined at their backslashes, without comments but those that say who
/// needs a package.
pub(super) fn logical_lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let (mut joined, mut start, mut via) = (String::new(), 0, false);
    for (number, line) in (1..).zip(text.lines()) {
        let comment = match line.trim_start().starts_with('#') {
            true => line.find('#'),
            false => line.find(" #").or_else(|| line.find("\t#")),
        };
        let (code, comment) = match comment {
            Some(at) => (
                &line[..at],
                line[at..].trim_start().trim_start_matches('#').trim(),
            ),
            None => (line, ""),
        };
        if joined.is_empty() {
            start = number;
        }
        let continued = code.strip_suffix('\\');
        joined.push_str(continued.unwrap_or(code));
        joined.push(' ');
        if continued.is_none() {
            let whole = joined.trim();
            if !whole.is_empty() {
                let what = What::Text(whole.to_owned());
                lines.push(Line {
                    number: start,
                    what,
                });
                via = false;
            }
            joined.clear();
        }
        let parent = match comment.strip_prefix("via") {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => {
                via = true;
                rest.trim()
            }
            _ if via => comment,
            _ => "",
        };
        via &= !comment.is_empty() || !code.trim().is_empty();
        if !parent.is_empty() {
            let what = What::Via(parent);
            lines.push(Line { number, what });
        }
    }
    if !joined.trim().is_empty() {
        let what = What::Text(joined.trim().to_owned());
        lines.push(Line {
            number: start,
            what,
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_comments_dropped() {
        let text = "# head\na==1 \\\n  --hash=sha256:00 # why\n    # via\n    #   b\n    #   -r x.in\nb==2  # via c\n\n# not via\nc @ https://h/x#egg=c\nlast \\";
        let shown: Vec<String> = logical_lines(text)
            .into_iter()
            .map(|line| match line.what {
                What::Text(text) => format!("{}: {text}", line.number),
                What::Via(parent) => format!("< {parent}"),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "2: a==1    --hash=sha256:00",
                "< b",
                "< -r x.in",
                "7: b==2",
                "< c",
                "10: c @ https://h/x#egg=c",
                "11: last",
            ]
        );
    }

    #[test]
    fn options_are_split() {
        assert_eq!(option("-r a b.txt"), ("-r", "a b.txt"));
        assert_eq!(option("-ra.txt"), ("-r", "a.txt"));
        assert_eq!(option("--requirement=a.txt"), ("--requirement", "a.txt"));
        assert_eq!(option("-"), ("-", ""));
        assert_eq!(option("-é x"), ("-é", "x"));
        assert_eq!(option("a -r b"), ("", "a -r b"));
    }
}
