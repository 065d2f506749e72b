//! The icon in the system's tray: how things stand at a glance, and the handful of things people do without the window.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tauri::image::Image;
use tauri::menu::{CheckMenuItemBuilder, IsMenuItem, Menu, MenuItemBuilder, PredefinedMenuItem, SubmenuBuilder};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Wry, include_image};
use tauri_plugin_clipboard_manager::ClipboardExt as _;

use weir_tray::{Core, Face, Key, Mood, Seen, Words, act};

use super::{closing, folder, window};

/// The shape tells the state too, for those who do not tell the colours apart.
const IDLE: Image<'_> = include_image!("icons/tray/idle.png");
const LIVE: Image<'_> = include_image!("icons/tray/live.png");
const TROUBLE: Image<'_> = include_image!("icons/tray/trouble.png");

/// The tray icon, if this desktop has a tray. Cheap to clone; clones share.
#[derive(Clone)]
pub(super) struct Tray(Arc<Inner>);

struct Inner {
    app: AppHandle,
    icon: Option<TrayIcon>,
    /// Whether somebody shows the icon.
    hosted: AtomicBool,
    words: Words,
    shown: Mutex<Option<Face>>,
}

impl Tray {
    /// Puts the icon there. Without the system's library for it the app goes on without.
    pub(super) fn new(app: &AppHandle, core: &Core, words: Words) -> Self {
        let core = core.clone();
        // The library is loaded at run time, and the crate panics where it is missing.
        let built = catch_unwind(AssertUnwindSafe(|| {
            TrayIconBuilder::with_id("weir")
                .icon(IDLE)
                .tooltip("Weir")
                .show_menu_on_left_click(cfg!(target_os = "macos"))
                .on_tray_icon_event(|tray, event| {
                    // On macOS a click opens the menu.
                    if !cfg!(target_os = "macos") && is_click(&event) {
                        window::show(tray.app_handle());
                    }
                })
                .on_menu_event(move |app, event| chosen(app, &core, event.id().as_ref()))
                .build(app)
        }));
        let icon = match built {
            Ok(Ok(icon)) => Some(icon),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no tray icon");
                None
            }
            Err(_) => {
                tracing::warn!("no tray icon: the system's library for it (libayatana-appindicator3) is missing");
                None
            }
        };
        Self(Arc::new(Inner { app: app.clone(), icon, hosted: AtomicBool::new(false), words, shown: Mutex::default() }))
    }

    /// Whether a person can reach the app by it when the window is hidden.
    pub(super) fn is_there(&self) -> bool {
        self.0.icon.is_some() && self.0.hosted.load(Ordering::Relaxed)
    }

    /// Looks whether this desktop shows tray icons. Blocks.
    pub(super) fn look_for_host(&self) {
        self.0.hosted.store(host::is_there(), Ordering::Relaxed);
    }

    /// Shows how things stand; does nothing when that looks as before.
    pub(super) fn show(&self, seen: &Seen) {
        let face = Face::from(seen);
        let mut shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref() != Some(&face) {
            self.draw(&face);
            *shown = Some(face);
        }
    }

    /// Says the same again, in another language.
    pub(super) fn retell(&self) {
        let shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(face) = shown.as_ref() {
            self.draw(face);
        }
    }

    fn draw(&self, face: &Face) {
        let Some(icon) = &self.0.icon else { return };
        let (image, line) = match face.mood {
            Mood::Idle => (IDLE, self.0.words.say(Key::TrayIdle, &[])),
            Mood::Live => (LIVE, self.0.words.say(Key::TrayLive, &[("streams", &face.live.join(", "))])),
            Mood::Trouble => (TROUBLE, self.0.words.say(Key::TrayTrouble, &[])),
        };
        let drawn = self.menu(face, &line).and_then(|menu| icon.set_menu(Some(menu)));
        let drawn = drawn
            .and_then(|()| icon.set_icon(Some(image)))
            .and_then(|()| icon.set_tooltip(Some(format!("Weir: {line}"))));
        if let Err(error) = drawn {
            tracing::debug!(%error, "the tray icon cannot be drawn");
        }
    }

    fn menu(&self, face: &Face, line: &str) -> tauri::Result<Menu<Wry>> {
        let app = &self.0.app;
        let say = |key| self.0.words.say(key, &[]);
        let item = |id: &str, text: String, enabled| MenuItemBuilder::with_id(id, text).enabled(enabled).build(app);
        let record = if face.is_recorded { Key::TrayRecordStop } else { Key::TrayRecord };
        let mut legs = SubmenuBuilder::new(app, say(Key::TrayDestinations));
        for leg in &face.legs {
            let entry = CheckMenuItemBuilder::with_id(format!("{LEG}{}", leg.id), &leg.name);
            legs = legs.item(&entry.checked(leg.enabled).build(app)?);
        }
        let legs = legs.enabled(!face.legs.is_empty()).build()?;
        let items: [&dyn IsMenuItem<Wry>; 9] = [
            &item("state", line.to_owned(), false)?,
            &PredefinedMenuItem::separator(app)?,
            &item(OPEN, say(Key::TrayOpen), true)?,
            &item(COPY, say(Key::TrayCopy), face.has_address)?,
            &item(RECORD, say(record), !face.live.is_empty())?,
            &legs,
            &item(FOLDER, say(Key::TrayFolder), true)?,
            &PredefinedMenuItem::separator(app)?,
            &item(QUIT, say(Key::TrayQuit), true)?,
        ];
        Menu::with_items(app, &items)
    }
}

const OPEN: &str = "open";
const COPY: &str = "copy";
const RECORD: &str = "record";
const FOLDER: &str = "folder";
const QUIT: &str = "quit";
const LEG: &str = "leg:";

fn is_click(event: &TrayIconEvent) -> bool {
    matches!(event, TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. })
}

fn chosen(app: &AppHandle, core: &Core, id: &str) {
    let (app, core, id) = (app.clone(), core.clone(), id.to_owned());
    tauri::async_runtime::spawn(async move {
        match id.as_str() {
            OPEN => window::show(&app),
            QUIT => closing::ask(&app, &core).await,
            FOLDER => {
                if let Err(reason) = folder::open(&core).await {
                    tracing::warn!(%reason, "the recordings folder cannot be opened");
                }
            }
            COPY => copy(&app, &core).await,
            RECORD => act::record_or_stop(&core).await,
            leg => {
                if let Some(id) = leg.strip_prefix(LEG) {
                    act::switch_destination(&core, id).await;
                }
            }
        }
    });
}

async fn copy(app: &AppHandle, core: &Core) {
    let Some(address) = Seen::look(core).await.address else { return };
    if let Err(error) = app.clipboard().write_text(address) {
        tracing::warn!(%error, "the address cannot be copied");
    }
}

/// Whether the desktop shows tray icons at all. Linux desktops differ: an icon without a host is seen by nobody.
mod host {
    #[cfg(target_os = "linux")]
    pub(super) fn is_there() -> bool {
        let asked = zbus::blocking::Connection::session().and_then(|bus| {
            let bus = zbus::blocking::fdo::DBusProxy::new(&bus)?;
            Ok(bus.name_has_owner("org.kde.StatusNotifierWatcher".try_into()?)?)
        });
        asked.unwrap_or(false)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) const fn is_there() -> bool {
        true
    }
}
