//! Where it listens, and what it says when it cannot.

use std::net::{Ipv4Addr, TcpListener};

use crate::page::Page;
use crate::program::Program;

fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// The program that holds the port is this test.
fn assert_names_us(line: &str, address: &str) {
    assert!(line.starts_with(&format!("weir: cannot listen on {address}")), "{line}");
    assert!(line.contains("which is free"), "{line}");
    if cfg!(target_os = "linux") {
        assert!(line.contains(&format!("process {}", std::process::id())), "{line}");
    }
}

#[test]
fn a_taken_rtmp_port_is_code_1_and_a_line_that_names_the_program() {
    let (_held, address) = taken();
    for arguments in [vec!["serve", "--listen", &address], vec!["-listen", &address]] {
        let ended = Program::run(arguments, &[]).end();
        assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
        assert_names_us(&ended.lines[0], &address);
    }
}

#[test]
fn a_taken_port_of_the_page_is_code_1_too() {
    let (_held, address) = taken();
    let ended = Program::run(["serve", "--listen", "127.0.0.1:0", "--http", &address], &[]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
    assert_names_us(&ended.lines[0], &address);
}

#[test]
fn fault_43_a_taken_srt_port_is_as_visible() {
    let held = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = held.local_addr().unwrap().to_string();
    let ended = Program::run(["-listen", "127.0.0.1:0", "-srt-listen", &address], &[]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
    assert_names_us(&ended.lines[0], &address);
    assert!(ended.lines[0].contains("for SRT"), "{ended:?}");
}

#[test]
fn an_address_of_another_computer_is_code_1() {
    let ended = Program::run(["--listen", "192.0.2.1:1935"], &[]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.lines[0].contains("192.0.2.1 is no address of this computer"), "{ended:?}");
}

#[test]
fn a_port_that_is_given_twice_is_said_in_one_line() {
    let (held, address) = taken();
    drop(held);
    for flags in [["--http", &address], ["--metrics-addr", &address]] {
        let ended = Program::run(["--listen", &address].iter().chain(&flags), &[]).end();
        assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
        assert!(ended.lines[0].starts_with(&format!("weir: cannot listen on {address} for ")), "{ended:?}");
        if cfg!(target_os = "linux") {
            assert!(ended.lines[0].contains("already used by another of Weir's own listeners"), "{ended:?}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_there_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[rtmps]\nenabled = true\nlisten = [\"127.0.0.1:0\"]\n[tls]\ncert = \"no.pem\"\nkey = \"no.key\"\n";
    std::fs::write(folder.path().join("weir.toml"), settings).unwrap();
    let ended = Program::run_in(folder, ["--listen", "127.0.0.1:0", "--config", "weir.toml"], &[]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.lines[0].starts_with("weir: there is no certificate for RTMPS: the file no.pem"), "{ended:?}");
}

#[test]
fn a_data_folder_that_another_weir_uses_is_code_1_and_a_line_that_names_it() {
    let mut first = Program::serve(&[]);
    let _page = Page::of(&mut first);
    let data = first.path("data");
    let second = || Program::run(["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()], &[]);
    let ended = second().end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(1), 1), "{ended:?}");
    let line = &ended.lines[0];
    assert!(line.starts_with("weir: another Weir is using the data folder"), "{line}");
    assert!(line.contains(data.to_str().unwrap()) && line.contains("--data-dir"), "{line}");
    // However the first one ends, its folder is free then.
    let folder = std::mem::replace(&mut first.folder, tempfile::tempdir().unwrap());
    drop(first);
    second().until("that it listens", |line| line.contains("RTMP listens").then_some(()));
    drop(folder);
}
