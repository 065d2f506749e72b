//! Documents whose links lead somewhere.

use crate::tree;

/// The targets of every `[text](target)`, `![text](target)`, `src`, `srcset` and `href` outside fenced code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push(target.split(' ').next().unwrap_or(target).to_owned());
            }
        }
        for attribute in ["src=\"", "srcset=\"", "href=\""] {
            let targets = line.split(attribute).skip(1).filter_map(|rest| rest.split_once('"'));
            found.extend(targets.map(|(target, _)| target.to_owned()));
        }
    }
    found
}

/// The anchor a heading gets: lower case, punctuation dropped, spaces as hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for name in tree::below("", &[".md"]) {
        let folder = tree::path(&name).parent().expect("a file is in a folder").to_owned();
        for link in links(&tree::text(&name)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { tree::path(&name) } else { folder.join(file) };
            let there = target.exists()
                && (place.is_empty()
                    || std::fs::read_to_string(&target)
                        .is_ok_and(|text| text.lines().any(|line| line.starts_with('#') && anchor(line) == place)));
            if !there {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(seen > 0, "no link was looked at");
    tree::none("links that lead nowhere", &broken);
}

#[test]
fn the_architecture_opens_with_the_picture() {
    let text = tree::text("docs/architecture.md");
    let opening: Vec<&str> = text.lines().take(30).collect();
    assert!(
        opening.iter().any(|line| line.contains("Publisher") && line.contains("Stream")),
        "no picture in {opening:#?}"
    );
}

#[test]
fn the_page_about_settings_is_fresh() {
    let kept = tree::text("docs/configuration.md");
    let fresh = weir_engine::config::markdown();
    assert!(kept == fresh, "docs/configuration.md is old: run `cargo run -p weir-engine --example configuration`");
}
