//! What becomes of certificates as time goes by.

use super::*;

fn imported(folder: &Path, at: SystemTime) {
    let pair = make::certificate(&names::of_this_computer(&[]), "host", at).unwrap();
    opened(folder).0.import(&pair, None, at).unwrap();
}

fn opened(folder: &Path) -> (Certificates, Problems) {
    let events = Events::default();
    let problems = Problems::new(events.clone());
    (Certificates::new(events, problems.clone(), &Config::default(), folder.to_owned()).unwrap(), problems)
}

#[test]
fn an_imported_pair_that_has_ended_gives_way_to_one_of_our_own_and_that_is_said() {
    let (folder, now) = (tempfile::tempdir().unwrap(), SystemTime::now());
    imported(folder.path(), now - Duration::from_secs(20 * 365 * 24 * 3600));
    let (certificates, problems) = opened(folder.path());
    certificates.prepare(now).unwrap();
    assert_eq!(certificates.status().unwrap().source, Source::Made);
    assert_eq!(problems.list()[0].code, "certificate_expired");
}

#[test]
fn an_imported_pair_stays_when_no_other_can_be_made() {
    let (folder, now) = (tempfile::tempdir().unwrap(), SystemTime::now());
    imported(folder.path(), now);
    std::fs::create_dir(folder.path().join("made.key")).unwrap();
    let (certificates, _) = opened(folder.path());
    certificates.renew(now).unwrap_err();
    certificates.prepare(now).unwrap();
    assert_eq!(certificates.status().unwrap().source, Source::Imported);
    std::fs::remove_dir(folder.path().join("made.key")).unwrap();
    certificates.renew(now).unwrap();
    let (again, _) = opened(folder.path());
    again.prepare(now).unwrap();
    assert_eq!(again.status().unwrap().source, Source::Made);
}

#[test]
fn a_certificate_of_somebody_else_is_warned_of_once_a_day_before_its_end_and_said_to_have_ended_after_it() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let (folder, now) = (tempfile::tempdir().unwrap(), SystemTime::now());
    imported(folder.path(), now);
    let (certificates, problems) = opened(folder.path());
    certificates.prepare(now).unwrap();
    let end = certificates.status().unwrap().info.not_after;
    let told = |at: SystemTime| {
        certificates.look(at).unwrap();
        let list = problems.list();
        problems.clear();
        list.into_iter().map(|problem| (problem.code, problem.message)).collect::<Vec<_>>()
    };
    assert_eq!(told(end - 15 * DAY), []);
    let warned = told(end - 13 * DAY);
    assert!(warned[0].0 == "certificate_ends_soon" && warned[0].1.ends_with("for 13 more days."), "{warned:?}");
    assert_eq!(told(end - 13 * DAY + DAY / 2), [], "not at each look");
    let ended = told(end + DAY);
    assert!(ended[0].0 == "certificate_expired" && ended[0].1.contains("has expired"), "{ended:?}");
}
