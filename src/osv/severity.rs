//! How bad: CVSS scores, and the words of databases that give none.

use std::fmt;

use cvss::Cvss;
use serde::Deserialize;

/// A word for how bad a vulnerability is (CVSS v4.0 §6, qualitative severity).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rating {
    /// A score of 0.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Rating {
    /// The word for a CVSS score.
    pub fn of(score: f32) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            score if score > 0.0 => Self::Low,
            _ => Self::None,
        }
    }

    /// The word of a database, in any case; GitHub says `moderate` for `medium`.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "low" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// `severity[]`.
#[derive(Debug, Deserialize)]
pub(super) struct Severity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

impl Severity {
    /// The score of a CVSS vector, 0 to 10; `None` for any other kind of severity and for a
    /// vector that is none.
    pub(super) fn score(&self) -> Option<f32> {
        let cvss: Cvss = match self.kind.as_str() {
            "CVSS_V2" => Cvss::CvssV20(self.score.parse().ok()?),
            "CVSS_V3" | "CVSS_V4" => self.score.parse().ok()?,
            _ => return None,
        };
        // The crate takes a metric that is left out for harmless; without one that is
        // mandatory there is no score.
        let mandatory: &[&str] = match cvss {
            Cvss::CvssV20(_) => &["AV", "AC", "Au", "C", "I", "A"],
            Cvss::CvssV40(_) => &[
                "AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA",
            ],
            _ => &["AV", "AC", "PR", "UI", "S", "C", "I", "A"],
        };
        let metrics = self.score.split('/').filter_map(|one| one.split_once(':'));
        let given: Vec<&str> = metrics.map(|(name, _)| name).collect();
        if !mandatory.iter().all(|name| given.contains(name)) {
            return None;
        }
        let score = cvss.score() as f32;
        (0.0..=10.0).contains(&score).then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_known_vectors() {
        // The examples of FIRST's own documents and calculators.
        for (kind, vector, score) in [
            ("CVSS_V2", "AV:N/AC:L/Au:N/C:N/I:N/A:C", Some(7.8)),
            ("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C", Some(10.0)),
            (
                "CVSS_V3",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                Some(9.8),
            ),
            (
                "CVSS_V3",
                "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
                Some(6.1),
            ),
            (
                "CVSS_V3",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N",
                Some(0.0),
            ),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
                Some(10.0),
            ),
            (
                "CVSS_V4",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Some(9.3),
            ),
            ("CVSS_V3", "CVSS:3.1/AV:N", None),
            ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS_V2", "AV:N/AC:L/Au:N", None),
            ("CVSS_V4", "9.8", None),
            ("Ubuntu", "high", None),
        ] {
            let severity = Severity {
                kind: kind.to_owned(),
                score: vector.to_owned(),
            };
            assert_eq!(severity.score(), score, "{vector}");
        }
    }

    #[test]
    fn words() {
        for (score, word) in [
            (0.0, "NONE"),
            (0.1, "Low"),
            (4.0, "MODERATE"),
            (6.9, "medium"),
            (7.0, "HIGH"),
            (9.0, "critical"),
        ] {
            assert_eq!(Rating::named(word), Some(Rating::of(score)));
        }
        assert_eq!(Rating::named("UNKNOWN"), None);
        assert!(Rating::Critical > Rating::High && Rating::Low > Rating::None);
    }
}
